// SPDX-License-Identifier: Apache-2.0

package coretest

import (
	"context"
	"errors"
	"fmt"
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
	OneProcessor(t)
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

	mu    sync.Mutex
	found []error // guarded by mu
}

// passage is what is seen of one operation.
type passage struct {
	core.NopGuard
	limit  int // of runs; zero is none
	forbid bool
	check  func(ctx context.Context) error // of what next gets; may be nil

	runs atomic.Int64 // of next
	last error        // of the last run

	mu     sync.Mutex
	call   *core.Call    // nil before the operation and after it; guarded by mu
	inside int           // runs that have not returned; guarded by mu
	idle   chan struct{} // closed when the last of them returns, if leave waits; guarded by mu
}

// enter begins a run of next with call, and returns how many are under way. It
// returns zero if call is not the operation's.
func (p *passage) enter(call *core.Call) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.call != call {
		return 0
	}
	p.inside++
	return p.inside
}

// exit ends a run of next.
func (p *passage) exit() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.inside--; p.inside == 0 && p.idle != nil {
		close(p.idle)
	}
}

// busy reports whether a run of next is under way.
func (p *passage) busy() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.inside > 0
}

// leave ends the operation. A middleware may have returned before next did: its call
// must not serve another operation before that, so leave waits.
func (p *passage) leave() {
	p.mu.Lock()
	p.call = nil
	if p.inside > 0 {
		p.idle = make(chan struct{})
	}
	idle := p.idle
	p.mu.Unlock()
	if idle != nil {
		<-idle
	}
}

// BeforeAttempt makes a passage a guard, which may forbid more attempts.
func (p *passage) BeforeAttempt(*core.Call) error {
	if p.forbid {
		return errForbidden
	}
	return nil
}

var errForbidden = fmt.Errorf("no further attempt: %w", core.ErrRejected)

func newBench(m core.Middleware) *bench {
	b := &bench{}
	var err error
	b.client, err = core.NewClient(core.ClientConfig[struct{}]{
		Source: &Source[struct{}]{}, Middleware: core.Compose(b.outside, m, b.within),
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
		p.mu.Lock()
		p.call = call
		p.mu.Unlock()
		defer func() {
			if p.busy() {
				b.fault("it returned while next was running")
			}
			p.leave()
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
	if p.busy() {
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
		p, ok := ctx.Value(passageKey{}).(*passage)
		if !ok {
			b.fault("next got a context that is not made of the middleware's")
			return errForbidden
		}
		switch p.enter(call) {
		case 0:
			b.fault("next got another call than the middleware, or after that had returned")
			return errForbidden
		case 1:
		default:
			b.fault("next runs twice at once")
		}
		defer p.exit()
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
