package main

import (
	"encoding/json"
	"net/http"
	"sync/atomic"
	"time"
)

// operation names what a request asked for; the counters are kept by it.
type operation int

const (
	opOther operation = iota
	opPut
	opGet
	opHead
	opDelete
	opList
	opBucket
	opInitiate
	opPart
	opListParts
	opComplete
	opAbort
	operations
)

var operationNames = [operations]string{
	"other", "put", "get", "head", "delete", "list", "bucket",
	"initiate", "part", "list_parts", "complete", "abort",
}

// stats counts what the clients did since the start or the last reset.
type stats struct {
	requests          [operations]atomic.Int64
	bytes             atomic.Int64
	objects           atomic.Int64
	signatureFailures atomic.Int64
	errors            atomic.Int64
	refused           atomic.Int64
	concurrent        atomic.Int64
	maxConcurrent     atomic.Int64
	maxParts          atomic.Int64
	parts             atomic.Int64
	first             atomic.Int64
	firstWrite        atomic.Int64
	last              atomic.Int64
	ended             timeline // objects and parts that were answered
	opened            timeline // connections
}

// slot is the resolution of a timeline, slots how many it has: ten minutes.
const (
	slot  = 10 * time.Millisecond
	slots = 60_000
)

// timeline counts events by the time since its begin.
type timeline struct {
	began  atomic.Int64 // in Unix nanoseconds
	counts [slots]atomic.Int64
}

func (t *timeline) reset(now int64) {
	for i := range t.counts {
		t.counts[i].Store(0)
	}
	t.began.Store(now)
}

func (t *timeline) count(now int64) {
	if i := (now - t.began.Load()) / int64(slot); i >= 0 && i < slots {
		t.counts[i].Add(1)
	}
}

// used returns the counts up to the last event.
func (t *timeline) used() []int64 {
	var used []int64
	for i := range t.counts {
		if n := t.counts[i].Load(); n > 0 {
			used = append(used, make([]int64, i+1-len(used))...)
			used[i] = n
		}
	}
	return used
}

func raise(highest *atomic.Int64, value int64) {
	for {
		seen := highest.Load()
		if value <= seen || highest.CompareAndSwap(seen, value) {
			return
		}
	}
}

func (s *stats) begin(op operation) {
	now := time.Now().UnixNano()
	s.requests[op].Add(1)
	if s.first.Load() == 0 {
		s.first.CompareAndSwap(0, now)
	}
	if (op == opPut || op == opInitiate) && s.firstWrite.Load() == 0 {
		s.firstWrite.CompareAndSwap(0, now)
	}
	raise(&s.maxConcurrent, s.concurrent.Add(1))
	if op == opPart {
		raise(&s.maxParts, s.parts.Add(1))
	}
}

func (s *stats) end(op operation) {
	s.concurrent.Add(-1)
	now := time.Now().UnixNano()
	if op == opPart {
		s.parts.Add(-1)
	}
	if op == opPart || op == opPut {
		s.ended.count(now)
	}
	raise(&s.last, now)
}

func (s *stats) reset() {
	for op := range s.requests {
		s.requests[op].Store(0)
	}
	for _, counter := range []*atomic.Int64{
		&s.bytes, &s.objects, &s.signatureFailures, &s.errors, &s.refused,
		&s.maxConcurrent, &s.maxParts, &s.first, &s.firstWrite, &s.last,
	} {
		counter.Store(0)
	}
	now := time.Now().UnixNano()
	s.ended.reset(now)
	s.opened.reset(now)
}

func (s *stats) write(w http.ResponseWriter) {
	byOperation := make(map[string]int64, operations)
	total := int64(0)
	for op, name := range operationNames {
		count := s.requests[op].Load()
		total += count
		byOperation[name] = count
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{
		"requests":             total,
		"requests_by_op":       byOperation,
		"bytes":                s.bytes.Load(),
		"objects_completed":    s.objects.Load(),
		"signature_failures":   s.signatureFailures.Load(),
		"errors":               s.errors.Load(),
		"refused":              s.refused.Load(),
		"max_concurrent":       s.maxConcurrent.Load(),
		"max_concurrent_parts": s.maxParts.Load(),
		"first_request_ns":     s.first.Load(),
		"first_write_ns":       s.firstWrite.Load(),
		"last_request_ns":      s.last.Load(),
		"began_ns":             s.ended.began.Load(),
		"slot_ns":              int64(slot),
		"ended":                s.ended.used(),
		"opened":               s.opened.used(),
	})
}
