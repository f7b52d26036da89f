// SPDX-License-Identifier: Apache-2.0

package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/retry"
)

// levels returns clients with all defaults, the outermost first, and a function that
// runs an operation of the first, within whose work an operation of the next runs, and
// so on. Each level returns the error of the next as wrap makes it.
func levels(t *testing.T, n int, wrap func(error) error) (rigs []*rig, do func(context.Context) error) {
	for range n {
		rigs = append(rigs, newRig(t, middleware.Config{}, nil))
	}
	var level func(ctx context.Context, i int) error
	level = func(ctx context.Context, i int) error {
		_, err := core.Do(ctx, rigs[i].client, core.Op{Name: fmt.Sprint("level", i), Safety: core.ReadOnly}, func(ctx context.Context, b *backend) (int, error) {
			if i == n-1 {
				return 0, b.Call(ctx)
			}
			if err := level(ctx, i+1); err != nil {
				return 0, wrap(err)
			}
			return 0, nil
		})
		return err
	}
	return rigs, func(ctx context.Context) error { return level(ctx, 0) }
}

func TestNestedRetriesDoNotMultiply(t *testing.T) {
	for name, wrap := range map[string]func(error) error{
		"as it is": func(err error) error { return err },
		"wrapped":  func(err error) error { return fmt.Errorf("load: %w", err) },
		"joined":   func(err error) error { return errors.Join(errors.New("another"), err) },
		"as text":  func(err error) error { return fmt.Errorf("load: %v", err) },
		"not told": func(error) error { return errors.New("cannot load") },
	} {
		for _, n := range []int{2, 3, 4} {
			t.Run(fmt.Sprintf("%s, %d levels", name, n), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					rigs, do := levels(t, n, wrap)
					last := rigs[n-1].backend
					last.serve = func(context.Context, int) error { return unavailable }
					if err := do(t.Context()); err == nil || last.calls.Load() != 4 {
						t.Errorf("Do = %v after %d calls of the backend, want 4 calls", err, last.calls.Load())
					}
					time.Sleep(recovery) // the timers of breakers end with the bubble
				})
			})
		}
	}
}

// The bound holds if the work does not pass its context on.
func TestNestedRetriesDoNotMultiplyWithoutTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rigs, do := levels(t, 2, func(err error) error { return fmt.Errorf("load: %w", err) })
		rigs[1].backend.serve = func(context.Context, int) error { return unavailable }
		outer := newRig(t, middleware.Config{}, nil)
		_, err := core.Do(t.Context(), outer.client, core.Op{Name: "outer", Safety: core.ReadOnly}, func(context.Context, *backend) (int, error) {
			return 0, do(t.Context())
		})
		if calls := rigs[1].backend.calls.Load(); err == nil || calls != 4 {
			t.Errorf("Do = %v after %d calls, want 4", err, calls)
		}
		time.Sleep(recovery) // the timers of breakers end with the bubble
	})
}

// The bound holds whatever ended the retries of the inner operation.
func TestNestedRetriesDoNotMultiplyWhateverStopsTheInnerOnes(t *testing.T) {
	spent, err := core.NewBudget(0, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name  string
		inner middleware.Config
		do    func(ctx context.Context) (context.Context, context.CancelFunc)
		calls int64 // at most
	}{
		{name: "the budget at once", inner: middleware.Config{Retry: retry.Config{Budget: spent}}, calls: 4},
		{name: "its own deadline", inner: middleware.Config{OperationTimeout: 2 * time.Second, Retry: retry.Config{Jitter: retry.NoJitter}}, calls: 4},
		{name: "the caller's deadline", inner: middleware.Config{Retry: retry.Config{Jitter: retry.NoJitter}}, do: func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, 2*time.Second)
		}, calls: 2},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				outer, inner := newRig(t, middleware.Config{}, nil), newRig(t, row.inner, nil)
				inner.backend.serve = func(context.Context, int) error { return unavailable }
				ctx := t.Context()
				if row.do != nil {
					var cancel context.CancelFunc
					ctx, cancel = row.do(ctx)
					defer cancel()
				}
				_, err := core.Do(ctx, outer.client, core.Op{Name: "outer", Safety: core.ReadOnly}, func(ctx context.Context, _ *backend) (int, error) {
					return 0, inner.do(ctx, core.ReadOnly)
				})
				if calls := inner.backend.calls.Load(); err == nil || calls > row.calls {
					t.Errorf("Do = %v after %d calls, want at most %d", err, calls, row.calls)
				}
				time.Sleep(recovery) // the timers of breakers end with the bubble
			})
		})
	}
}

// An inner breaker that opens between two attempts ends the attempts of the outer
// operation too.
func TestNestedRetriesEndWhenTheInnerBreakerOpens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rigs, do := levels(t, 2, func(err error) error { return err })
		inner := rigs[1]
		inner.backend.serve = func(_ context.Context, n int) error {
			if n == 2 {
				inner.Breaker.ForceOpen()
			}
			return unavailable
		}
		if err := do(t.Context()); err == nil || inner.backend.calls.Load() != 2 {
			t.Errorf("Do = %v after %d calls, want 2", err, inner.backend.calls.Load())
		}
	})
}

// What the work does after an inner operation has failed is judged by itself, if its
// error has a type.
func TestAnInnerFailureThatIsOvercomeTakesNoRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		outer, inner := newRig(t, middleware.Config{}, nil), newRig(t, middleware.Config{}, nil)
		inner.backend.serve = func(context.Context, int) error { return unavailable }
		outer.backend.serve = func(_ context.Context, n int) error {
			if n < 3 {
				return unavailable
			}
			return nil
		}
		_, err := core.Do(t.Context(), outer.client, core.Op{Name: "outer", Safety: core.ReadOnly}, func(ctx context.Context, b *backend) (int, error) {
			if outer.backend.calls.Load() == 0 {
				_ = inner.do(ctx, core.ReadOnly) // a cache that need not answer
			}
			return 0, b.Call(ctx)
		})
		if calls := outer.backend.calls.Load(); err != nil || calls != 3 {
			t.Errorf("Do = %v after %d calls, want a result of the third", err, calls)
		}
	})
}

// An operation that ran in the background of an attempt, and ends after the attempt,
// says nothing about a later attempt.
func TestAnInnerOperationOfAnEarlierAttemptTakesNoRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		outer, inner := newRig(t, middleware.Config{Retry: steady(t, 5*time.Second)}, nil), newRig(t, middleware.Config{}, nil)
		inner.backend.serve = func(context.Context, int) error { return unavailable }
		var background *core.Future[int]
		calls := 0
		_, err := core.Do(t.Context(), outer.client, core.Op{Name: "outer", Safety: core.ReadOnly}, func(ctx context.Context, _ *backend) (int, error) {
			if calls++; calls == 1 {
				background = core.Go(context.WithoutCancel(ctx), inner.client, core.Op{Name: "inner", Safety: core.ReadOnly},
					func(ctx context.Context, b *backend) (int, error) { return 0, b.Call(ctx) })
			}
			return 0, errors.New("unknown")
		})
		_, late := background.Await(t.Context())
		if e, ok := errors.AsType[*core.Error](late); !ok || e.Attempts != 4 || calls != 4 {
			t.Errorf("Do = %v after %d attempts, the inner one %v; want 4 of each", err, calls, late)
		}
		time.Sleep(recovery) // the timers of breakers end with the bubble
	})
}
