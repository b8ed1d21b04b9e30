// Command sink is a COS- and S3-like server for benchmarks: it checks
// signatures, reads and hashes every body, and otherwise does as little as it
// can, so that the client under test is the bottleneck. It keeps nothing on
// disk and is no reference for COS's behaviour: that is the emulator's job.
package main

import (
	"context"
	"crypto/tls"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"
)

type options struct {
	address   string
	secretID  string
	secretKey string
	latency   time.Duration
	rate      int64   // bytes a second and direction of one connection; 0 = no limit
	requests  float64 // a second; those above it are refused; 0 = no limit
	lines     int     // connections at once; others are closed; 0 = no limit
	ca        string  // file for the certificate of the authority; empty = no TLS
	keep      bool
	md5       bool
}

func parseOptions() (options, error) {
	var o options
	var latencyMs int
	var rateMiB int64
	flag.StringVar(&o.address, "listen", "127.0.0.1:0", "address to listen on; port 0 takes a free one")
	flag.StringVar(&o.secretID, "secret-id", "AKIDbenchmark", "the only secret id that is accepted")
	flag.StringVar(&o.secretKey, "secret-key", "benchmarkSecretKey", "the key that belongs to it")
	flag.IntVar(&latencyMs, "latency-ms", 0, "delay of every answer, after the request was read")
	flag.Int64Var(&rateMiB, "connection-mib", 0, "MiB a second that pass over one connection, each way; 0 = no limit")
	flag.Float64Var(&o.requests, "requests", 0, "requests a second; those above it are answered 503 SlowDown; 0 = no limit")
	flag.IntVar(&o.lines, "connections", 0, "connections at once; those above it are closed unanswered; 0 = no limit")
	flag.StringVar(&o.ca, "tls-ca", "", "serve https by a new authority, whose certificate is written to this file")
	flag.BoolVar(&o.keep, "keep", false, "keep bodies in memory; otherwise only their sizes and sums")
	flag.BoolVar(&o.md5, "md5", true, "sum bodies with MD5 too, for ETags and Content-MD5; false spares few cores with big bodies")
	flag.Parse()
	o.latency = time.Duration(latencyMs) * time.Millisecond
	o.rate = rateMiB << 20
	if flag.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", flag.Arg(0))
	}
	if o.rate < 0 {
		return o, fmt.Errorf("-connection-mib %d: must not be negative", rateMiB)
	}
	return o, nil
}

func run() error {
	o, err := parseOptions()
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", o.address)
	if err != nil {
		return err
	}
	if o.ca != "" {
		config, err := certified(o.ca)
		if err != nil {
			return err
		}
		listener = tls.NewListener(listener, config)
	}
	sink := newSink(o)
	server := newServer(sink, o.rate, o.lines, func() { sink.stats.opened.count(time.Now().UnixNano()) })
	stop, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer cancel()
	go func() {
		<-stop.Done()
		_ = listener.Close()
		server.close()
	}()
	fmt.Printf("listening on %s\n", listener.Addr())
	return server.serve(listener)
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "sink:", err)
		os.Exit(1)
	}
}
