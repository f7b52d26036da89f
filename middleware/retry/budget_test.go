// SPDX-License-Identifier: Apache-2.0

package retry_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/middleware/retry"
)

// storm starts n operations that fail in every attempt, spread over a time, and
// returns how many attempts were made.
func storm(t *testing.T, r *rig, n int, over time.Duration) int {
	var attempts atomic.Int64
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			_, _ = core.Do(t.Context(), r.client, core.Op{Name: "op", Safety: core.ReadOnly}, func(context.Context, int) (int, error) {
				attempts.Add(1)
				return 0, errDown
			})
		})
		time.Sleep(over / time.Duration(n))
	}
	wg.Wait()
	return int(attempts.Load())
}

func TestTheBudgetHoldsInAStorm(t *testing.T) {
	coretest.OneProcessor(t)
	const n = 1000
	for _, row := range []struct {
		name  string
		over  time.Duration
		extra float64 // the minimum: ten a second while it lasts, with the waits at its end
	}{
		{"all at once", 0, 10 * (1 + 7)},
		{"over ten seconds", 10 * time.Second, 10 * (1 + 10 + 7)},
		{"over ten minutes", 10 * time.Minute, 10 * (1 + 600 + 7)},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, retry.Config{Jitter: retry.NoJitter}) // the default budget
				got := storm(t, r, n, row.over)
				if most := 1.1*n + row.extra; float64(got) > most {
					t.Errorf("%d attempts of %d operations, want %v at most", got, n, most)
				}
				if got < 1.1*n {
					t.Errorf("%d attempts of %d operations: the budget was not used", got, n)
				}
			})
		})
	}
}

func TestWithoutABoundEachOperationUsesAllItsRetries(t *testing.T) {
	coretest.OneProcessor(t)
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, steady(t))
		if got := storm(t, r, 1000, 0); got != 4000 {
			t.Errorf("%d attempts of 1000 operations, want 4000", got)
		}
	})
}

func TestOneBudgetServesManyStages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := steady(t)
		cfg.Budget = budget(t, 0, 2)
		attempts := 0
		for range 5 {
			r := newRig(t, cfg)
			_ = r.do(t.Context(), core.ReadOnly, errDown, errStatement)
			attempts += len(r.attempts)
		}
		// Two to begin with, and two for each second that was waited.
		if attempts != 10 {
			t.Errorf("%d attempts, want 10", attempts)
		}
		for cfg.Budget.Take() {
		}
		r := newRig(t, cfg)
		err := r.do(t.Context(), core.ReadOnly, errDown)
		e, ok := errors.AsType[*retry.Error](err)
		if !ok || !errors.Is(e.Reason, retry.ErrBudget) || r.outcome() != retry.OutcomeBudget || !errors.Is(err, errDown) {
			t.Errorf("Do = %v, outcome %q; want the backend's error, and the budget as the reason", err, r.outcome())
		}
		r.at(t, 0)
	})
}

// fivePerSecond returns the steady configuration with a budget of 5/s, into which
// operations pay nothing.
func fivePerSecond(t testing.TB) (retry.Config, *core.Budget) {
	cfg := steady(t)
	cfg.Budget = budget(t, 0, 5)
	return cfg, cfg.Budget
}

func TestAFurtherAttemptThatPanicsIsPaid(t *testing.T) {
	for name, end := range map[string]func(){"panic": func() { panic("boom") }, "Goexit": runtime.Goexit} {
		synctest.Test(t, func(t *testing.T) {
			cfg, b := fivePerSecond(t)
			r := newRig(t, cfg)
			var wg sync.WaitGroup
			wg.Go(func() {
				defer func() { _ = recover() }()
				attempts := 0
				_, _ = core.Do(t.Context(), r.client, core.Op{Name: "op", Safety: core.ReadOnly}, func(context.Context, int) (int, error) {
					if attempts++; attempts == 2 {
						end()
					}
					return 0, errDown
				})
			})
			wg.Wait()
			if got, want := b.Balance(), 5.0-1+5; got != want || r.outcome() != retry.OutcomePanicked {
				t.Errorf("%s: budget %v, outcome %q; want %v: the attempt was made", name, got, r.outcome(), want)
			}
		})
	}
}

func TestEachAttemptThatAStageEndsIsRefunded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg, b := fivePerSecond(t)
		r := newRig(t, cfg, func(next core.Handler) core.Handler {
			return func(ctx context.Context, call *core.Call) error {
				if call.Attempt() > 1 {
					return errUnsent
				}
				return next(ctx, call)
			}
		})
		if err := r.do(t.Context(), core.ReadOnly, errDown); !errors.Is(err, retry.ErrExhausted) {
			t.Errorf("Do = %v, want all attempts", err)
		}
		if got, want := b.Balance(), 5.0+5*7; got != want {
			t.Errorf("budget %v after three attempts that did not reach the backend, want %v", got, want)
		}
	})
}

func TestWhichOperationsPayIn(t *testing.T) {
	for _, row := range []struct {
		name    string
		retries int
		err     error
		want    float64
	}{
		{"a success", 0, nil, 1},
		{"an answer", 0, errStatement, 1},
		{"a failure, without retries", retry.None, errDown, 1},
		{"a success, without retries", retry.None, nil, 1},
		{"a local refusal", 0, errRefused, 0},
		{"a local refusal, without retries", retry.None, errRefused, 0},
	} {
		cfg := retry.Config{MaxRetries: row.retries, Budget: budget(t, 1, 0)}
		r := newRig(t, cfg)
		if err := r.do(t.Context(), core.ReadOnly, row.err); !errors.Is(err, row.err) {
			t.Errorf("%s: Do = %v", row.name, err)
		}
		if got := cfg.Budget.Balance(); got != row.want {
			t.Errorf("%s: budget %v, want %v", row.name, got, row.want)
		}
	}
}
