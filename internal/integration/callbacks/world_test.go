// SPDX-License-Identifier: Apache-2.0

package callbacks

import (
	"context"
	"errors"
	"maps"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/middleware/breaker/keyed"
	"github.com/penstock-go/penstock/middleware/bulkhead"
	"github.com/penstock-go/penstock/middleware/health"
	"github.com/penstock-go/penstock/middleware/ratelimit"
	"github.com/penstock-go/penstock/middleware/retry"
	"github.com/penstock-go/penstock/middleware/timeout"
	"github.com/penstock-go/penstock/pool"
)

// world is a client in which every function of the user goes through the method
// user. While the world is armed, the function named target misbehaves.
type world struct {
	t      *testing.T
	client *penstock.Client[*conn]
	target string
	does   func(w *world, ctx context.Context)
	armed  atomic.Bool
	back   atomic.Bool // a function is calling back
	resets atomic.Int64

	mu       sync.Mutex
	acted    int            // how often the function named target misbehaved
	told     map[string]int // EventPanic, by its name
	panicked int            // operations that a panic ended
	exited   int            // operations whose goroutine exited
	dialed   int            // connections made
	closed   int            // connections whose Close was called
}

type conn struct{ w *world }

var (
	errDown    = errors.New("down")
	errUnclear = errors.New("unclear")
	opRead     = core.Op{Name: "Read", Target: "docs", Safety: core.ReadOnly}
)

// user is what every function of the user does first. ctx is nil for a function
// that has none.
func (w *world) user(name string, ctx context.Context) {
	if name != w.target || !w.armed.Load() {
		return
	}
	w.mu.Lock()
	w.acted++
	w.mu.Unlock()
	w.does(w, ctx)
}

// behaviour is what a function of the user may do to the program.
type behaviour struct {
	name string
	does func(w *world, ctx context.Context)
}

var behaviours = []behaviour{
	{"panics", func(*world, context.Context) { panic("boom") }},
	{"exits", func(*world, context.Context) { runtime.Goexit() }},
	{"blocks", func(_ *world, ctx context.Context) {
		if ctx == nil {
			time.Sleep(2 * time.Second)
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(10 * time.Second): // a context without an end
		}
	}},
	{"calls back", (*world).callBack},
}

// callBack calls everything that the client has.
func (w *world) callBack(ctx context.Context) {
	if !w.back.CompareAndSwap(false, true) {
		return
	}
	defer w.back.Store(false)
	if ctx == nil {
		ctx = context.Background()
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 50*time.Millisecond)
	defer cancel()
	c, p := w.client, w.client.Pool()
	p.Stats()
	if lease, ok := p.TryAcquire(); ok {
		lease.Release()
	}
	if lease, err := p.Acquire(ctx); err == nil {
		lease.Release()
	}
	_ = p.Resize(2)
	p.Range(func(*conn) bool { return true })
	if w.resets.Add(1) <= 3 { // a Reset at each call would leave no connection to lend
		p.Reset("calling back")
	}
	c.Breaker().Snapshot()
	c.KeyedBreaker().Snapshot()
	c.Monitor().Up()
	_ = c.Monitor().Last()
	_ = c.Monitor().Check(ctx)
	_, _ = core.Do(ctx, c, opRead, func(context.Context, *conn) (int, error) { return 0, nil })
}

// The factory.

func (w *world) Dial(ctx context.Context) (*conn, error) {
	w.user("pool.Factory.Dial", ctx)
	w.mu.Lock()
	w.dialed++
	w.mu.Unlock()
	return &conn{w}, ctx.Err()
}

func (w *world) Close(ctx context.Context, _ *conn) error {
	w.mu.Lock()
	w.closed++
	w.mu.Unlock()
	w.user("pool.Factory.Close", ctx)
	return nil
}

func (w *world) Alive(*conn) bool {
	w.user("pool.Checker.Alive", nil)
	return true
}

func (w *world) Ping(ctx context.Context, _ *conn) error {
	w.user("pool.Pinger.Ping", ctx)
	return ctx.Err()
}

// observer is the user's observer.
type observer struct{ w *world }

func (o observer) Begin(ctx context.Context, _ core.Scope) context.Context {
	o.w.user("core.Observer.Begin", nil)
	return ctx
}
func (o observer) End(context.Context, core.Scope, error) { o.w.user("core.Observer.End", nil) }
func (o observer) Ref(context.Context, core.Scope) any {
	o.w.user("core.Observer.Ref", nil)
	return nil
}
func (o observer) Event(_ context.Context, e core.Event) {
	if e.Kind == core.EventPanic {
		o.w.mu.Lock()
		o.w.told[e.Name]++
		o.w.mu.Unlock()
	}
	o.w.user("core.Observer.Event", nil)
}

// guard is the guard of the user's stage.
type guard struct{ w *world }

func (g guard) BeforeAttempt(*core.Call) error        { g.w.user("core.Guard.BeforeAttempt", nil); return nil }
func (g guard) BeforeWork(*core.Call) error           { g.w.user("core.Guard.BeforeWork", nil); return nil }
func (g guard) AfterAttempt(*core.Call, core.Outcome) { g.w.user("core.Guard.AfterAttempt", nil) }

// stage is the user's stage.
func (w *world) stage(next core.Handler) core.Handler {
	return func(ctx context.Context, call *core.Call) error {
		w.user("core.Middleware", ctx)
		g := guard{w}
		call.Attach(g)
		defer call.Detach(g)
		return next(ctx, call)
	}
}

func (w *world) classify(err error) core.Class {
	w.user("core.Classifier", nil)
	if errors.Is(err, errUnclear) {
		return core.Class{Verdict: core.Neutral, Retry: core.RetryNever, Conn: core.Broken}
	}
	return core.Class{Retry: core.RetryIfReadOnly, Conn: core.Keep}
}

// newWorld returns a started world in which the function named target misbehaves
// while the world is armed.
func newWorld(t *testing.T, mode pool.Mode, target string, does func(*world, context.Context)) *world {
	t.Helper()
	w := &world{t: t, target: target, does: does, told: map[string]int{}}
	cfg := pool.Config{
		Mode: mode, MaxSize: 2, MaxLifetime: 10 * time.Second, CheckEvery: 3 * time.Second, DialTimeout: time.Second,
		LeakAfter: time.Second,
		OnLeak:    func(pool.LeakInfo) { w.user("pool.Config.OnLeak", nil) },
		OnUse:     func(time.Duration) { w.user("pool.Config.OnUse", nil) },
	}
	if mode == pool.Shared {
		cfg.TargetSharing, cfg.MaxSharing = 2, 4
	}
	each := breaker.Config{FailureThreshold: 4, RecoveryTimeout: 5 * time.Second, HalfOpenSuccesses: 1}
	overall := each
	overall.OnTransition = func(string, breaker.State, breaker.State) { w.user("middleware/breaker.Config.OnTransition", nil) }
	var err error
	w.client, err = penstock.Open(t.Context(), penstock.Backend[*conn]{Factory: w, Classifier: w.classify, Pool: cfg}, penstock.Config{
		Observer: observer{w},
		Chain: middleware.Config{
			Breaker: overall,
			KeyedBreaker: &keyed.Config{Max: 10, Each: each, Key: func(call *core.Call) string {
				w.user("middleware/breaker/keyed.Config.Key", nil)
				return call.Op.Target
			}},
			// Tight enough that operations wait in both.
			Bulkhead:  &bulkhead.Config{MaxConcurrent: 2, MaxWaiting: 100},
			RateLimit: &ratelimit.Config{Rate: 50, Burst: 1, MaxWait: time.Second},
			Retry:     retry.Config{MaxRetries: 1, Interval: 10 * time.Millisecond},
			Timeout:   timeout.Config{Attempt: 3 * time.Second},
			Health:    &health.Config{Interval: 2 * time.Second, Timeout: time.Second},
			Stages:    []middleware.Stage{{Name: "own", Middleware: w.stage, Before: "retry"}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// run runs one operation on a goroutine of its own, because the operation may end
// that goroutine.
func (w *world) run(wg *sync.WaitGroup, work func(context.Context) error) {
	wg.Go(func() {
		returned := false
		defer func() {
			v := recover()
			w.mu.Lock()
			defer w.mu.Unlock()
			switch {
			case v != nil:
				w.panicked++
			case !returned:
				w.exited++
			}
		}()
		ctx, cancel := context.WithTimeout(context.Background(), 4*time.Second)
		defer cancel()
		_, _ = core.Do(ctx, w.client, opRead, func(ctx context.Context, _ *conn) (int, error) {
			w.user("core.Do", ctx)
			return 0, work(ctx)
		})
		returned = true
	})
}

// load runs operations of all kinds for a minute: good ones, ones that fail until
// the breaker opens, ones that break their connection, and ones that leak.
func (w *world) load() {
	var wg sync.WaitGroup
	for n := range 300 {
		work := func(context.Context) error { time.Sleep(20 * time.Millisecond); return nil }
		switch {
		case n%100 > 90:
			work = func(context.Context) error { return errDown }
		case n%17 == 0:
			work = func(context.Context) error { return errUnclear }
		case n%11 == 0:
			work = func(context.Context) error { time.Sleep(1500 * time.Millisecond); return nil }
		}
		w.run(&wg, work)
		time.Sleep(200 * time.Millisecond)
	}
	wg.Wait()
}

// checkRecovered checks that the client serves as if nothing had happened, and
// that it holds nothing.
func (w *world) checkRecovered() {
	w.t.Helper()
	for n := range 20 {
		ctx, cancel := context.WithTimeout(context.Background(), 4*time.Second)
		_, err := core.Do(ctx, w.client, opRead, func(context.Context, *conn) (int, error) { return 0, nil })
		cancel()
		if err != nil {
			w.t.Errorf("operation %d afterwards: %v", n, err)
		}
		time.Sleep(100 * time.Millisecond)
	}
	// Several at once: no seat is lost.
	var wg sync.WaitGroup
	var busy, most atomic.Int64
	for range 2 {
		w.run(&wg, func(context.Context) error {
			most.Store(max(most.Load(), busy.Add(1)))
			time.Sleep(500 * time.Millisecond)
			busy.Add(-1)
			return nil
		})
	}
	wg.Wait()
	if most.Load() != 2 {
		w.t.Errorf("%d operations ran at once afterwards, want 2", most.Load())
	}
	synctest.Wait() // a probe may be under way
	s := w.client.Pool().Stats()
	if s.InFlight != 0 || s.Waiters != 0 || s.InUse != 0 {
		w.t.Errorf("%d leases out, %d waiters, %d connections in use afterwards, want none", s.InFlight, s.Waiters, s.InUse)
	}
	if s := w.client.Bulkhead().Stats(); s.Running != 0 || s.Waiting != 0 {
		w.t.Errorf("%d operations hold a slot of the bulkhead and %d wait afterwards, want none", s.Running, s.Waiting)
	}
	if s := w.client.Limiter().Stats(); s.Waiting != 0 {
		w.t.Errorf("%d operations wait for a token afterwards, want none", s.Waiting)
	}
	if state := w.client.Breaker().State(); state != breaker.Closed {
		w.t.Errorf("the breaker is %v afterwards, want closed", state)
	}
	if !w.client.Monitor().Up() {
		w.t.Errorf("the gate is shut afterwards: %v", w.client.Monitor().Last())
	}
}

// close closes the client, and checks that every connection was closed once.
func (w *world) close() {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := w.client.Close(ctx); err != nil {
		w.t.Errorf("Close = %v", err)
	}
	time.Sleep(10 * time.Second) // the timer of a breaker that opened
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.dialed != w.closed {
		w.t.Errorf("%d connections made and %d closed", w.dialed, w.closed)
	}
}

// books returns the counters of the world.
func (w *world) books() (acted, panicked, exited int, told map[string]int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.acted, w.panicked, w.exited, maps.Clone(w.told)
}
