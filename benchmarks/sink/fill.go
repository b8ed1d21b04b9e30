package main

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"hash/crc64"
	"net/http"
	"net/url"
	"time"
)

const filesPerFolder = 500

// fill puts count objects of size zeros into a bucket, as if they had been
// uploaded in one piece, or with parts=1 in several: their ETag is no MD5 then.
func (s *sink) fill(query url.Values) {
	count, size := number(query, "count", 0), int64(number(query, "size", 0))
	zero := body{size: size, etag: ""}
	sum := md5.New()
	for left := size; left > 0; {
		piece := zeros[:min(left, int64(len(zeros)))]
		zero.crc = crc64.Update(zero.crc, crcTable, piece)
		sum.Write(piece)
		left -= int64(len(piece))
	}
	zero.etag = hex.EncodeToString(sum.Sum(nil))
	if query.Get("parts") != "" {
		zero.etag += "-2"
	}
	now := time.Now().Truncate(time.Second) // OSS sends whole seconds
	meta := http.Header{"Content-Type": []string{"application/octet-stream"}}
	for i := range count {
		path := fmt.Sprintf("%s/%sd%05d/f%07d.bin", query.Get("bucket"), query.Get("prefix"), i/filesPerFolder, i)
		s.store.put(path, &object{body: zero, modified: now, meta: meta})
	}
}
