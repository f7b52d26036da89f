// SPDX-License-Identifier: Apache-2.0

package coretest_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
)

func TestAMiddlewareMayDoNothing(t *testing.T) {
	coretest.TestMiddleware(t, func() core.Middleware {
		return func(next core.Handler) core.Handler { return next }
	})
}

// wrap makes a middleware of a handler that has next for its last argument.
func wrap(h func(ctx context.Context, call *core.Call, next core.Handler) error) core.Middleware {
	return func(next core.Handler) core.Handler {
		return func(ctx context.Context, call *core.Call) error { return h(ctx, call, next) }
	}
}

var errFull = errors.New("full")

// slots is a middleware with room for few, that refuses others with an error.
func slots(full error, giveBack func(release func(), run func() error) error) core.Middleware {
	var held atomic.Int64
	release := func() { held.Add(-1) }
	return wrap(func(ctx context.Context, call *core.Call, next core.Handler) error {
		if held.Add(1) > 4 {
			release()
			return full
		}
		return giveBack(release, func() error { return next(ctx, call) })
	})
}

// again repeats what failed, if the limit (count) and the guards (ask) allow it.
func again(number, count, ask bool, wait time.Duration) core.Middleware {
	return wrap(func(ctx context.Context, call *core.Call, next core.Handler) error {
		err := next(ctx, call)
		for n := 0; n < 3 && err != nil && ctx.Err() == nil; n++ {
			if count && call.AttemptsLeft() == 0 || ask && call.BeforeAttempt() != nil {
				return err
			}
			time.Sleep(wait)
			if ctx.Err() != nil {
				return err
			}
			if number {
				call.NextAttempt()
			}
			err = next(ctx, call)
		}
		return err
	})
}

func deferred(release func(), run func() error) error {
	defer release()
	return run()
}

func TestGoodMiddlewareIsNotFaulted(t *testing.T) {
	for name, m := range map[string]func() core.Middleware{
		"slots":   func() core.Middleware { return slots(core.ErrRejected, deferred) },
		"repeats": func() core.Middleware { return again(true, true, true, 0) },
	} {
		t.Run(name, func(t *testing.T) { coretest.TestMiddleware(t, m) })
	}
}

func TestABadMiddlewareIsFound(t *testing.T) {
	const (
		passes     = "passes the context and the call on"
		returned   = "returns the error of next"
		limits     = "runs next as often as allowed"
		inTime     = "returns soon after its context ends"
		panics     = "lets a panic through and gives back what it held"
		goexits    = "lets Goexit through and gives back what it held"
		concurrent = "concurrent use"
	)
	after := func(release func(), run func() error) error {
		err := run()
		release()
		return err
	}
	recovers := func(release func(), run func() error) (err error) {
		defer func() {
			if recover() != nil {
				err = errFull
			}
			release()
		}()
		return run()
	}
	onPanic := func(release func(), run func() error) error {
		defer func() {
			if v := recover(); v != nil {
				release()
				panic(v)
			}
		}()
		err := run()
		release()
		return err
	}
	for _, test := range []struct {
		name string
		m    func() core.Middleware
		want string // a check that fails, of perhaps several
	}{
		{"another context", func() core.Middleware {
			return wrap(func(_ context.Context, call *core.Call, next core.Handler) error {
				return next(context.Background(), call)
			})
		}, passes},
		{"a context that outlives its caller", func() core.Middleware {
			return wrap(func(ctx context.Context, call *core.Call, next core.Handler) error {
				return next(context.WithoutCancel(ctx), call)
			})
		}, passes},
		{"a call of its own", func() core.Middleware {
			return wrap(func(ctx context.Context, call *core.Call, next core.Handler) error {
				return next(ctx, &core.Call{Op: call.Op})
			})
		}, passes},
		{"nothing", func() core.Middleware {
			return wrap(func(context.Context, *core.Call, core.Handler) error { return nil })
		}, passes},
		{"swallows errors", func() core.Middleware {
			return wrap(func(ctx context.Context, call *core.Call, next core.Handler) error {
				_ = next(ctx, call)
				return nil
			})
		}, returned},
		{"replaces errors", func() core.Middleware {
			return wrap(func(ctx context.Context, call *core.Call, next core.Handler) error {
				if next(ctx, call) != nil {
					return errFull
				}
				return nil
			})
		}, returned},
		{"does not look at the limit", func() core.Middleware { return again(true, false, true, 0) }, limits},
		{"does not ask the guards", func() core.Middleware { return again(true, true, false, 0) }, limits},
		{"does not number its attempts", func() core.Middleware { return again(false, true, true, 0) }, limits},
		{"sleeps on", func() core.Middleware { return again(true, true, true, time.Hour) }, inTime},
		{"returns before next does", func() core.Middleware {
			return wrap(func(ctx context.Context, call *core.Call, next core.Handler) error {
				done := make(chan error, 1)
				go func() {
					defer func() { _ = recover() }()
					done <- next(ctx, call)
				}()
				select {
				case err := <-done:
					return err
				case <-ctx.Done():
					return ctx.Err()
				case <-time.After(time.Microsecond):
					return errFull
				}
			})
		}, concurrent},
		{"keeps its slot in a panic", func() core.Middleware { return slots(core.ErrRejected, after) }, panics},
		{"keeps its slot in Goexit", func() core.Middleware { return slots(core.ErrRejected, onPanic) }, goexits},
		{"swallows a panic", func() core.Middleware { return slots(core.ErrRejected, recovers) }, panics},
		{"refuses with any error", func() core.Middleware { return slots(errFull, deferred) }, concurrent},
	} {
		t.Run(test.name, func(t *testing.T) {
			failed := coretest.FailedMiddlewareChecks(t, test.m)
			if !slices.Contains(failed, test.want) {
				t.Errorf("failed checks: %q, want %q among them", failed, test.want)
			}
		})
	}
}
