// SPDX-License-Identifier: Apache-2.0

package milvus_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/pool"
	"github.com/penstock-go/penstock/pool/milvus"
	"github.com/penstock-go/penstock/pool/milvus/milvustest"
)

// awaitTransport waits until the figures of f are as wanted.
func awaitTransport(t *testing.T, f *milvus.Factory, c *milvus.Conn, wanted func(pool.TransportStats) bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	over := time.After(enough)
	for !wanted(f.TransportStats()) {
		select {
		case <-tick.C:
			f.Alive(c) // makes gRPC connect again
		case <-over:
			t.Fatalf("the transport counted %+v", f.TransportStats())
		}
	}
}

func TestTheTransportCountsWhatThePoolDoesNotSee(t *testing.T) {
	srv := start(t, milvustest.Config{})
	f := newFactory(t, milvus.Config{Address: srv.Addr()})
	zero := f.TransportStats()
	if want := 9; zero.Connects != 0 || len(zero.Failed) != want || len(zero.Disconnects) != want {
		t.Errorf("at first the transport counted %+v, want %d reasons", zero, want)
	}
	c := dial(t, f)
	if got := f.TransportStats(); got.Connects == 0 {
		t.Errorf("after a dial the transport counted %+v", got)
	}
	srv.GoAway()
	awaitTransport(t, f, c, func(s pool.TransportStats) bool { return s.Disconnects["goaway"] == 1 && s.Connects >= 2 })
	srv.Stop()
	awaitTransport(t, f, c, func(s pool.TransportStats) bool {
		return s.Disconnects["eof"]+s.Disconnects["reset"] >= 1 && s.Failed["refused"] >= 1
	})
	if err := srv.Restart(); err != nil {
		t.Fatal(err)
	}
	connects := f.TransportStats().Connects
	awaitTransport(t, f, c, func(s pool.TransportStats) bool { return s.Connects > connects })
}

func TestAConnectionThatThePoolClosesIsCountedAsClosed(t *testing.T) {
	srv := start(t, milvustest.Config{})
	f := newFactory(t, milvus.Config{Address: srv.Addr()})
	c, err := f.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	awaitTransport(t, f, c, func(s pool.TransportStats) bool { return s.Disconnects["closed"] == 1 })
}

func TestAHandshakeInVainIsCounted(t *testing.T) {
	srv := start(t, milvustest.Config{})
	f := newFactory(t, milvus.Config{Address: srv.Addr(), TLS: &tls.Config{ServerName: "localhost"}})
	if _, err := f.Dial(t.Context()); !errors.Is(err, milvus.ErrTLS) {
		t.Errorf("Dial = %v, want ErrTLS", err)
	}
	got := f.TransportStats().Failed
	if got["tls"]+got["eof"]+got["reset"] == 0 {
		t.Errorf("failed: %v, want a handshake", got)
	}
}

// A peer that answers no ping is closed by gRPC itself, which does not say why.
func TestAPingWithoutAnAnswerIsATimeout(t *testing.T) {
	const frame = "frame"
	for name, row := range map[string]struct {
		want string
		use  func(ours, theirs net.Conn)
	}{
		"closed at once":              {"closed", func(_, _ net.Conn) {}},
		"closed after a long silence": {"closed", func(ours, _ net.Conn) { time.Sleep(time.Minute); _, _ = ours.Write([]byte(frame)) }},
		"a ping that was answered":    {"closed", func(ours, theirs net.Conn) { time.Sleep(time.Minute); pingPong(ours, theirs); time.Sleep(time.Minute) }},
		"a ping that was not": {"timeout", func(ours, _ net.Conn) {
			time.Sleep(time.Minute)
			_, _ = ours.Write([]byte(frame))
			time.Sleep(10 * time.Second)
		}},
		"an update that wants no answer": {"closed", func(ours, theirs net.Conn) {
			pingPong(ours, theirs)
			_, _ = ours.Write([]byte(frame))
			time.Sleep(time.Minute)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFactory(t, milvus.Config{})
				ours, theirs := net.Pipe()
				go func() { _, _ = io.Copy(io.Discard, theirs) }()
				c := f.CountedConn(ours)
				row.use(c, theirs)
				for range 2 {
					_ = c.Close()
				}
				theirs.Close()
				if got := f.TransportStats().Disconnects; got[row.want] != 1 {
					t.Errorf("disconnects: %v, want one %s", got, row.want)
				}
			})
		})
	}
}

// pingPong asks and is answered.
func pingPong(ours, theirs net.Conn) {
	_, _ = ours.Write([]byte("ping"))
	go func() { _, _ = theirs.Write([]byte("pong")) }()
	_, _ = io.ReadFull(ours, make([]byte, 4))
}

func TestErrorsOfTheNetworkHaveAReason(t *testing.T) {
	op := func(err error) error {
		return &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", err)}
	}
	for _, c := range []struct {
		err  error
		want string
	}{
		{op(syscall.ECONNREFUSED), "refused"},
		{op(syscall.ECONNRESET), "reset"},
		{op(syscall.EPIPE), "reset"},
		{op(syscall.EHOSTUNREACH), "unreachable"},
		{op(syscall.ETIMEDOUT), "timeout"},
		{&net.DNSError{Err: "no such host", IsNotFound: true}, "unreachable"},
		{fmt.Errorf("wrapped: %w", io.EOF), "eof"},
		{context.DeadlineExceeded, "timeout"},
		{context.Canceled, "closed"},
		{tls.RecordHeaderError{}, "tls"},
		{&net.OpError{Op: "remote error", Err: errors.New("bad certificate")}, "tls"},
		{errors.New("something else"), "other"},
	} {
		if got := milvus.ReasonFor(c.err); got != c.want {
			t.Errorf("%v is %q, want %q", c.err, got, c.want)
		}
	}
}

func TestAGoAwayIsFoundHoweverItIsRead(t *testing.T) {
	data := append([]byte{0, 0, 9, 0, 0, 0, 0, 0, 1}, "\x00\x00\x08\x07x"+"xxxx"...) // DATA whose payload looks like a GOAWAY
	goAway := append([]byte{0, 0, 8, 7, 0, 0, 0, 0, 0}, make([]byte, 8)...)
	settings := []byte{0, 0, 0, 4, 0, 0, 0, 0, 0}
	for name, c := range map[string]struct {
		stream []byte
		want   bool
	}{
		"none":  {slices.Concat(settings, data, settings), false},
		"first": {slices.Concat(goAway, data), true},
		"last":  {slices.Concat(settings, data, goAway), true},
	} {
		for size := 1; size <= len(c.stream); size++ {
			if got := milvus.SawGoAway(slices.Collect(slices.Chunk(c.stream, size))...); got != c.want {
				t.Errorf("%s, read by %d: saw %t, want %t", name, size, got, c.want)
			}
		}
	}
}
