// SPDX-License-Identifier: Apache-2.0

package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/middleware/health"
	"github.com/penstock-go/penstock/middleware/retry"
	"github.com/penstock-go/penstock/middleware/timeout"
)

var tooManyWaiters = core.Sentinel("too many waiters", "too_many_waiters", core.ErrRejected)

// noConnection waits in vain.
func noConnection(ctx context.Context) error {
	<-ctx.Done()
	return coretest.Exhausted{Cause: ctx.Err()}
}

// noAnswer waits in vain, and blames the backend for it.
func noAnswer(ctx context.Context) error {
	<-ctx.Done()
	return unanswered{coretest.Exhausted{Cause: ctx.Err()}}
}

type unanswered struct{ coretest.Exhausted }

func (unanswered) Class() core.Class { return core.NotApplied("pool_timeout") }

func with(err error) func(context.Context, int) error {
	return func(context.Context, int) error { return err }
}

func without(err error) func(context.Context) error {
	return func(context.Context) error { return err }
}

// The table of verdicts: what each outcome of an attempt means to the breaker,
// and what retry does about it. Waits of retry are 100 ms, 200 ms, 400 ms; an
// attempt may take 300 ms.
func TestVerdicts(t *testing.T) {
	var (
		success = verdicts{success: 1}
		failure = verdicts{failure: 1}
		neutral = verdicts{neutral: 1}
	)
	for _, row := range []struct {
		name     string
		safety   core.Safety
		serve    func(ctx context.Context, n int) error
		acquire  func(ctx context.Context) error
		cancel   time.Duration // when the caller gives up
		deadline time.Duration // the caller's
		limit    time.Duration // the client's operation timeout

		want     verdicts
		attempts int64         // that asked for a connection
		took     time.Duration // zero: not looked at
		is       []error
		isNot    []error
	}{
		{name: "nil", want: success, attempts: 1},

		{name: "caller canceled", safety: core.ReadOnly, serve: hang, cancel: 50 * time.Millisecond,
			want: neutral, attempts: 1, took: 50 * time.Millisecond, is: []error{context.Canceled}},
		{name: "caller canceled, told otherwise by the backend", safety: core.ReadOnly, cancel: 50 * time.Millisecond,
			serve: func(ctx context.Context, _ int) error { <-ctx.Done(); return unavailable },
			want:  neutral, attempts: 1, is: []error{context.Canceled, unavailable}},
		{name: "caller canceled while waiting for a connection", safety: core.ReadOnly, acquire: noConnection, cancel: 50 * time.Millisecond,
			want: neutral, attempts: 1, is: []error{context.Canceled}},
		{name: "canceled by somebody else", safety: core.ReadOnly, serve: with(context.Canceled),
			want: failure, attempts: 4, is: []error{context.Canceled, retry.ErrExhausted}},

		{name: "caller's deadline, fair run", safety: core.ReadOnly, serve: hang, deadline: 100 * time.Millisecond,
			want: failure, attempts: 1, took: 100 * time.Millisecond, is: []error{context.DeadlineExceeded}, isNot: []error{timeout.ErrExceeded}},
		{name: "caller's deadline, unfair run", safety: core.ReadOnly, serve: hang, deadline: 99 * time.Millisecond,
			want: neutral, attempts: 1, is: []error{context.DeadlineExceeded}, isNot: []error{timeout.ErrExceeded}},
		{name: "caller's deadline while waiting for a connection", safety: core.ReadOnly, acquire: noConnection, deadline: 200 * time.Millisecond,
			want: neutral, attempts: 1, is: []error{context.DeadlineExceeded}},
		{name: "caller's deadline in a later attempt", safety: core.ReadOnly, deadline: 250 * time.Millisecond,
			serve: func(ctx context.Context, n int) error {
				if n == 1 {
					return unavailable
				}
				return hang(ctx, n)
			},
			want: failure, attempts: 2, took: 250 * time.Millisecond, is: []error{context.DeadlineExceeded, unavailable}},
		{name: "operation timeout, fair run", safety: core.ReadOnly, serve: hang, limit: 100 * time.Millisecond,
			want: failure, attempts: 1, took: 100 * time.Millisecond, is: []error{context.DeadlineExceeded, timeout.ErrExceeded}},
		{name: "operation timeout, unfair run", safety: core.ReadOnly, serve: hang, limit: 99 * time.Millisecond,
			want: neutral, attempts: 1, is: []error{context.DeadlineExceeded, timeout.ErrExceeded}},
		{name: "operation timeout while waiting for a connection", safety: core.ReadOnly, acquire: noConnection, limit: 200 * time.Millisecond,
			want: neutral, attempts: 1, is: []error{context.DeadlineExceeded, timeout.ErrExceeded}},

		{name: "attempt timeout on a connection, read only", safety: core.ReadOnly, serve: hang,
			want: failure, attempts: 4, took: 4*300*time.Millisecond + 700*time.Millisecond, is: []error{timeout.ErrExceeded, retry.ErrExhausted}},
		{name: "attempt timeout on a connection, idempotent", safety: core.Idempotent, serve: hang,
			want: failure, attempts: 4, is: []error{timeout.ErrExceeded}},
		{name: "attempt timeout on a connection, unsafe", serve: hang,
			want: failure, attempts: 1, is: []error{timeout.ErrExceeded}, isNot: []error{retry.ErrExhausted}},
		{name: "attempt timeout while waiting for a connection", acquire: noConnection,
			want: neutral, attempts: 4, took: 4*300*time.Millisecond + 700*time.Millisecond, is: []error{retry.ErrExhausted}},

		{name: "no answer to a dial, and the attempt's timeout", acquire: noAnswer,
			want: failure, attempts: 4, is: []error{retry.ErrExhausted}},
		{name: "no answer to a dial, and the caller's deadline", safety: core.ReadOnly, acquire: noAnswer, deadline: 200 * time.Millisecond,
			want: failure, attempts: 1, is: []error{context.DeadlineExceeded}},
		{name: "no answer to a dial, and an operation timeout", safety: core.ReadOnly, acquire: noAnswer, limit: 200 * time.Millisecond,
			want: failure, attempts: 1, is: []error{timeout.ErrExceeded}},
		{name: "no answer to a dial, and the caller cancels", safety: core.ReadOnly, acquire: noAnswer, cancel: 200 * time.Millisecond,
			want: neutral, attempts: 1, is: []error{context.Canceled}},
		{name: "would wait for itself", safety: core.ReadOnly, acquire: without(fmt.Errorf("%w: %w", core.ErrRejected, coretest.Exhausted{})),
			want: neutral, attempts: 1, is: []error{core.ErrRejected}},

		{name: "timeout of the backend's own library", serve: with(os.ErrDeadlineExceeded),
			want: failure, attempts: 1, is: []error{os.ErrDeadlineExceeded}, isNot: []error{timeout.ErrExceeded}},
		{name: "timeout of the network", serve: with(&net.OpError{Op: "read", Net: "tcp", Err: os.ErrDeadlineExceeded}),
			want: failure, attempts: 1, isNot: []error{timeout.ErrExceeded}},
		{name: "deadline of the work's own", serve: with(context.DeadlineExceeded),
			want: failure, attempts: 1, is: []error{context.DeadlineExceeded}, isNot: []error{timeout.ErrExceeded}},

		{name: "dial failed", acquire: without(refused), want: failure, attempts: 4, is: []error{refused, retry.ErrExhausted}},
		{name: "dial failed for bad credentials", acquire: without(badLogin), want: neutral, attempts: 1, is: []error{badLogin}},

		{name: "too many waiters", safety: core.ReadOnly, acquire: without(tooManyWaiters),
			want: neutral, attempts: 1, is: []error{core.ErrRejected}},
		{name: "too many waiters in a later attempt", safety: core.ReadOnly,
			serve: with(unavailable),
			acquire: func() func(context.Context) error {
				n := 0
				return func(context.Context) error { n++; return []error{nil, tooManyWaiters}[n-1] }
			}(),
			want: failure, attempts: 2, is: []error{unavailable}, isNot: []error{core.ErrRejected}},

		{name: "statement-scoped", safety: core.ReadOnly, serve: with(badSchema), want: success, attempts: 1, is: []error{badSchema}},

		{name: "not ready, read only", safety: core.ReadOnly, serve: with(notReady), want: neutral, attempts: 4, is: []error{notReady}},
		{name: "not ready, idempotent", safety: core.Idempotent, serve: with(notReady), want: neutral, attempts: 1},
		{name: "not ready, unsafe", serve: with(notReady), want: neutral, attempts: 1},

		{name: "unavailable, read only", safety: core.ReadOnly, serve: with(unavailable),
			want: failure, attempts: 4, took: 700 * time.Millisecond, is: []error{unavailable, retry.ErrExhausted, core.ErrConnection}},
		{name: "unavailable, idempotent", safety: core.Idempotent, serve: with(unavailable), want: failure, attempts: 4},
		{name: "unavailable, unsafe and sent", serve: with(unavailable), want: failure, attempts: 1, isNot: []error{retry.ErrExhausted}},
		{name: "unavailable, unsafe and not sent", serve: with(unsent), want: failure, attempts: 4},
		{name: "unavailable, then good", safety: core.ReadOnly, want: success, attempts: 2,
			serve: func(_ context.Context, n int) error { return []error{unavailable, nil}[n-1] }},

		{name: "rate limit", serve: with(rateLimited), want: neutral, attempts: 4, took: 3 * 2 * time.Second, is: []error{rateLimited}},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, middleware.Config{
					Retry:   steady(t, 100*time.Millisecond),
					Timeout: timeout.Config{Attempt: 300 * time.Millisecond},
					Health:  &health.Config{Probe: without(nil)},
				}, func(cfg *core.ClientConfig[*backend], s *coretest.Source[*backend]) {
					cfg.OperationTimeout = row.limit
					s.OnAcquire = row.acquire
				})
				r.backend.serve = row.serve
				ctx := t.Context()
				if row.deadline > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, row.deadline)
					defer cancel()
				}
				if row.cancel > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithCancel(ctx)
					time.AfterFunc(row.cancel, cancel)
				}
				start := time.Now()
				err := r.do(ctx, row.safety)
				took := time.Since(start)

				if got := r.verdicts(); got != row.want {
					t.Errorf("verdicts %+v, want %+v", got, row.want)
				}
				if got := r.acquires.Load(); got != row.attempts {
					t.Errorf("%d attempts, want %d", got, row.attempts)
				}
				if row.took > 0 && took != row.took {
					t.Errorf("took %v, want %v", took, row.took)
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
				if r.source.Out() != 0 {
					t.Errorf("%d connections not given back", r.source.Out())
				}
				if err := r.recorder.Check(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestARefusalSaysNothingAboutTheBackend(t *testing.T) {
	t.Run("by the health gate", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, middleware.Config{Retry: steady(t, time.Second), Health: &health.Config{Probe: without(unavailable)}}, nil)
			for range downThreshold {
				_ = r.Monitor.Check(t.Context())
			}
			for range 20 {
				if err := r.do(t.Context(), core.ReadOnly); !errors.Is(err, health.ErrUnhealthy) || !errors.Is(err, core.ErrUnavailable) {
					t.Fatalf("Do = %v, want ErrUnhealthy", err)
				}
			}
			if got, want := r.verdicts(), (verdicts{neutral: 20}); got != want || r.acquires.Load() != 0 {
				t.Errorf("verdicts %+v after %d attempts, want %+v after none", got, r.acquires.Load(), want)
			}
		})
	})
	t.Run("by the open breaker", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, middleware.Config{Retry: steady(t, time.Second)}, nil)
			r.backend.serve = with(unavailable)
			for range threshold {
				_ = r.do(t.Context(), core.Unsafe)
			}
			for range 20 {
				err := r.do(t.Context(), core.ReadOnly)
				open, ok := errors.AsType[*breaker.OpenError](err)
				if !ok || open.RetryAfter != recovery || !errors.Is(err, core.ErrUnavailable) {
					t.Fatalf("Do = %v, want an OpenError that says when to come back", err)
				}
			}
			if got, want := r.verdicts(), (verdicts{failure: 5, refused: 20}); got != want || r.acquires.Load() != 5 {
				t.Errorf("verdicts %+v after %d attempts, want %+v after 5", got, r.acquires.Load(), want)
			}
			time.Sleep(recovery)
		})
	})
}

func TestAPanicIsAFailureAndGoesOn(t *testing.T) {
	newPanicRig := func(t *testing.T) *rig {
		r := newRig(t, middleware.Config{
			Retry:  steady(t, time.Second),
			Health: &health.Config{Probe: without(nil)},
		}, func(_ *core.ClientConfig[*backend], s *coretest.Source[*backend]) {
			s.OnReturn = func(fate core.ConnFate, reason error) bool {
				if fate != core.Unclean || !errors.Is(reason, core.ErrPanic) {
					t.Errorf("Return(%v, %v), want an unclean connection and ErrPanic", fate, reason)
				}
				return true
			}
		})
		return r
	}
	check := func(t *testing.T, r *rig) {
		if got, want := r.verdicts(), (verdicts{failure: 1}); got != want || r.acquires.Load() != 1 {
			t.Errorf("verdicts %+v after %d attempts, want %+v after 1", got, r.acquires.Load(), want)
		}
		if r.source.Out() != 0 {
			t.Errorf("%d connections not given back", r.source.Out())
		}
		if err := r.recorder.Check(); err != nil {
			t.Error(err)
		}
		if got := r.recorder.Lines(); len(got) != 2 || got[1] != "end operation read_only panic" {
			t.Errorf("observed %q", got)
		}
	}
	t.Run("panic", func(t *testing.T) {
		r := newPanicRig(t)
		r.backend.serve = blowUp
		func() {
			defer func() {
				if v := recover(); fmt.Sprint(v) != "boom" {
					t.Errorf("recovered %v, want boom", v)
				}
				if stack := debugStack(); !stack("blowUp") {
					t.Error("the stack does not lead to the function that panicked")
				}
			}()
			_ = r.do(t.Context(), core.ReadOnly)
		}()
		check(t, r)
	})
	t.Run("Goexit", func(t *testing.T) {
		r := newPanicRig(t)
		r.backend.serve = exit
		done := make(chan struct{})
		go func() {
			defer close(done)
			_ = r.do(t.Context(), core.ReadOnly)
			t.Error("Do returned")
		}()
		<-done
		check(t, r)
	})
}
