package main

import (
	"net"
	"time"
)

// slack is how far a pace may fall behind and still catch up: a sleep ends late.
const slack = 10 * time.Millisecond

// tick is the shortest sleep that is worth its system calls.
const tick = time.Millisecond

// pace lets a number of bytes pass a second; each direction of a connection has
// its own, and one goroutine that uses it.
type pace struct {
	rate int64
	due  time.Time // when everything so far has passed
}

// pass returns when n more bytes have passed.
func (p *pace) pass(n int) {
	now := time.Now()
	if earliest := now.Add(-slack); p.due.Before(earliest) {
		p.due = earliest
	}
	p.due = p.due.Add(time.Duration(int64(n) * int64(time.Second) / p.rate))
	if ahead := p.due.Sub(now); ahead >= tick {
		time.Sleep(ahead)
	}
}

// pacedConn is a connection over a narrow line: reads and writes take the
// time of such a line. The system's buffers on both sides are
// those of the machine: a client may hand over a few MiB at once, but its
// answer comes when they would have passed.
type pacedConn struct {
	net.Conn
	in, out pace
}

func newPacedConn(connection net.Conn, rate int64) *pacedConn {
	return &pacedConn{Conn: connection, in: pace{rate: rate}, out: pace{rate: rate}}
}

func (c *pacedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.in.pass(n)
	return n, err
}

func (c *pacedConn) Write(p []byte) (int, error) {
	c.out.pass(len(p))
	return c.Conn.Write(p)
}
