package main

import (
	"bufio"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

const connectionBuffer = 32 << 10

// server speaks HTTP/1.1 on kept-alive connections. Where http.Server reads a
// small upload in three or four system calls and watches the connection from a
// second goroutine, this one reads it in one call and answers in one.
type server struct {
	handler     http.Handler
	rate        int64  // of one connection, in bytes a second and direction; 0 = no limit
	lines       int    // connections at once; 0 = no limit
	opened      func() // is called for each connection
	mutex       sync.Mutex
	connections map[net.Conn]struct{} // nil once closed
}

func newServer(handler http.Handler, rate int64, lines int, opened func()) *server {
	return &server{
		handler: handler, rate: rate, lines: lines, opened: opened, connections: make(map[net.Conn]struct{}),
	}
}

func (s *server) serve(listener net.Listener) error {
	for {
		connection, err := listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		s.opened()
		go s.converse(connection)
	}
}

// close ends every connection, also those in the middle of a request.
func (s *server) close() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for connection := range s.connections {
		_ = connection.Close()
	}
	s.connections = nil
}

func (s *server) enter(connection net.Conn) bool {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.connections == nil || (s.lines > 0 && len(s.connections) >= s.lines) {
		return false
	}
	s.connections[connection] = struct{}{}
	return true
}

func (s *server) leave(connection net.Conn) {
	s.mutex.Lock()
	delete(s.connections, connection)
	s.mutex.Unlock()
	_ = connection.Close()
}

func (s *server) converse(connection net.Conn) {
	if !s.enter(connection) {
		_ = connection.Close()
		return
	}
	defer s.leave(connection)
	if s.rate > 0 {
		s.talk(newPacedConn(connection, s.rate))
	} else {
		s.talk(connection)
	}
}

// talk answers requests until one side closes the connection.
func (s *server) talk(connection net.Conn) {
	reader := bufio.NewReaderSize(connection, connectionBuffer)
	answer := &response{connection: connection}
	for {
		r, err := http.ReadRequest(reader)
		if err != nil {
			if !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) && !strings.Contains(err.Error(), "reset") {
				log.Printf("%s: %v", connection.RemoteAddr(), err)
			}
			return
		}
		if strings.EqualFold(r.Header.Get("Expect"), "100-continue") {
			if _, err := io.WriteString(connection, "HTTP/1.1 100 Continue\r\n\r\n"); err != nil {
				return
			}
		}
		answer.begin(r)
		s.handler.ServeHTTP(answer, r)
		if _, err := io.Copy(io.Discard, r.Body); err != nil || answer.finish() != nil || r.Close {
			return
		}
	}
}

// response gathers a small answer and sends it whole; one whose Content-Length
// is set by the handler is streamed once it outgrows the buffer.
type response struct {
	connection net.Conn
	header     http.Header
	head       bool
	close      bool
	status     int
	body       []byte
	out        []byte
	streaming  bool
	err        error
}

func (a *response) begin(r *http.Request) {
	*a = response{
		connection: a.connection, header: make(http.Header, 8), head: r.Method == http.MethodHead, close: r.Close,
		body: a.body[:0], out: a.out[:0],
	}
}

func (a *response) Header() http.Header { return a.header }

func (a *response) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

func (a *response) Write(piece []byte) (int, error) {
	if a.err != nil {
		return 0, a.err
	}
	if !a.head {
		a.body = append(a.body, piece...)
	}
	if len(a.body) >= bufferSize && a.header.Get("Content-Length") != "" {
		a.send()
	}
	return len(piece), a.err
}

func (a *response) finish() error {
	if !a.streaming || len(a.body) > 0 {
		a.send()
	}
	return a.err
}

func (a *response) send() {
	a.out = a.out[:0]
	if !a.streaming {
		a.appendHead()
		a.streaming = true
	}
	a.out = append(a.out, a.body...)
	a.body = a.body[:0]
	_, a.err = a.connection.Write(a.out)
}

func (a *response) appendHead() {
	if a.status == 0 {
		a.status = http.StatusOK
	}
	a.out = append(a.out, "HTTP/1.1 "...)
	a.out = strconv.AppendInt(a.out, int64(a.status), 10)
	a.out = append(a.out, ' ')
	a.out = append(a.out, http.StatusText(a.status)...)
	a.out = append(a.out, "\r\nServer: sink\r\nDate: "...)
	a.out = time.Now().UTC().AppendFormat(a.out, http.TimeFormat)
	for name, values := range a.header {
		for _, value := range values {
			a.out = append(a.out, "\r\n"...)
			a.out = append(a.out, name...)
			a.out = append(a.out, ": "...)
			a.out = append(a.out, value...)
		}
	}
	if a.header.Get("Content-Length") == "" && a.status != http.StatusNoContent {
		a.out = append(a.out, "\r\nContent-Length: "...)
		a.out = strconv.AppendInt(a.out, int64(len(a.body)), 10)
	}
	if a.close {
		a.out = append(a.out, "\r\nConnection: close"...)
	}
	a.out = append(a.out, "\r\n\r\n"...)
}
