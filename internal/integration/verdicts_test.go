// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"errors"
	"math"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/middleware/retry"
	"github.com/penstock-go/penstock/middleware/timeout"
	"github.com/penstock-go/penstock/pool"
)

// network is a factory whose dials may hang.
type network struct {
	ints
	hangs bool
}

func (n *network) Dial(ctx context.Context) (int, error) {
	if n.hangs {
		<-ctx.Done()
		return 0, ctx.Err()
	}
	return 1, nil
}

// scene is a client of a real pool with a whole chain, and what a row does to it.
type scene struct {
	*penstock.Client[int]
	net *network
}

// blackHole makes every packet of the network get lost.
func (s *scene) blackHole() {
	s.net.hangs = true
	s.Pool().Reset("the network is gone")
}

// lendAll lends every connection of the pool for ever.
func (s *scene) lendAll(t *testing.T) {
	t.Helper()
	for range s.Pool().Stats().Max {
		lease, err := s.Pool().Acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(lease.Release)
	}
}

func (s *scene) do(ctx context.Context, work func(context.Context) error) error {
	_, err := core.Do(ctx, s.Client, opRead, func(ctx context.Context, _ int) (int, error) { return 0, work(ctx) })
	return err
}

func good(context.Context) error { return nil }

func hang(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }

func failsWith(err error) func(context.Context) error {
	return func(context.Context) error { return err }
}

// What an operation through the whole chain and a real pool comes to.
func TestTheVerdictOfAnOperationOnARealPool(t *testing.T) {
	const second = time.Second
	timedOut := func(parent context.Context, d time.Duration) context.Context {
		ctx, cancel := context.WithTimeout(parent, d)
		context.AfterFunc(ctx, cancel)
		return ctx
	}
	for _, row := range []struct {
		name      string
		size      int
		attempt   time.Duration // limit of an attempt
		prepare   func(*testing.T, *scene)
		run       func(context.Context, *scene) error
		verdict   core.Verdict
		errorType string
		is, isNot []error
	}{
		{name: "an idle pool and a deadline that had passed", size: 10,
			run:     func(ctx context.Context, s *scene) error { return s.do(timedOut(ctx, -second), good) },
			verdict: core.Neutral, errorType: "deadline_exceeded", is: []error{context.DeadlineExceeded}, isNot: []error{pool.ErrExhausted}},
		{name: "an idle pool and a caller that had canceled", size: 10,
			run: func(ctx context.Context, s *scene) error {
				ctx, cancel := context.WithCancel(ctx)
				cancel()
				return s.do(ctx, good)
			},
			verdict: core.Neutral, errorType: "canceled", is: []error{context.Canceled}, isNot: []error{pool.ErrExhausted}},
		{name: "an exhausted pool", prepare: func(t *testing.T, s *scene) { s.lendAll(t) },
			run:     func(ctx context.Context, s *scene) error { return s.do(ctx, good) },
			verdict: core.Neutral, errorType: "pool_timeout", is: []error{pool.ErrExhausted}},
		{name: "an exhausted pool and the caller's deadline", prepare: func(t *testing.T, s *scene) { s.lendAll(t) },
			run:     func(ctx context.Context, s *scene) error { return s.do(timedOut(ctx, second), good) },
			verdict: core.Neutral, errorType: "deadline_exceeded", is: []error{pool.ErrExhausted, context.DeadlineExceeded}},
		{name: "an exhausted pool and the attempt's limit", attempt: second, prepare: func(t *testing.T, s *scene) { s.lendAll(t) },
			run:     func(ctx context.Context, s *scene) error { return s.do(ctx, good) },
			verdict: core.Neutral, errorType: "timeout", is: []error{pool.ErrExhausted, context.DeadlineExceeded}},
		{name: "an exhausted pool and a caller that cancels", prepare: func(t *testing.T, s *scene) { s.lendAll(t) },
			run: func(ctx context.Context, s *scene) error {
				ctx, cancel := context.WithCancel(ctx)
				time.AfterFunc(second, cancel)
				return s.do(ctx, good)
			},
			verdict: core.Neutral, errorType: "canceled", is: []error{pool.ErrExhausted, context.Canceled}},

		{name: "a black hole and the pool's limit", prepare: func(_ *testing.T, s *scene) { s.blackHole() },
			run:     func(ctx context.Context, s *scene) error { return s.do(ctx, good) },
			verdict: core.Failure, errorType: "pool_timeout", is: []error{core.ErrConnection}},
		{name: "a black hole and the caller's deadline", prepare: func(_ *testing.T, s *scene) { s.blackHole() },
			run:     func(ctx context.Context, s *scene) error { return s.do(timedOut(ctx, second), good) },
			verdict: core.Failure, errorType: "deadline_exceeded", is: []error{core.ErrConnection, context.DeadlineExceeded}},
		{name: "a black hole and the attempt's limit", attempt: second, prepare: func(_ *testing.T, s *scene) { s.blackHole() },
			run:     func(ctx context.Context, s *scene) error { return s.do(ctx, good) },
			verdict: core.Failure, errorType: "timeout", is: []error{core.ErrConnection}},
		{name: "a black hole and a caller that cancels", prepare: func(_ *testing.T, s *scene) { s.blackHole() },
			run: func(ctx context.Context, s *scene) error {
				ctx, cancel := context.WithCancel(ctx)
				time.AfterFunc(second, cancel)
				return s.do(ctx, good)
			},
			verdict: core.Neutral, errorType: "canceled", is: []error{context.Canceled}},
		{name: "a black hole and a caller in a hurry", prepare: func(_ *testing.T, s *scene) { s.blackHole() },
			run:     func(ctx context.Context, s *scene) error { return s.do(timedOut(ctx, 99*time.Millisecond), good) },
			verdict: core.Neutral, errorType: "deadline_exceeded", is: []error{context.DeadlineExceeded}},

		{name: "the client is closed during the wait", prepare: func(t *testing.T, s *scene) { s.lendAll(t) },
			run: func(ctx context.Context, s *scene) error {
				time.AfterFunc(second, func() { _ = s.Pool().Drain(timedOut(ctx, second)) })
				return s.do(ctx, good)
			},
			verdict: core.Neutral, errorType: "pool_closed", is: []error{pool.ErrClosed, core.ErrRejected}},
		{name: "the client is closed during a dial that hangs", prepare: func(_ *testing.T, s *scene) { s.blackHole() },
			run: func(ctx context.Context, s *scene) error {
				time.AfterFunc(second, func() { _ = s.Pool().Close(ctx) })
				return s.do(ctx, good)
			},
			verdict: core.Neutral, errorType: "pool_closed", is: []error{pool.ErrClosed}, isNot: []error{pool.ErrDial}},

		{name: "a timeout of the backend's own library",
			run:     func(ctx context.Context, s *scene) error { return s.do(ctx, failsWith(os.ErrDeadlineExceeded)) },
			verdict: core.Failure, errorType: "_OTHER", is: []error{os.ErrDeadlineExceeded}, isNot: []error{core.ErrTimeout}},
		{name: "a timeout of the network",
			run: func(ctx context.Context, s *scene) error {
				return s.do(ctx, failsWith(&net.OpError{Op: "read", Net: "tcp", Err: os.ErrDeadlineExceeded}))
			},
			verdict: core.Failure, errorType: "_OTHER", isNot: []error{core.ErrTimeout}},
		{name: "a deadline of the work's own",
			run: func(ctx context.Context, s *scene) error {
				return s.do(ctx, func(ctx context.Context) error { return hang(timedOut(ctx, second)) })
			},
			verdict: core.Failure, errorType: "deadline_exceeded", is: []error{context.DeadlineExceeded}, isNot: []error{core.ErrTimeout}},
		{name: "the caller's deadline and a hanging backend",
			run:     func(ctx context.Context, s *scene) error { return s.do(timedOut(ctx, second), hang) },
			verdict: core.Failure, errorType: "deadline_exceeded", is: []error{context.DeadlineExceeded}},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := &network{}
				c, err := penstock.Open(t.Context(), penstock.Backend[int]{
					Factory: n, Pool: pool.Config{MaxSize: max(row.size, 1), DialTimeout: 30 * time.Second},
				}, penstock.Config{Chain: middleware.Config{
					Breaker: breaker.Config{FailureThreshold: 1},
					Retry:   retry.Config{MaxRetries: retry.None},
					Timeout: timeout.Config{Attempt: row.attempt},
				}})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() {
					ctx, cancel := context.WithTimeout(context.Background(), second)
					defer cancel()
					_ = c.Close(ctx)
					time.Sleep(time.Minute) // the timer of a breaker that opened
				})
				s := &scene{c, n}
				if row.prepare != nil {
					row.prepare(t, s)
				}
				err = row.run(t.Context(), s)
				e, ok := errors.AsType[*core.Error](err)
				if !ok || e.Outcome.Verdict != row.verdict || core.ErrorType(err) != row.errorType {
					t.Errorf("Do = %v of type %q (%v), want %v %s", err, core.ErrorType(err), e.Outcome, row.verdict, row.errorType)
				}
				if open := c.Breaker().State() == breaker.Open; open != (row.verdict == core.Failure) {
					t.Errorf("the breaker is %v", c.Breaker().State())
				}
				for _, target := range row.is {
					if !errors.Is(err, target) {
						t.Errorf("Do = %v, want %v in it", err, target)
					}
				}
				for _, target := range row.isNot {
					if errors.Is(err, target) {
						t.Errorf("Do = %v, want no %v in it", err, target)
					}
				}
			})
		})
	}
}

// A black hole: all packets get lost, so dials hang. Callers have a second each, and
// the breaker its defaults.
func TestABlackHoleOpensTheBreakerAfterItsThreshold(t *testing.T) {
	for _, dialTimeout := range []time.Duration{0, 30 * time.Second, math.MaxInt64} {
		for _, callers := range []int{1, 20} {
			synctest.Test(t, func(t *testing.T) {
				n := &network{}
				c, err := penstock.Open(t.Context(), penstock.Backend[int]{Factory: n, Pool: pool.Config{DialTimeout: dialTimeout}}, penstock.Config{})
				if err != nil {
					t.Fatal(err)
				}
				s := &scene{c, n}
				s.blackHole()
				start := time.Now()
				operations := 0
				for c.Breaker().State() == breaker.Closed && operations < 100 {
					done := make(chan error, callers)
					for range callers {
						go func() {
							ctx, cancel := context.WithTimeout(t.Context(), time.Second)
							defer cancel()
							done <- s.do(ctx, good)
						}()
					}
					for range callers {
						if err := <-done; err == nil {
							t.Error("Do = nil")
						}
						operations++
					}
				}
				if took := time.Since(start); operations > max(5, callers) || took > 5*time.Second {
					t.Errorf("%d callers, DialTimeout %v: the breaker is %v after %d operations and %v, want 5 operations",
						callers, dialTimeout, c.Breaker().State(), operations, took)
				}
				_ = c.Close(t.Context())
				time.Sleep(time.Minute)
			})
		}
	}
}
