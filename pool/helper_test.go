// SPDX-License-Identifier: Apache-2.0

package pool_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/pool"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// conn is a connection that records what was done to it.
type conn struct {
	id     int // number of the connection from 1, in the order in which dials ended
	dial   int // number of its dial from 1, in the order in which dials began
	dead   atomic.Bool
	asked  atomic.Int32 // how often the checker was asked
	users  atomic.Int32
	closed atomic.Int32
}

// factory makes conns. The zero value works.
type factory struct {
	// onDial, if set, is called before the n-th connection is made, n from 1;
	// its error is the dial's.
	onDial func(ctx context.Context, n int) error
	// onClose, if set, is called when a connection is closed.
	onClose func(ctx context.Context, c *conn) error

	mu    sync.Mutex
	calls int
	made  []*conn
}

func (f *factory) Dial(ctx context.Context) (*conn, error) {
	f.mu.Lock()
	f.calls++
	n := f.calls
	f.mu.Unlock()
	if f.onDial != nil {
		if err := f.onDial(ctx, n); err != nil {
			return nil, err
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	c := &conn{id: len(f.made) + 1, dial: n}
	f.made = append(f.made, c)
	return c, nil
}

func (f *factory) Close(ctx context.Context, c *conn) error {
	c.closed.Add(1)
	if f.onClose != nil {
		return f.onClose(ctx, c)
	}
	return nil
}

// slowAfter makes a factory whose dials take a second, except for the first n.
func slowAfter(n int) *factory {
	return &factory{onDial: func(_ context.Context, i int) error {
		if i > n {
			time.Sleep(time.Second)
		}
		return nil
	}}
}

// dials returns how often Dial was called.
func (f *factory) dials() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls
}

// conns returns every connection ever made.
func (f *factory) conns() []*conn {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]*conn(nil), f.made...)
}

// checked is a factory with Alive.
type checked struct{ *factory }

func (checked) Alive(c *conn) bool {
	c.asked.Add(1)
	return !c.dead.Load()
}

// pinged is a factory with Ping.
type pinged struct {
	*factory
	ping func(ctx context.Context, c *conn) error
}

func (p pinged) Ping(ctx context.Context, c *conn) error { return p.ping(ctx, c) }

// open makes a pool that is closed when the test ends. Every connection must then
// have been closed once.
func open(t *testing.T, f pool.Factory[*conn], cfg pool.Config) *pool.Pool[*conn] {
	t.Helper()
	p, err := pool.New(f, cfg)
	if err != nil {
		t.Fatalf("New = %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = p.Close(ctx) // a test of the error has closed the pool before
		all, _ := f.(interface{ conns() []*conn })
		if all == nil {
			return
		}
		for _, c := range all.conns() {
			if n := c.closed.Load(); n != 1 {
				t.Errorf("connection %d was closed %d times", c.id, n)
			}
		}
	})
	return p
}

// effective returns cfg with its defaults.
func effective(t *testing.T, cfg pool.Config) pool.Config {
	t.Helper()
	cfg, err := cfg.Effective()
	if err != nil {
		t.Fatalf("Effective = %v", err)
	}
	return cfg
}

func acquire(t *testing.T, p *pool.Pool[*conn]) pool.Lease[*conn] {
	t.Helper()
	lease, err := p.Acquire(t.Context())
	if err != nil {
		t.Fatalf("Acquire = %v", err)
	}
	return lease
}

// result is the result of an Acquire on another goroutine.
type result struct {
	lease pool.Lease[*conn]
	err   error
}

// acquireAsync calls Acquire on a goroutine of its own.
func acquireAsync(ctx context.Context, p *pool.Pool[*conn]) <-chan result {
	done := make(chan result, 1)
	go func() {
		lease, err := p.Acquire(ctx)
		done <- result{lease, err}
	}()
	return done
}

// pending reports whether c has no result yet.
func pending[T any](c <-chan T) bool { return len(c) == 0 }

func wantErr(t *testing.T, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("%s = %v, want %v", what, got, want)
	}
}

// usage is the part of Stats that changes with each call.
type usage struct{ Idle, InUse, Dialing, InFlight, Waiters int }

func wantUsage(t *testing.T, p *pool.Pool[*conn], want usage) {
	t.Helper()
	s := p.Stats()
	if got := (usage{s.Idle, s.InUse, s.Dialing, s.InFlight, s.Waiters}); got != want {
		t.Errorf("Stats = %+v, want %+v", got, want)
	}
}

var errRefused = errors.New("connection refused")

// typed is a backend's error with a type of its own.
type typed string

func (e typed) Error() string     { return "backend: " + string(e) }
func (e typed) ErrorType() string { return string(e) }

var _ core.Source[*conn] = (*pool.Pool[*conn])(nil)
