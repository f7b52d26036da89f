// SPDX-License-Identifier: Apache-2.0

package penstock_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/middleware/retry"
	"github.com/penstock-go/penstock/pool"
)

// tally is a TCP server that counts how often it applied each line that it was
// sent, and answers each line with "ok". It goes on counting after a restart.
type tally struct {
	mu       sync.Mutex // guards the fields below
	listener net.Listener
	conns    map[net.Conn]bool
	applied  map[string]int
	cut      bool // the next line is applied, and the connection closed without an answer
}

func startTally(t *testing.T) *tally {
	t.Helper()
	s := &tally{conns: map[net.Conn]bool{}, applied: map[string]int{}}
	s.listen(t, "127.0.0.1:0")
	t.Cleanup(s.stop)
	return s
}

func (s *tally) listen(t *testing.T, address string) {
	t.Helper()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listener = listener
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.conns[conn] = true
			s.mu.Unlock()
			go s.serve(conn)
		}
	}()
}

func (s *tally) address() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.listener.Addr().String()
}

func (s *tally) serve(conn net.Conn) {
	defer conn.Close()
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		s.mu.Lock()
		s.applied[lines.Text()]++
		cut := s.cut
		s.cut = false
		s.mu.Unlock()
		if cut {
			return
		}
		if _, err := fmt.Fprintln(conn, "ok"); err != nil {
			return
		}
	}
}

// stop closes the listener and every connection, as the end of the process does.
func (s *tally) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = s.listener.Close()
	for conn := range s.conns {
		_ = conn.Close()
		delete(s.conns, conn)
	}
}

func (s *tally) restart(t *testing.T) {
	t.Helper()
	address := s.address()
	s.stop()
	s.listen(t, address)
}

func (s *tally) cutNext() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cut = true
}

func (s *tally) times(line string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.applied[line]
}

// tcp is a factory without Alive and Ping: the least that a user writes.
type tcp struct{ address string }

func (f tcp) Dial(ctx context.Context) (net.Conn, error) {
	return (&net.Dialer{}).DialContext(ctx, "tcp", f.address)
}

func (tcp) Close(_ context.Context, conn net.Conn) error { return conn.Close() }

// failure is a classifier that sets nothing but the verdict.
func failure(error) core.Class { return core.Class{Verdict: core.Failure} }

var (
	addLine  = core.Op{Name: "Add"} // unsafe
	readLine = core.Op{Name: "Read", Safety: core.ReadOnly}
)

// send sends a line in an operation, and waits for the answer.
func send(ctx context.Context, c *penstock.Client[net.Conn], op core.Op, line string) error {
	_, err := core.Do(ctx, c, op, func(ctx context.Context, conn net.Conn) (string, error) {
		deadline, _ := ctx.Deadline()
		_ = conn.SetDeadline(deadline)
		if _, err := fmt.Fprintln(conn, line); err != nil {
			return "", err
		}
		return bufio.NewReader(conn).ReadString('\n')
	})
	return err
}

// The classifier forgets what is to become of a connection, and when to repeat
// an operation. In a shared pool that costs each connection that the restart broke one
// attempt, and in an exclusive pool one connection.
func TestAClassifierThatSaysFailureAloneIsSafeAndSurvivesARestart(t *testing.T) {
	for _, mode := range []pool.Mode{pool.Exclusive, pool.Shared} {
		t.Run(mode.String(), func(t *testing.T) { surviveRestarts(t, mode) })
	}
}

func surviveRestarts(t *testing.T, mode pool.Mode) {
	const size, operations = 4, 50
	ctx := t.Context()
	server := startTally(t)
	c, err := penstock.Open(ctx, penstock.Backend[net.Conn]{
		Factory:    tcp{server.address()},
		Classifier: failure,
		Pool:       pool.Config{Mode: mode, MinSize: size, MaxSize: size},
	}, penstock.Config{Chain: middleware.Config{Retry: retry.Config{Interval: time.Millisecond}}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := c.Close(context.Background()); err != nil {
			t.Errorf("Close = %v", err)
		}
	}()

	for round, row := range []struct {
		op  core.Op
		few int // operations that may fail
	}{{addLine, size}, {readLine, 1}, {addLine, size}} {
		if mode == pool.Exclusive {
			row.few = 1 // the first
		}
		server.cutNext()
		lost := fmt.Sprintf("round %d cut", round)
		if err := send(ctx, c, row.op, lost); (err == nil) != (row.op.Safety == core.ReadOnly) {
			t.Errorf("%s %s without an answer = %v", row.op.Name, lost, err)
		}
		if n := server.times(lost); row.op.Safety == core.Unsafe && n != 1 {
			t.Errorf("%s %s was sent %d times, want once", row.op.Name, lost, n)
		}
		c.Breaker().Reset() // so that each round may have its few failures in a row

		// Waits for the pool's minimum: the restart breaks every connection.
		if err := c.Pool().Start(ctx); err != nil {
			t.Fatal(err)
		}
		server.restart(t)
		failed, some := 0, row.few
		if mode == pool.Shared {
			some = operations / 2 // new and broken connections take turns
		}
		for n := range operations {
			line := fmt.Sprintf("round %d line %d", round, n)
			err := send(ctx, c, row.op, line)
			if err != nil {
				failed++
			}
			if err != nil && n >= some {
				t.Errorf("%s %s after the restart = %v, want success after the first %d", row.op.Name, line, err, some)
			}
			if times := server.times(line); times > 1 || err == nil && times != 1 {
				t.Errorf("%s %s returned %v and was applied %d times", row.op.Name, line, err, times)
			}
		}
		if failed > row.few {
			t.Errorf("%d operations failed after the restart, want at most %d", failed, row.few)
		}
		if got := c.Breaker().State(); got != breaker.Closed {
			t.Errorf("the breaker is %v after round %d, want closed", got, round)
		}
	}
}

// A restart breaks ten idle connections of an exclusive pool that cannot ask whether
// a connection is well. All settings are the defaults.
func TestARestartCostsAnExclusivePoolOneOperation(t *testing.T) {
	for _, op := range []core.Op{addLine, readLine} {
		ctx := t.Context()
		server := startTally(t)
		c, err := penstock.Open(ctx, penstock.Backend[net.Conn]{
			Factory:    tcp{server.address()},
			Classifier: failure,
			Pool:       pool.Config{MinSize: 10},
		}, penstock.Config{Chain: middleware.Config{Retry: retry.Config{Interval: time.Millisecond}}})
		if err != nil {
			t.Fatal(err)
		}
		if s := c.Pool().Stats(); s.Idle != 10 {
			t.Fatalf("Stats = %+v, want 10 idle connections", s)
		}
		server.restart(t)
		var failed []int
		for n := range 12 {
			line := fmt.Sprintf("%s %d", op.Name, n)
			if err := send(ctx, c, op, line); err != nil {
				failed = append(failed, n)
			}
			if times := server.times(line); times > 1 {
				t.Errorf("%s was applied %d times", line, times)
			}
		}
		if len(failed) > 1 || op.Safety == core.ReadOnly && len(failed) > 0 {
			t.Errorf("%s: operations %v of 12 failed, want one that cannot be repeated at most", op.Name, failed)
		}
		if s := c.Breaker().Snapshot(); c.Breaker().State() != breaker.Closed || s.Counters.TotalFastFailures > 0 {
			t.Errorf("%s: the breaker is %v, counters %+v", op.Name, c.Breaker().State(), s.Counters)
		}
		if s := c.Pool().Stats(); s.Dials > 12 {
			t.Errorf("%s: %d dials, want the 10 of the start and two", op.Name, s.Dials)
		}
		if err := c.Close(ctx); err != nil {
			t.Errorf("Close = %v", err)
		}
	}
}

// versioned makes connections of the server's present version, the only ones that
// work. It has no Alive.
type versioned struct{ version atomic.Int64 }

type versionedConn struct{ version int64 }

func (f *versioned) Dial(context.Context) (*versionedConn, error) {
	time.Sleep(5 * time.Millisecond)
	return &versionedConn{f.version.Load()}, nil
}

func (*versioned) Close(context.Context, *versionedConn) error { return nil }

// Many operations at once share the connections that the restart broke.
func TestReadsSurviveARestartUnderLoad(t *testing.T) {
	for _, mode := range []pool.Mode{pool.Exclusive, pool.Shared} {
		t.Run(mode.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				defer time.Sleep(time.Minute) // until the timer of a breaker that opened has ended
				server := &versioned{}
				c, err := penstock.Open(t.Context(), penstock.Backend[*versionedConn]{
					Factory:    server,
					Classifier: failure,
					Pool:       pool.Config{Mode: mode, MinSize: 4, MaxSize: 4},
				}, penstock.Config{})
				if err != nil {
					t.Fatal(err)
				}
				var (
					load   sync.WaitGroup
					failed atomic.Int64
					start  = time.Now()
				)
				for range 32 {
					load.Go(func() {
						for time.Since(start) < 4*time.Second {
							_, err := core.Do(t.Context(), c, readLine, func(_ context.Context, conn *versionedConn) (int, error) {
								time.Sleep(time.Millisecond)
								if conn.version != server.version.Load() {
									return 0, io.EOF
								}
								return 1, nil
							})
							if err != nil {
								failed.Add(1)
							}
							time.Sleep(time.Millisecond)
						}
					})
				}
				for range 3 {
					time.Sleep(time.Second)
					server.version.Add(1)
				}
				load.Wait()
				if n := failed.Load(); n > 0 {
					t.Errorf("%d reads failed, want none", n)
				}
				if got := c.Breaker().State(); got != breaker.Closed {
					t.Errorf("the breaker is %v, want closed", got)
				}
				if err := c.Close(t.Context()); err != nil {
					t.Errorf("Close = %v", err)
				}
			})
		})
	}
}
