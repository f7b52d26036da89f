// SPDX-License-Identifier: Apache-2.0

package retry_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/middleware/retry"
)

func TestWhatIsAttemptedAgain(t *testing.T) {
	three := []error{errDown, errDown, errDown}
	for _, row := range []struct {
		name     string
		safety   core.Safety
		results  []error
		attempts int
		outcome  string
	}{
		{"good at once", core.ReadOnly, []error{nil}, 1, ""},
		{"good at the second", core.ReadOnly, []error{errDown, nil}, 2, retry.OutcomeRecovered},
		{"good at the last", core.Idempotent, append(three, nil), 4, retry.OutcomeRecovered},
		{"good too late", core.ReadOnly, append(three, errDown, nil), 4, retry.OutcomeExhausted},
		{"an answer", core.ReadOnly, []error{errStatement}, 1, ""},
		{"an answer at the second", core.ReadOnly, []error{errDown, errStatement}, 2, retry.OutcomeAnswered},
		{"unsafe and sent", core.Unsafe, []error{errDown}, 1, retry.OutcomeUnsafe},
		{"unsafe and not sent", core.Unsafe, []error{errUnsent}, 4, retry.OutcomeExhausted},
		{"unsafe, sent at the second", core.Unsafe, []error{errUnsent, errDown}, 2, retry.OutcomeUnsafe},
		{"not ready, read only", core.ReadOnly, []error{errNotReady}, 4, retry.OutcomeExhausted},
		{"not ready, idempotent", core.Idempotent, []error{errNotReady}, 1, retry.OutcomeNotRetryable},
		{"rejected", core.ReadOnly, []error{errRefused}, 1, ""},
		{"rejected at the second", core.ReadOnly, []error{errDown, errRefused}, 2, retry.OutcomeRejected},
		{"rejected in the work", core.ReadOnly, []error{core.ErrRejected}, 1, ""},
		{"rejected in the work at the second", core.ReadOnly, []error{errDown, core.ErrRejected}, 2, retry.OutcomeRejected},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, steady(t))
				err := r.do(t.Context(), row.safety, row.results...)
				r.at(t, []time.Duration{0, time.Second, 3 * time.Second, 7 * time.Second}[:row.attempts]...)
				if got := r.outcome(); got != row.outcome {
					t.Errorf("outcome %q, want %q", got, row.outcome)
				}
				if ends := r.recorder.Events(core.EventRetryEnd); len(ends) == 1 && ends[0].Delay != time.Since(r.started) {
					t.Errorf("the observer was told of %v of backoff, want %v", ends[0].Delay, time.Since(r.started))
				}
				if good := row.outcome == retry.OutcomeRecovered || row.results[0] == nil; (err == nil) != good {
					t.Errorf("Do = %v", err)
				}
				if e, ok := errors.AsType[*core.Error](err); ok && e.Attempts != row.attempts {
					t.Errorf("the error tells of %d attempts, want %d", e.Attempts, row.attempts)
				}
				if got := errors.Is(err, retry.ErrExhausted); got != (row.outcome == retry.OutcomeExhausted) {
					t.Errorf("ErrExhausted in it: %v, outcome %q", got, row.outcome)
				}
				if err := r.recorder.Check(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestNoneMakesOneAttempt(t *testing.T) {
	r := newRig(t, retry.Config{MaxRetries: retry.None})
	if err := r.do(t.Context(), core.ReadOnly, errDown); !errors.Is(err, errDown) || errors.Is(err, retry.ErrExhausted) {
		t.Errorf("Do = %v, want the error alone", err)
	}
	if len(r.attempts) != 1 {
		t.Errorf("%d attempts, want 1", len(r.attempts))
	}
	if lines := r.recorder.Lines(); len(lines) != 0 {
		t.Errorf("observed %q", lines)
	}
}

func TestMaxRetriesMayBeHuge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := steady(t)
		cfg.MaxRetries = int(^uint(0) >> 1)
		r := newRig(t, cfg)
		results := make([]error, 100)
		for n := range results {
			results[n] = errDown
		}
		if err := r.do(t.Context(), core.ReadOnly, append(results, nil)...); err != nil || len(r.attempts) != 101 {
			t.Errorf("Do = %v after %d attempts, want nil after 101", err, len(r.attempts))
		}
	})
}

func TestTheObserverIsToldOfEachFurtherAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, steady(t))
		_ = r.do(t.Context(), core.ReadOnly, errDown, &limited{5 * time.Second}, nil)
		want := []string{
			"retry #1 _OTHER", "wait", "begin attempt op #2", "end attempt op #2 _OTHER",
			"retry #2 _OTHER", "wait", "begin attempt op #3", "end attempt op #3",
			"retry_end #3 recovered _OTHER",
		}
		if got := r.recorder.Lines(); !slices.Equal(got, want) {
			t.Errorf("observed\n%q, want\n%q", got, want)
		}
		retries := r.recorder.Events(core.EventRetry)
		if retries[0].Delay != time.Second || retries[1].Delay != 5*time.Second || !errors.Is(retries[0].Err, errDown) {
			t.Errorf("retries %+v", retries)
		}
	})
}

func TestAPanicInALaterAttemptEndsItsScope(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, steady(t), func(next core.Handler) core.Handler {
			return func(ctx context.Context, call *core.Call) error {
				if call.Attempt() == 2 {
					panic("boom")
				}
				return next(ctx, call)
			}
		})
		defer func() {
			if v := recover(); v != "boom" {
				t.Errorf("recovered %v, want boom", v)
			}
			if lines := r.recorder.Lines(); !slices.Contains(lines, "end attempt op #2 panic") {
				t.Errorf("observed %q", lines)
			}
			if err := r.recorder.Check(); err != nil {
				t.Error(err)
			}
		}()
		_ = r.do(t.Context(), core.ReadOnly, errDown)
	})
}

// guard forbids attempts from a given time on.
type guard struct {
	core.NopGuard
	until time.Time
	asked int
}

var errForbidden = errors.New("forbidden")

func (g *guard) BeforeAttempt(*core.Call) error {
	g.asked++
	if time.Now().Before(g.until) {
		return nil
	}
	return errForbidden
}

func TestGuardsAndLimitsAreAskedBeforeAndAfterTheWait(t *testing.T) {
	for _, row := range []struct {
		name     string
		prepare  func(call *core.Call, g *guard)
		attempts int
		asked    int
		took     time.Duration
		outcome  string
	}{
		{"forbidden before the wait", func(call *core.Call, g *guard) { g.until = time.Now() }, 1, 1, 0, retry.OutcomeForbidden},
		{"forbidden in the wait", func(call *core.Call, g *guard) { g.until = time.Now().Add(2 * time.Second) }, 2, 4, 3 * time.Second, retry.OutcomeForbidden},
		{"limited", func(call *core.Call, g *guard) { g.until = time.Now().Add(time.Hour); call.LimitAttempts(2) }, 2, 2, time.Second, retry.OutcomeLimited},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := steady(t)
				cfg.Budget = budget(t, 0, 5)
				g := &guard{}
				first := true
				r := newRig(t, cfg, func(next core.Handler) core.Handler {
					return func(ctx context.Context, call *core.Call) error {
						if first {
							call.Attach(g)
							row.prepare(call, g)
							first = false
						}
						return next(ctx, call)
					}
				})
				err := r.do(t.Context(), core.ReadOnly, errDown)
				if len(r.attempts) != row.attempts || g.asked != row.asked {
					t.Errorf("%d attempts, asked %d times; want %d and %d", len(r.attempts), g.asked, row.attempts, row.asked)
				}
				if took := time.Since(r.started); took != row.took || r.outcome() != row.outcome {
					t.Errorf("%q after %v, want %q after %v", r.outcome(), took, row.outcome, row.took)
				}
				e, ok := errors.AsType[*retry.Error](err)
				if !ok || !errors.Is(err, errDown) || errors.Is(err, errForbidden) || e.Reason == nil {
					t.Errorf("Do = %v, want the backend's error, and the reason beside it", err)
				}
				if got, want := cfg.Budget.Balance(), 5.0-float64(row.attempts-1)+5*row.took.Seconds(); got != want {
					t.Errorf("budget %v, want %v: an attempt not made is paid back", got, want)
				}
			})
		})
	}
}
