// SPDX-License-Identifier: Apache-2.0

package milvusbase

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/penstock-go/penstock/pool"
)

// Reasons for which a connection was not made, or ended.
const (
	reasonRefused     = "refused"     // nobody listens
	reasonReset       = "reset"       // the other side dropped it (RST)
	reasonEOF         = "eof"         // the other side closed it without a word (FIN)
	reasonGoAway      = "goaway"      // the server asked for its end (HTTP/2 GOAWAY)
	reasonTimeout     = "timeout"     // no answer in time
	reasonTLS         = "tls"         // no agreement on TLS
	reasonUnreachable = "unreachable" // no route to the host, or no such host
	reasonClosed      = "closed"      // this process closed it
	reasonOther       = "other"
)

var transportReasons = [...]string{
	reasonRefused, reasonReset, reasonEOF, reasonGoAway, reasonTimeout, reasonTLS, reasonUnreachable, reasonClosed, reasonOther,
}

// Transports counts what gRPC does below a pool, for the connections of one factory.
type Transports struct {
	connects            atomic.Uint64
	failed, disconnects [len(transportReasons)]atomic.Uint64
}

// Stats returns how often gRPC connected, failed to, and was disconnected.
func (t *Transports) Stats() pool.TransportStats {
	s := pool.TransportStats{
		Connects: t.connects.Load(),
		Failed:   make(map[string]uint64, len(transportReasons)), Disconnects: make(map[string]uint64, len(transportReasons)),
	}
	for i, reason := range transportReasons {
		s.Failed[reason] = t.failed[i].Load()
		s.Disconnects[reason] = t.disconnects[i].Load()
	}
	return s
}

func count(counters *[len(transportReasons)]atomic.Uint64, reason string) {
	for i, r := range transportReasons {
		if r == reason {
			counters[i].Add(1)
		}
	}
}

// dialer returns gRPC's own way to connect, with a count of the failures. It is nil if
// there is a proxy for the address: gRPC uses the proxy only without a dialer.
func (t *Transports) dialer(address string) func(context.Context, string) (net.Conn, error) {
	proxy, err := http.ProxyFromEnvironment(&http.Request{URL: &url.URL{Scheme: "https", Host: address}})
	if err != nil || proxy != nil {
		return nil
	}
	return func(ctx context.Context, address string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err != nil {
			t.fail(err)
		}
		return conn, err
	}
}

func (t *Transports) fail(err error) { count(&t.failed, ReasonFor(err)) }

// ReasonFor returns why a connection was not made, or ended, with err.
func ReasonFor(err error) string {
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return reasonUnreachable
	}
	var timeout interface{ Timeout() bool }
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return reasonRefused
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return reasonReset
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return reasonUnreachable
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return reasonEOF
	case errors.Is(err, context.Canceled), errors.Is(err, net.ErrClosed):
		return reasonClosed
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded),
		errors.As(err, &timeout) && timeout.Timeout():
		return reasonTimeout
	case isTLS(err):
		return reasonTLS
	}
	return reasonOther
}

func isTLS(err error) bool {
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return true
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return true
	}
	op, ok := errors.AsType[*net.OpError](err)
	return ok && (op.Op == "remote error" || op.Op == "local error") // a TLS alert
}

// silence is how long a connection may say nothing to what was sent on it. What is sent
// sooner after the last data may be no question, such as the update of a window.
const silence = time.Second

// countedConn counts the end of a connection, once, with its reason.
type countedConn struct {
	net.Conn
	t      *Transports
	frames Frames
	heard  atomic.Int64 // when data came last, in nanoseconds since epoch
	asked  atomic.Int64 // when gRPC sent something after a silence, zero if data came since
	ended  atomic.Bool
	goAway atomic.Bool
}

var epoch = time.Now()

// Connected counts a connection, and returns it as one whose end is counted.
func (t *Transports) Connected(conn net.Conn) net.Conn {
	t.connects.Add(1)
	c := &countedConn{Conn: conn, t: t}
	c.heard.Store(int64(time.Since(epoch)))
	return c
}

func (c *countedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 0 {
		c.heard.Store(int64(time.Since(epoch)))
		c.asked.Store(0)
		if c.frames.SawGoAway(b[:n]) {
			c.goAway.Store(true)
		}
	}
	if err != nil && !errors.Is(err, net.ErrClosed) {
		c.end(ReasonFor(err))
	}
	return n, err
}

func (c *countedConn) Write(b []byte) (int, error) {
	if now := time.Since(epoch); now-time.Duration(c.heard.Load()) > silence {
		c.asked.CompareAndSwap(0, int64(now))
	}
	return c.Conn.Write(b)
}

// Close ends a connection that nothing has ended yet: the pool closes it, or gRPC, whose
// ping was not answered. Before it closes a connection, gRPC sends a last frame.
func (c *countedConn) Close() error {
	if asked := c.asked.Load(); asked != 0 && time.Since(epoch)-time.Duration(asked) > silence {
		c.end(reasonTimeout)
	} else {
		c.end(reasonClosed)
	}
	return c.Conn.Close()
}

func (c *countedConn) end(reason string) {
	if c.goAway.Load() {
		reason = reasonGoAway
	}
	if !c.ended.Swap(true) {
		count(&c.t.disconnects, reason)
	}
}

// Frames finds a GOAWAY among the frames of HTTP/2 that are read. It keeps no data. One
// goroutine reads a connection.
type Frames struct {
	head [9]byte
	have int // bytes of head
	skip int // bytes of the frame that are still to come
}

// SawGoAway reports whether a GOAWAY begins in what was read.
func (f *Frames) SawGoAway(b []byte) (saw bool) {
	const goAway = 7
	for len(b) > 0 {
		if f.skip > 0 {
			n := min(f.skip, len(b))
			f.skip -= n
			b = b[n:]
			continue
		}
		n := copy(f.head[f.have:], b)
		f.have += n
		b = b[n:]
		if f.have == len(f.head) {
			f.have = 0
			f.skip = int(f.head[0])<<16 | int(f.head[1])<<8 | int(f.head[2])
			saw = saw || f.head[3] == goAway
		}
	}
	return saw
}
