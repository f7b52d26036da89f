// SPDX-License-Identifier: Apache-2.0

package middleware_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/middleware/retry"
)

// quiet returns a stage that loses the error of the stages further in.
func quiet(name, after string) middleware.Stage {
	return middleware.Stage{Name: name, After: after, Middleware: func(next core.Handler) core.Handler {
		return func(ctx context.Context, call *core.Call) error {
			_ = next(ctx, call)
			return nil
		}
	}}
}

func TestTheErrorNamesTheStageThatLostAnError(t *testing.T) {
	honest := middleware.Stage{Name: "honest", Middleware: pass, After: "trace"}
	idle := middleware.Stage{Name: "idle", After: "timeout", Middleware: func(core.Handler) core.Handler {
		return func(context.Context, *core.Call) error { return nil }
	}}
	const lost = " returned no error for work that did not succeed: a stage must return the error of next, or one of its own"
	for _, row := range []struct {
		name   string
		stages []middleware.Stage
		want   string
	}{
		{"outermost", []middleware.Stage{quiet("audit", "trace"), honest}, `stage "audit"` + lost},
		{"inside of retry", []middleware.Stage{quiet("audit", "retry"), honest}, `stage "audit"` + lost},
		{"two", []middleware.Stage{quiet("outer", "trace"), quiet("inner", "retry")}, `stage "inner"` + lost},
		{"one that calls nothing", []middleware.Stage{honest, idle}, `stage "idle"` + lost},
		{"none", []middleware.Stage{honest}, "bad_schema"},
	} {
		r := newRig(t, middleware.Config{Stages: row.stages}, nil)
		r.backend.serve = func(context.Context, int) error { return badSchema }
		if err := r.do(t.Context(), core.Unsafe); err == nil || err.Error() != "unsafe: "+row.want {
			t.Errorf("%s: Do = %v, want %s", row.name, err, row.want)
		}
		// The call is used again: nothing of it may stay.
		r.backend.serve = nil
		if err := r.do(t.Context(), core.Unsafe); (err == nil) == (row.name == "one that calls nothing") {
			t.Errorf("%s: Do = %v after work that succeeds", row.name, err)
		}
	}
	// A chain that package middleware has not built knows no names.
	r := newRig(t, middleware.Config{}, func(cfg *core.ClientConfig[*backend], _ *coretest.Source[*backend]) {
		cfg.Middleware = quiet("", "").Middleware
	})
	r.backend.serve = func(context.Context, int) error { return badSchema }
	if err := r.do(t.Context(), core.Unsafe); err == nil || err.Error() != "unsafe: a stage"+lost {
		t.Errorf("Do = %v, want a stage%s", err, lost)
	}
}

func TestAnErrorSaysOnceWhyNoAttemptFollows(t *testing.T) {
	for _, row := range []struct {
		name   string
		cfg    middleware.Config
		safety core.Safety
		before int // operations before the one that is looked at
		wait   time.Duration
		want   string
	}{
		{"all attempts are made", middleware.Config{Retry: retry.Config{MaxRetries: 1}}, core.ReadOnly, 0, 0,
			"read_only: unavailable (no further attempt: retries exhausted) (after 2 attempts)"},
		{"unsafe", middleware.Config{}, core.Unsafe, 0, 0,
			"unsafe: unavailable (no further attempt: the operation is unsafe to repeat, and the backend may have applied it)"},
		{"a probe of the breaker", middleware.Config{Breaker: breaker.Config{FailureThreshold: 1}}, core.ReadOnly, 1, recovery + time.Second,
			"read_only: unavailable (no further attempt: a stage limits the operation to 1 attempt)"},
		{"a breaker that opens meanwhile", middleware.Config{Breaker: breaker.Config{FailureThreshold: 1, CountAttempts: true}}, core.ReadOnly, 0, 0,
			`read_only: unavailable (no further attempt: circuit breaker "breaker" is open for another 30s, opened just now by unavailable)`},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, row.cfg, nil)
				r.backend.serve = func(context.Context, int) error { return unavailable }
				for range row.before {
					_ = r.do(t.Context(), core.ReadOnly)
				}
				time.Sleep(row.wait)
				if err := r.do(t.Context(), row.safety); err == nil || err.Error() != row.want || strings.Count(err.Error(), "no further attempt") != 1 {
					t.Errorf("Do = %v, want %s", err, row.want)
				}
				time.Sleep(recovery) // the breaker's timer
			})
		})
	}
}
