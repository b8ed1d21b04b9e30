package main

import (
	"bufio"
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"hash/crc64"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

const bufferSize = 256 << 10

var buffers = sync.Pool{New: func() any { return new([bufferSize]byte) }}

// body describes a request's payload once it has been read.
type body struct {
	size int64
	crc  uint64
	etag string // without quotes
	data []byte // nil unless bodies are kept
}

// readBody reads the payload to its end and sums it up.
func readBody(r *http.Request, keep, wantMD5 bool) (body, error) {
	var b body
	var sum hash.Hash
	if wantMD5 {
		sum = md5.New()
	}
	payload, chunked := payloadOf(r)
	buffer := buffers.Get().(*[bufferSize]byte)
	defer buffers.Put(buffer)
	for {
		n, err := payload.Read(buffer[:])
		b.add(buffer[:n], sum, keep)
		if err == io.EOF {
			break
		}
		if err != nil {
			return b, err
		}
	}
	if !chunked && r.ContentLength >= 0 && b.size != r.ContentLength {
		return b, io.ErrUnexpectedEOF
	}
	return b, b.finish(sum, r.Header.Get("Content-Md5"))
}

func (b *body) add(piece []byte, sum hash.Hash, keep bool) {
	b.size += int64(len(piece))
	b.crc = crc64.Update(b.crc, crcTable, piece)
	if sum != nil {
		sum.Write(piece)
	}
	if keep {
		b.data = append(b.data, piece...)
	}
}

func (b *body) finish(sum hash.Hash, expected string) error {
	if sum == nil {
		b.etag = fmt.Sprintf("%016X-0", b.crc) // the dash marks it as no MD5
		return nil
	}
	digest := sum.Sum(nil)
	b.etag = hex.EncodeToString(digest)
	if expected != "" && expected != base64.StdEncoding.EncodeToString(digest) {
		return errors.New("Content-MD5 does not match the body")
	}
	return nil
}

// payloadOf returns a reader of the object's bytes, and whether they come in
// the aws-chunked encoding of streaming signatures.
func payloadOf(r *http.Request) (io.Reader, bool) {
	if strings.HasPrefix(r.Header.Get("X-Amz-Content-Sha256"), "STREAMING-") {
		return &chunkedReader{source: bufio.NewReaderSize(r.Body, 64<<10)}, true
	}
	return r.Body, false
}

// chunkedReader decodes "size[;extensions] CRLF data CRLF ... 0 CRLF trailers".
type chunkedReader struct {
	source *bufio.Reader
	left   int64
	begun  bool
	done   bool
}

func (c *chunkedReader) Read(p []byte) (int, error) {
	if c.done {
		return 0, io.EOF
	}
	if c.left == 0 {
		if err := c.nextChunk(); err != nil {
			return 0, err
		}
		if c.done {
			return 0, io.EOF
		}
	}
	if int64(len(p)) > c.left {
		p = p[:c.left]
	}
	n, err := c.source.Read(p)
	c.left -= int64(n)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

func (c *chunkedReader) nextChunk() error {
	if c.begun {
		if _, err := c.source.Discard(2); err != nil {
			return io.ErrUnexpectedEOF
		}
	}
	c.begun = true
	line, err := c.source.ReadString('\n')
	if err != nil {
		return io.ErrUnexpectedEOF
	}
	size, _, _ := strings.Cut(strings.TrimSpace(line), ";")
	if c.left, err = strconv.ParseInt(size, 16, 64); err != nil || c.left < 0 {
		return fmt.Errorf("bad chunk size %q", size)
	}
	if c.left == 0 {
		c.done = true
		_, err = io.Copy(io.Discard, c.source) // the trailers
	}
	return err
}
