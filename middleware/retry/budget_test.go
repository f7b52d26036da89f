// SPDX-License-Identifier: Apache-2.0

package retry_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core"
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
	oneProcessor(t)
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
	oneProcessor(t)
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
