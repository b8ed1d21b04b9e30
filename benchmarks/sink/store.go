package main

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"hash/fnv"
	"net/http"
	"sort"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const shardCount = 64

// object is one stored object; its data is nil unless bodies are kept.
type object struct {
	body
	modified time.Time
	meta     http.Header
}

// upload is one unfinished multipart upload.
type upload struct {
	mutex sync.Mutex
	path  string
	meta  http.Header
	parts map[int]body
}

type shard struct {
	mutex   sync.RWMutex
	objects map[string]*object
}

// store keeps objects by "bucket/key" and uploads by their id.
type store struct {
	shards     [shardCount]shard
	uploads    sync.Map
	lastUpload atomic.Int64
	generation atomic.Int64 // counts changes, to show when the sorted listing is out of date

	listing  sync.Mutex
	sorted   []string
	sortedAt int64
}

func newStore() *store {
	s := &store{sortedAt: -1}
	s.clear()
	return s
}

func (s *store) clear() {
	for i := range s.shards {
		s.shards[i].mutex.Lock()
		s.shards[i].objects = make(map[string]*object)
		s.shards[i].mutex.Unlock()
	}
	s.uploads.Range(func(id, _ any) bool {
		s.uploads.Delete(id)
		return true
	})
	s.generation.Add(1)
}

func (s *store) shardOf(path string) *shard {
	sum := fnv.New32a()
	_, _ = sum.Write([]byte(path))
	return &s.shards[sum.Sum32()%shardCount]
}

func (s *store) put(path string, o *object) {
	part := s.shardOf(path)
	part.mutex.Lock()
	part.objects[path] = o
	part.mutex.Unlock()
	s.generation.Add(1)
}

func (s *store) get(path string) *object {
	part := s.shardOf(path)
	part.mutex.RLock()
	defer part.mutex.RUnlock()
	return part.objects[path]
}

func (s *store) remove(path string) {
	part := s.shardOf(path)
	part.mutex.Lock()
	delete(part.objects, path)
	part.mutex.Unlock()
	s.generation.Add(1)
}

// paths returns every "bucket/key" in order.
func (s *store) paths() []string {
	s.listing.Lock()
	defer s.listing.Unlock()
	generation := s.generation.Load()
	if s.sortedAt == generation {
		return s.sorted
	}
	var all []string
	for i := range s.shards {
		s.shards[i].mutex.RLock()
		for path := range s.shards[i].objects {
			all = append(all, path)
		}
		s.shards[i].mutex.RUnlock()
	}
	sort.Strings(all)
	s.sorted, s.sortedAt = all, generation
	return all
}

func (s *store) initiate(path string, meta http.Header) string {
	id := strconv.FormatInt(s.lastUpload.Add(1), 10)
	s.uploads.Store(id, &upload{path: path, meta: meta, parts: make(map[int]body)})
	return id
}

func (s *store) upload(id string) *upload {
	if found, ok := s.uploads.Load(id); ok {
		return found.(*upload)
	}
	return nil
}

func (u *upload) numbers() []int {
	numbers := make([]int, 0, len(u.parts))
	for number := range u.parts {
		numbers = append(numbers, number)
	}
	sort.Ints(numbers)
	return numbers
}

// join makes the object of the parts that the client named.
func (u *upload) join(numbers []int) (*object, error) {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	whole := &object{modified: time.Now(), meta: u.meta}
	etags := md5.New()
	for _, number := range numbers {
		part, ok := u.parts[number]
		if !ok {
			return nil, fmt.Errorf("part %d is missing", number)
		}
		whole.crc = combine(whole.crc, part.crc, part.size)
		whole.size += part.size
		whole.data = append(whole.data, part.data...)
		digest, _ := hex.DecodeString(strings.TrimSuffix(part.etag, "-0"))
		etags.Write(digest)
	}
	whole.etag = fmt.Sprintf("%x-%d", etags.Sum(nil), len(numbers))
	return whole, nil
}
