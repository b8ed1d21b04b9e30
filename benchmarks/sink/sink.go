package main

import (
	"encoding/xml"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// sink answers the requests.
type sink struct {
	options
	store     *store
	stats     stats
	cos       cosVerifier
	aws       awsVerifier
	oss       ossVerifier
	requestID atomic.Int64
	delay     atomic.Int64 // of every answer, in nanoseconds
	limit     limit
}

func newSink(o options) *sink {
	s := &sink{
		options: o,
		store:   newStore(),
		cos:     cosVerifier{id: o.secretID, key: o.secretKey},
		aws:     awsVerifier{id: o.secretID, key: o.secretKey},
		oss:     ossVerifier{id: o.secretID, key: o.secretKey},
		limit:   limit{rate: o.requests},
	}
	s.delay.Store(int64(o.latency))
	s.stats.reset()
	return s
}

// call is one request, taken apart.
type call struct {
	w      http.ResponseWriter
	r      *http.Request
	bucket string
	key    string
	query  url.Values
	op     operation
}

func (c *call) path() string { return c.bucket + "/" + c.key }

func (c *call) has(name string) bool { return c.query != nil && c.query.Has(name) }

// bucketOf returns a virtual-host style request's bucket, from its host; empty
// for path style and for the service itself.
func bucketOf(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	if net.ParseIP(host) != nil {
		return ""
	}
	label, _, dotted := strings.Cut(host, ".")
	if !dotted || label == "cos" || label == "service" || label == "s3" {
		return ""
	}
	return label
}

func parseCall(w http.ResponseWriter, r *http.Request) *call {
	c := &call{w: w, r: r, bucket: bucketOf(r.Host), key: strings.TrimPrefix(r.URL.Path, "/")}
	if c.bucket == "" && strings.HasPrefix(r.Header.Get("Authorization"), cosScheme) {
		c.bucket = "custom-domain" // COS has no path style: an address stands for a bucket's own domain
	} else if c.bucket == "" {
		c.bucket, c.key, _ = strings.Cut(c.key, "/")
	}
	if r.URL.RawQuery != "" {
		c.query = r.URL.Query()
	}
	c.op = c.operation()
	return c
}

func (c *call) operation() operation {
	if c.key == "" {
		if c.bucket != "" && c.r.Method == http.MethodGet && !c.has("location") && !c.has("uploads") && !c.has("versioning") {
			return opList
		}
		return opBucket
	}
	switch c.r.Method {
	case http.MethodPut:
		if c.has("uploadId") {
			return opPart
		}
		return opPut
	case http.MethodPost:
		if c.has("uploads") {
			return opInitiate
		}
		if c.has("uploadId") {
			return opComplete
		}
	case http.MethodGet:
		if c.has("uploadId") {
			return opListParts
		}
		return opGet
	case http.MethodHead:
		return opHead
	case http.MethodDelete:
		if c.has("uploadId") {
			return opAbort
		}
		return opDelete
	}
	return opOther
}

func (s *sink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/__stats":
		s.stats.write(w)
		return
	case "/__reset": // with ?objects=keep only the counters
		if r.URL.RawQuery != "objects=keep" {
			s.store.clear()
		}
		s.stats.reset()
		w.WriteHeader(http.StatusNoContent)
		return
	case "/__latency": // ?ms=100 from now on
		ms, _ := strconv.Atoi(r.URL.Query().Get("ms"))
		s.delay.Store(int64(time.Duration(ms) * time.Millisecond))
		w.WriteHeader(http.StatusNoContent)
		return
	case "/__fill":
		s.fill(r.URL.Query())
		w.WriteHeader(http.StatusNoContent)
		return
	}
	c := parseCall(w, r)
	s.stats.begin(c.op)
	defer s.stats.end(c.op)
	w.Header()["x-cos-request-id"] = []string{strconv.FormatInt(s.requestID.Add(1), 36)}
	payload, err := readBody(r, s.keep || c.op == opComplete, s.md5 && (c.op == opPut || c.op == opPart))
	if delay := s.delay.Load(); delay > 0 {
		time.Sleep(time.Duration(delay))
	}
	if err != nil {
		s.fail(c, http.StatusBadRequest, "BadBody", err)
		return
	}
	if err := s.verify(r); err != nil {
		s.stats.signatureFailures.Add(1)
		s.fail(c, http.StatusForbidden, "SignatureDoesNotMatch", err)
		return
	}
	if !s.limit.pass(time.Now()) {
		s.stats.refused.Add(1)
		s.fail(c, http.StatusServiceUnavailable, "SlowDown", errors.New("too many requests"))
		return
	}
	s.dispatch(c, payload)
}

func (s *sink) verify(r *http.Request) error {
	authorization := r.Header.Get("Authorization")
	switch {
	case strings.HasPrefix(authorization, awsScheme):
		return s.aws.verify(r, authorization)
	case strings.HasPrefix(authorization, cosScheme):
		return s.cos.verify(r, authorization)
	case strings.HasPrefix(authorization, ossScheme):
		return s.oss.verify(r, authorization)
	}
	return errors.New("no signature of a known kind")
}

func (s *sink) dispatch(c *call, payload body) {
	switch c.op {
	case opPut:
		s.putObject(c, payload)
	case opPart:
		s.putPart(c, payload)
	case opGet, opHead:
		s.getObject(c)
	case opDelete:
		s.store.remove(c.path())
		c.w.WriteHeader(http.StatusNoContent)
	case opInitiate:
		id := s.store.initiate(c.path(), metaOf(c.r))
		reply(c, "InitiateMultipartUploadResult", initiated{Bucket: c.bucket, Key: c.key, UploadID: id})
	case opListParts, opComplete, opAbort:
		s.withUpload(c, payload)
	case opList:
		s.list(c)
	case opBucket:
		s.bucketCall(c)
	default:
		s.fail(c, http.StatusNotImplemented, "NotImplemented", errors.New(c.r.Method+" "+c.r.URL.String()))
	}
}

func metaOf(r *http.Request) http.Header {
	var meta http.Header
	for name, values := range r.Header {
		if strings.HasPrefix(name, "X-Cos-Meta-") || strings.HasPrefix(name, "X-Amz-Meta-") || name == "Content-Type" {
			if meta == nil {
				meta = make(http.Header, 4)
			}
			if name != "Content-Type" {
				name = strings.ToLower(name) // as COS answers them
			}
			meta[name] = values
		}
	}
	return meta
}

// sums answers what a client needs to prove that its bytes arrived.
func sums(header http.Header, b *body) {
	header["ETag"] = []string{`"` + b.etag + `"`}
	header["x-cos-hash-crc64ecma"] = []string{strconv.FormatUint(b.crc, 10)}
}

func (s *sink) putObject(c *call, payload body) {
	sums(c.w.Header(), &payload)
	s.store.put(c.path(), &object{body: payload, modified: time.Now(), meta: metaOf(c.r)})
	s.stats.objects.Add(1)
	s.stats.bytes.Add(payload.size)
}

func (s *sink) putPart(c *call, payload body) {
	number, err := strconv.Atoi(c.query.Get("partNumber"))
	u := s.store.upload(c.query.Get("uploadId"))
	if err != nil || u == nil || u.path != c.path() {
		s.fail(c, http.StatusNotFound, "NoSuchUpload", errors.New("no such upload or part number"))
		return
	}
	sums(c.w.Header(), &payload)
	u.mutex.Lock()
	u.parts[number] = payload
	u.mutex.Unlock()
	s.stats.bytes.Add(payload.size)
}

func (s *sink) getObject(c *call) {
	o := s.store.get(c.path())
	if o == nil {
		s.fail(c, http.StatusNotFound, "NoSuchKey", errors.New(c.path()))
		return
	}
	header := c.w.Header()
	sums(header, &o.body)
	if strings.HasPrefix(c.r.Header.Get("Authorization"), ossScheme) {
		header["x-oss-hash-crc64ecma"] = header["x-cos-hash-crc64ecma"] // OSS sends the same sum for every object
	}
	header["Last-Modified"] = []string{o.modified.UTC().Format(http.TimeFormat)}
	for name, values := range o.meta {
		header[name] = values
	}
	from, size, partial := rangeOf(c.r.Header.Get("Range"), o.size)
	header["Content-Length"] = []string{strconv.FormatInt(size, 10)}
	if partial {
		header["Content-Range"] = []string{fmt.Sprintf("bytes %d-%d/%d", from, from+size-1, o.size)}
		c.w.WriteHeader(http.StatusPartialContent)
	}
	if c.op == opHead {
		return
	}
	if o.data != nil {
		_, _ = c.w.Write(o.data[from : from+size])
		return
	}
	for size > 0 { // bodies are not kept: only the length is true
		n, err := c.w.Write(zeros[:min(size, int64(len(zeros)))])
		if err != nil {
			return
		}
		size -= int64(n)
	}
}

// rangeOf understands "bytes=first-last", where last may lie behind the end;
// every other range returns all.
func rangeOf(text string, size int64) (from, length int64, partial bool) {
	var last int64
	if n, _ := fmt.Sscanf(text, "bytes=%d-%d", &from, &last); n != 2 || from > last || from >= size {
		return 0, size, false
	}
	return from, min(last, size-1) - from + 1, true
}

var zeros [bufferSize]byte

func (s *sink) withUpload(c *call, payload body) {
	id := c.query.Get("uploadId")
	u := s.store.upload(id)
	if u == nil || u.path != c.path() {
		s.fail(c, http.StatusNotFound, "NoSuchUpload", errors.New(id))
		return
	}
	switch c.op {
	case opListParts:
		reply(c, "ListPartsResult", partsOf(c, id, u))
	case opAbort:
		s.store.uploads.Delete(id)
		c.w.WriteHeader(http.StatusNoContent)
	default:
		s.complete(c, id, u, payload)
	}
}

func (s *sink) complete(c *call, id string, u *upload, payload body) {
	var asked completion
	if err := xml.Unmarshal(payload.data, &asked); err != nil || len(asked.Parts) == 0 {
		s.fail(c, http.StatusBadRequest, "MalformedXML", fmt.Errorf("no list of parts: %v", err))
		return
	}
	numbers := make([]int, len(asked.Parts))
	for i, part := range asked.Parts {
		numbers[i] = part.Number
	}
	whole, err := u.join(numbers)
	if err != nil {
		s.fail(c, http.StatusBadRequest, "InvalidPart", err)
		return
	}
	s.store.uploads.Delete(id)
	s.store.put(u.path, whole)
	s.stats.objects.Add(1)
	sums(c.w.Header(), &whole.body)
	reply(c, "CompleteMultipartUploadResult", completed{
		Location: "http://" + c.r.Host + c.r.URL.Path, Bucket: c.bucket, Key: c.key, ETag: `"` + whole.etag + `"`,
	})
}

func (s *sink) bucketCall(c *call) {
	switch {
	case c.bucket == "":
		reply(c, "ListAllMyBucketsResult", struct{}{})
	case c.has("location"):
		reply(c, "LocationConstraint", struct{}{})
	case c.has("uploads"):
		reply(c, "ListMultipartUploadsResult", uploadsOf(c, s.store))
	case c.has("versioning"):
		reply(c, "VersioningConfiguration", struct{}{})
	default:
		c.w.WriteHeader(http.StatusOK)
	}
}

func (s *sink) fail(c *call, status int, code string, cause error) {
	s.stats.errors.Add(1)
	c.w.Header().Set("Content-Type", "application/xml")
	c.w.WriteHeader(status)
	if c.r.Method != http.MethodHead {
		id := c.w.Header()["x-cos-request-id"][0]
		writeXML(c.w, "Error", failure{
			Code: code, Message: cause.Error(), Resource: c.r.URL.Path, RequestID: id, TraceID: id,
		})
	}
}
