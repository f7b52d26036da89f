// SPDX-License-Identifier: Apache-2.0

package coretest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core"
)

// TestMiddleware checks that the middleware which newMiddleware returns keep the
// contract of [core.Middleware]:
//
//   - it passes on the call, and a context made of the one that it got;
//   - it returns nil if the last run of next did, else an error that wraps that
//     run's; an error without having run next wraps core.ErrRejected, unless the
//     context had ended;
//   - it runs next at most as often as the call allows, each run numbered, one
//     after the other, and none after it returned;
//   - it returns soon after the context ended;
//   - a panic and runtime.Goexit in next go on to the caller as they were, and
//     give back what was held: after 200 of them there comes, within a day, an
//     operation that passes;
//   - it can be used concurrently, which the race detector should watch.
//
// newMiddleware is called several times. What it returns must do nothing of its
// own while next succeeds: with a middleware that injects faults, or whose limit
// is one operation an hour, there is nothing to check.
//
// The checks run in virtual time, in bubbles of [testing/synctest], in which
// newMiddleware is called, too. That panics if goroutines are left behind. How
// many allocations the middleware adds to an operation is logged.
func TestMiddleware(t *testing.T, newMiddleware func() core.Middleware) {
	t.Helper()
	for _, check := range middlewareChecks {
		t.Run(check.name, func(t *testing.T) {
			if err := runMiddlewareCheck(t, check.run, newMiddleware); err != nil {
				t.Error(err)
			}
		})
	}
	t.Run("allocations", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			bare := allocs(func(next core.Handler) core.Handler { return next })
			t.Logf("%v allocations an operation, %v without the middleware", allocs(newMiddleware()), bare)
			time.Sleep(day)
		})
	})
}

const day = 24 * time.Hour

var middlewareChecks = []struct {
	name string
	run  func(*bench) error
}{
	{"passes the context and the call on", passesOn},
	{"returns the error of next", returnsErrors},
	{"runs next as often as allowed", obeysLimits},
	{"returns soon after its context ends", endsInTime},
	{"lets a panic through and gives back what it held", survivesPanics},
	{"lets Goexit through and gives back what it held", survivesGoexits},
	{"concurrent use", worksConcurrently},
}

func runMiddlewareCheck(t *testing.T, check func(*bench) error, newMiddleware func() core.Middleware) (err error) {
	// Many timers of no length at once, as of retries, crash the race detector
	// in a bubble: https://go.dev/issue/78156.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	synctest.Test(t, func(*testing.T) {
		b := newBench(newMiddleware())
		err = calmly(func() error { return check(b) })
		time.Sleep(day) // whatever is to come has come
		err = errors.Join(err, b.faults())
	})
	return err
}

// bench runs operations through a middleware and watches both of its sides.
type bench struct {
	client *core.Client[struct{}]
	runs   sync.Map // from *core.Call to *passage

	mu    sync.Mutex
	found []error // guarded by mu
}

// passage is what is seen of one operation.
type passage struct {
	limit  int // of runs; zero is none
	forbid bool
	check  func(ctx context.Context) error // of what next gets; may be nil

	runs   atomic.Int64 // of next
	inside atomic.Int64
	over   atomic.Bool
	last   error // of the last run
}

// Its methods make a passage a guard, which may forbid more attempts.
func (p *passage) Allow(*core.Call) error {
	if p.forbid {
		return errForbidden
	}
	return nil
}
func (p *passage) Begin(*core.Call) error                      { return nil }
func (p *passage) Ended(*core.Call, time.Duration, core.Class) {}

var errForbidden = errors.New("no further attempt")

func newBench(m core.Middleware) *bench {
	b := &bench{}
	var err error
	b.client, err = core.NewClient(core.ClientConfig[struct{}]{
		Source: &Source[struct{}]{}, Middleware: core.Chain(b.outside, m, b.within),
	})
	if err != nil {
		panic(err) // there is a source
	}
	return b
}

type passageKey struct{}

// outside is the stage around the middleware.
func (b *bench) outside(next core.Handler) core.Handler {
	return func(ctx context.Context, call *core.Call) error {
		p := ctx.Value(passageKey{}).(*passage)
		b.runs.Store(call, p)
		defer func() {
			p.over.Store(true)
			b.runs.Delete(call)
			if p.inside.Load() > 0 {
				b.fault("it returned while next was running")
			}
		}()
		call.Attach(p)
		if p.limit > 0 {
			call.LimitAttempts(p.limit)
		}
		err := next(ctx, call)
		b.judge(ctx, p, err)
		return err
	}
}

func (b *bench) judge(ctx context.Context, p *passage, err error) {
	if p.inside.Load() > 0 {
		return // which is a fault of its own
	}
	runs := p.runs.Load()
	switch {
	case runs == 0 && err == nil:
		b.fault("it returned nil without having run next")
	case runs == 0 && !errors.Is(err, core.ErrRejected) && ctx.Err() == nil:
		b.fault("it returned %v without having run next, want an error that wraps core.ErrRejected", err)
	case runs > 0 && p.last == nil && err != nil:
		b.fault("it returned %v where next returned nil", err)
	case runs > 0 && p.last != nil && !errors.Is(err, p.last):
		b.fault("it returned %v where next returned %v, want an error that wraps it", err, p.last)
	}
}

// within is the stage that the middleware has for next.
func (b *bench) within(next core.Handler) core.Handler {
	return func(ctx context.Context, call *core.Call) error {
		found, ok := b.runs.Load(call)
		if !ok {
			b.fault("next got another call than the middleware, or after that had returned")
			return errForbidden
		}
		p := found.(*passage)
		if p.inside.Add(1) > 1 {
			b.fault("next runs twice at once")
		}
		defer p.inside.Add(-1)
		if run := p.runs.Add(1); int64(call.Attempt()) != run {
			b.fault("run %d of next is attempt %d", run, call.Attempt())
		}
		if p.check != nil {
			if err := p.check(ctx); err != nil {
				b.fault("%w", err)
			}
		}
		p.last = next(ctx, call)
		return p.last
	}
}

func (b *bench) fault(format string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.found) < 5 { // more say no more
		b.found = append(b.found, fmt.Errorf(format, args...))
	}
}

func (b *bench) faults() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return errors.Join(b.found...)
}

var benchOp = core.Op{Name: "op", Safety: core.ReadOnly}

// do runs an operation and returns its error.
func (b *bench) do(ctx context.Context, p *passage, work func(context.Context) error) error {
	ctx = context.WithValue(ctx, passageKey{}, p)
	_, err := core.Do(ctx, b.client, benchOp, func(ctx context.Context, _ struct{}) (struct{}, error) {
		return struct{}{}, work(ctx)
	})
	return err
}

func succeed(context.Context) error { return nil }

func fail(context.Context) error { return errBackend }

// passes returns an error unless an operation passes within a day.
func (b *bench) passes() error {
	var last error
	for began := time.Now(); time.Since(began) < day; time.Sleep(time.Minute) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
		last = b.do(ctx, &passage{}, succeed)
		cancel()
		if last == nil {
			return nil
		}
	}
	return fmt.Errorf("no operation passes any more: %w", last)
}

// allocs returns how many an operation makes that succeeds.
func allocs(m core.Middleware) float64 {
	client, err := core.NewClient(core.ClientConfig[struct{}]{Source: &Source[struct{}]{}, Middleware: m})
	if err != nil {
		panic(err) // there is a source
	}
	ctx := context.Background()
	return testing.AllocsPerRun(100, func() {
		_, _ = core.Do(ctx, client, benchOp, func(context.Context, struct{}) (struct{}, error) { return struct{}{}, nil })
	})
}
