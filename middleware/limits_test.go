// SPDX-License-Identifier: Apache-2.0

package middleware_test

import (
	"cmp"
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/internal/errtype"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/retry"
	"github.com/penstock-go/penstock/middleware/timeout"
)

var errOwnLimit = errors.New("the stage's own limit")

// bounding is a stage of a user's own that ends the context of what stands further in.
func bounding(bound func(context.Context) (context.Context, context.CancelFunc)) core.Middleware {
	return func(next core.Handler) core.Handler {
		return func(ctx context.Context, call *core.Call) error {
			ctx, cancel := bound(ctx)
			defer cancel()
			return next(ctx, call)
		}
	}
}

// A limit that a stage sets is the stage's wherever the stage stands, and a deadline
// of the caller's is the caller's whatever its cause.
func TestWhoseLimitEndedTheOperation(t *testing.T) {
	const limit = 5 * time.Second
	plain := func(ctx context.Context) (context.Context, context.CancelFunc) {
		return context.WithTimeout(ctx, limit)
	}
	cause := func(ctx context.Context) (context.Context, context.CancelFunc) {
		return context.WithTimeoutCause(ctx, limit, errOwnLimit)
	}
	outside := []string{"trace", "breaker", "timeout", "retry", "health"}
	own := func(b func(context.Context) (context.Context, context.CancelFunc), place middleware.Stage) middleware.Config {
		place.Name, place.Middleware = "own", bounding(b)
		return middleware.Config{Timeout: timeout.Config{Disabled: true}, Stages: []middleware.Stage{place}}
	}
	for _, row := range []struct {
		name   string
		cfg    middleware.Config
		caller func(context.Context) (context.Context, context.CancelFunc)
		ours   bool
		limit  time.Duration // told by the error
		also   error
	}{
		{name: "the stage outside of retry", cfg: middleware.Config{Order: outside, Timeout: timeout.Config{Attempt: limit}}, ours: true, limit: limit},
		{name: "the stage outside of retry, and a later deadline", cfg: middleware.Config{Order: outside, Timeout: timeout.Config{Attempt: limit}}, ours: true, limit: limit,
			caller: func(ctx context.Context) (context.Context, context.CancelFunc) {
				return context.WithTimeout(ctx, time.Hour)
			}},
		{name: "a stage of one's own outside of retry", cfg: own(plain, middleware.Stage{Before: "retry"}), ours: true},
		{name: "a stage of one's own inside of retry", cfg: own(plain, middleware.Stage{After: "retry"}), ours: true},
		{name: "a stage of one's own with a cause, outside of retry", cfg: own(cause, middleware.Stage{Before: "retry"}), ours: true, also: errOwnLimit},
		{name: "a stage of one's own with a cause, inside of retry", cfg: own(cause, middleware.Stage{After: "retry"}), ours: true, also: errOwnLimit},
		{name: "the client's timeout", cfg: middleware.Config{OperationTimeout: limit}, ours: true, limit: limit},
		{name: "two limits, the outer one first", cfg: middleware.Config{OperationTimeout: time.Hour, Order: outside, Timeout: timeout.Config{Attempt: limit},
			Stages: []middleware.Stage{{Name: "own", After: "retry", Middleware: bounding(func(ctx context.Context) (context.Context, context.CancelFunc) {
				return context.WithTimeout(ctx, time.Minute)
			})}}}, ours: true, limit: limit},
		{name: "the caller's deadline", caller: plain},
		{name: "the caller's deadline with a cause", caller: cause},
		{name: "the caller's deadline, which is a limit of an operation further out", caller: func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeoutCause(ctx, limit, &core.TimeoutError{Limit: limit})
		}},
	} {
		for _, work := range []struct {
			name  string
			serve func(context.Context, int) error
			want  string // the error's type, if not that of the limit
		}{
			{name: "at work", serve: hang},
			{name: "at work that returns the cause", serve: func(ctx context.Context, _ int) error { <-ctx.Done(); return context.Cause(ctx) }},
			{name: "after a failed attempt", serve: func(ctx context.Context, n int) error {
				if n == 1 {
					return unavailable
				}
				return hang(ctx, n)
			}},
			{name: "before the wait for another attempt", want: "unavailable", serve: func(_ context.Context, n int) error {
				time.Sleep(limit - time.Millisecond)
				return unavailable
			}},
		} {
			t.Run(row.name+", "+work.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					cfg := row.cfg
					cfg.Retry = steady(t, time.Second)
					cfg.Retry.MaxRetries = 1
					r := newRig(t, cfg, func(c *core.ClientConfig[*backend], _ *coretest.Source[*backend]) {
						c.OperationTimeout = cfg.OperationTimeout
					})
					r.backend.serve = work.serve
					ctx := t.Context()
					if row.caller != nil {
						var cancel context.CancelFunc
						ctx, cancel = row.caller(ctx)
						defer cancel()
					}
					err := r.do(ctx, core.ReadOnly)
					if errors.Is(err, retry.ErrExhausted) && work.want != "" {
						return // the limit holds for each attempt, not for the wait
					}
					e, ok := errors.AsType[*core.TimeoutError](err)
					if ok != row.ours || ok != errors.Is(err, core.ErrTimeout) {
						if !row.ours && work.name == "at work that returns the cause" {
							return // the work itself named a limit of somebody else
						}
						t.Errorf("Do = %v, want a timeout: %v", err, row.ours)
					}
					if !row.ours && !errors.Is(err, context.DeadlineExceeded) {
						t.Errorf("Do = %v, want the deadline", err)
					}
					if work.want == "" && ok && e.Limit != row.limit {
						t.Errorf("Do = %v, a limit of %v, want %v", err, e.Limit, row.limit)
					}
					if work.want == "" && row.also != nil && !errors.Is(err, row.also) {
						t.Errorf("Do = %v, want the cause in it", err)
					}
					want := cmp.Or(work.want, map[bool]string{true: errtype.Timeout, false: errtype.Deadline}[row.ours])
					if got := core.ErrorType(err); got != want {
						t.Errorf("ErrorType(%v) = %s, want %s", err, got, want)
					}
				})
			})
		}
	}
}

// The limit of an outer attempt is told, also if attempts of an operation within its
// work ran into a limit of their own.
func TestALimitIsToldByTheOperationThatHasIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := func(limit time.Duration) middleware.Config {
			return middleware.Config{Retry: steady(t, time.Second), Timeout: timeout.Config{Attempt: limit}}
		}
		outer, inner := newRig(t, cfg(5*time.Second), nil), newRig(t, cfg(3*time.Second), nil)
		inner.backend.serve = hang
		outer.backend.serve = func(ctx context.Context, _ int) error {
			err := inner.do(ctx, core.ReadOnly)
			if e, ok := errors.AsType[*core.TimeoutError](err); !ok || e.Limit != 3*time.Second || !errors.Is(err, context.DeadlineExceeded) || core.ErrorType(err) != errtype.Deadline {
				t.Errorf("the inner Do = %v, want its timeout in the first attempt, and the caller's deadline in the second", err)
			}
			return err
		}
		err := outer.do(t.Context(), core.ReadOnly)
		if e, ok := errors.AsType[*core.TimeoutError](err); !ok || e.Limit != 5*time.Second || core.ErrorType(err) != errtype.Timeout {
			t.Errorf("Do = %v, want a timeout of 5s", err)
		}
	})
}

// A caller's deadline may be a limit of an operation further out. Of the operation
// itself it is the caller's deadline all the same.
func TestADeadlineInTheWaitForAConnectionIsTheCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, middleware.Config{}, func(_ *core.ClientConfig[*backend], source *coretest.Source[*backend]) {
			source.OnAcquire = func(ctx context.Context) error {
				<-ctx.Done()
				return coretest.Exhausted{Cause: ctx.Err()}
			}
		})
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, &core.TimeoutError{Limit: time.Second})
		defer cancel()
		err := r.do(ctx, core.ReadOnly)
		if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, core.ErrTimeout) {
			t.Errorf("Do = %v, want the caller's deadline, and no limit of this client", err)
		}
	})
}
