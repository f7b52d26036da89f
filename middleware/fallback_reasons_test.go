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
	"github.com/penstock-go/penstock/middleware/fallback"
	"github.com/penstock-go/penstock/middleware/hedge"
	"github.com/penstock-go/penstock/middleware/retry"
)

// An error of the backend means the same to a fallback, whatever the reason for which
// no further attempt was made.
func TestAFallbackDoesNotDependOnWhyTheRetriesStopped(t *testing.T) {
	never, err := core.NewBudget(0, 0)
	if err != nil {
		t.Fatal(err)
	}
	stops := []struct {
		name    string
		cfg     middleware.Config
		safety  core.Safety
		prepare func(t *testing.T, r *rig)
		during  func(r *rig, n int)
		end     func(context.Context) (context.Context, context.CancelFunc)
		nested  bool
	}{
		{name: "exhausted", safety: core.ReadOnly},
		{name: "an unsafe operation"},
		{name: "no retry stage", cfg: leaveOut(middleware.Config{}, "retry"), safety: core.ReadOnly},
		{name: "no retries", cfg: middleware.Config{Retry: retry.Config{MaxRetries: retry.None}}, safety: core.ReadOnly},
		{name: "the budget", cfg: middleware.Config{Retry: retry.Config{Budget: never}}, safety: core.ReadOnly},
		{name: "the breaker, before the wait", safety: core.ReadOnly, during: func(r *rig, _ int) { r.Breaker.ForceOpen() }},
		{name: "the breaker, in the wait", safety: core.ReadOnly, cfg: middleware.Config{Retry: steady(t, time.Second)},
			during: func(r *rig, _ int) { time.AfterFunc(time.Millisecond, func() { r.Breaker.ForceOpen() }) }},
		{name: "the breaker, after the second attempt", safety: core.ReadOnly, during: func(r *rig, n int) {
			if n == 2 {
				r.Breaker.ForceOpen()
			}
		}},
		{name: "a half-open probe", safety: core.ReadOnly, prepare: func(t *testing.T, r *rig) {
			r.backend.serve = func(context.Context, int) error { return unavailable }
			for range threshold {
				_ = r.do(t.Context(), core.Unsafe)
			}
			time.Sleep(recovery + time.Second)
		}},
		{name: "the deadline", safety: core.ReadOnly, cfg: middleware.Config{Retry: steady(t, time.Second)}, end: func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, 500*time.Millisecond)
		}},
		{name: "the close of the client", safety: core.ReadOnly, during: func(r *rig, _ int) { _ = r.client.Close(context.Background()) }},
		{name: "retries of a nested operation", safety: core.ReadOnly, nested: true},
	}
	for _, row := range []struct {
		err  *answer
		want bool
	}{{unavailable, true}, {unsent, true}, {refused, true}, {rateLimited, true}, {notReady, true}, {badSchema, false}, {badLogin, false}} {
		for _, stop := range stops {
			t.Run(fmt.Sprintf("%v, %s", row.err, stop.name), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					r := newRig(t, stop.cfg, nil)
					if stop.prepare != nil {
						stop.prepare(t, r)
					}
					before := int(r.backend.calls.Load())
					r.backend.serve = func(_ context.Context, n int) error {
						if stop.during != nil {
							stop.during(r, n-before)
						}
						return row.err
					}
					ctx := t.Context()
					if stop.end != nil {
						var cancel context.CancelFunc
						ctx, cancel = stop.end(ctx)
						defer cancel()
					}
					work := func(ctx context.Context, b *backend) (string, error) { return "", b.Call(ctx) }
					client := r.client
					if stop.nested {
						client = newRig(t, middleware.Config{}, nil).client
						work = func(ctx context.Context, _ *backend) (string, error) { return "", r.do(ctx, core.ReadOnly) }
					}
					got, err := fallback.Do(ctx, client, core.Op{Name: "op", Safety: stop.safety}, work,
						func(context.Context, error) (string, error) { return "spare", nil })
					if (got == "spare") != row.want || (err == nil) != row.want || (err != nil && !errors.Is(err, row.err)) {
						t.Errorf("Do = %q, %v, want the fallback's: %v", got, err, row.want)
					}
					time.Sleep(recovery + time.Second) // the timers of breakers end with the bubble
				})
			})
		}
	}
}

// A hedged operation may have a fallback.
func TestAHedgedOperationHasAFallback(t *testing.T) {
	for _, row := range []struct {
		name          string
		first, second error
		want          string
		err           error // of the caller
		cause         error
	}{
		{name: "the second run has the result", first: unavailable, want: "result"},
		{name: "both fail", first: unavailable, second: unavailable, want: "spare", cause: unavailable},
		{name: "the second run has an answer", first: unavailable, second: badSchema, err: badSchema},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, leaveOut(middleware.Config{}, "retry"), nil)
				hedger, err := hedge.New(hedge.Config{})
				if err != nil {
					t.Fatal(err)
				}
				began := time.Now()
				res, err := fallback.Run(t.Context(), func(ctx context.Context) (string, error) {
					return hedge.Do(ctx, hedger, r.client, read, func(context.Context, *backend) (string, error) {
						if time.Since(began) > 0 {
							return "result", row.second
						}
						time.Sleep(time.Second)
						return "", row.first
					})
				}, fallback.Plan[string]{Instead: func(context.Context, error) (string, error) { return "spare", nil }})
				if res.Value != row.want || !errors.Is(err, row.err) || !errors.Is(res.Cause, row.cause) || (res.Cause == nil) != (row.cause == nil) {
					t.Errorf("Run = %+v, %v, want %q, %v because of %v", res, err, row.want, row.err, row.cause)
				}
			})
		})
	}
}

// A mistake of the program stays to be seen.
func TestAFallbackDoesNotHideAHedgeThatIsDeclaredWrongly(t *testing.T) {
	r := newRig(t, middleware.Config{}, nil)
	hedger, err := hedge.New(hedge.Config{})
	if err != nil {
		t.Fatal(err)
	}
	res, err := fallback.Run(t.Context(), func(ctx context.Context) (string, error) {
		return hedge.Do(ctx, hedger, r.client, core.Op{Name: "Insert"}, func(context.Context, *backend) (string, error) { return "", nil })
	}, fallback.Plan[string]{Instead: func(context.Context, error) (string, error) { return "spare", nil }})
	if res.Value != "" || !errors.Is(err, hedge.ErrNotReadOnly) {
		t.Errorf("Run = %+v, %v, want ErrNotReadOnly", res, err)
	}
}
