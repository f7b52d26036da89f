// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/middleware/hedge"
	"github.com/penstock-go/penstock/middleware/retry"
	"github.com/penstock-go/penstock/pool"
)

// hedgeDelay is after how long an operation gets its second run.
const hedgeDelay = 10 * time.Millisecond

// hedged runs one operation of two runs at most. It counts how the second run ended, as
// the work sees it.
func (b *books) hedged(ctx context.Context, h *hedge.Hedger, c *penstock.Client[int], r *rand.Rand) {
	var took [2]time.Duration
	var fails [2]bool
	for i := range took {
		took[i], fails[i] = upTo(r, 30*time.Millisecond), r.IntN(3) == 0
	}
	var runs atomic.Int32
	begin := time.Now()
	_, _ = hedge.Do(ctx, h, c, lookUp, func(ctx context.Context, _ int) (int, error) {
		n := runs.Add(1)
		outcome, err := "won", error(nil)
		select {
		case <-time.After(took[n-1]):
			if fails[n-1] {
				outcome, err = "failed", errDown
			}
		case <-ctx.Done():
			outcome, err = "lost", ctx.Err()
		}
		if n == 2 {
			b.add("penstock.hedges", outcome, 1)
		}
		return 0, err
	})
	if runs.Load() == 1 && time.Since(begin) > hedgeDelay {
		b.add("penstock.hedges", "refused", 1)
	}
}

func TestHedgesAgreeWithTheBooks(t *testing.T) {
	for seed := range uint64(5) {
		synctest.Test(t, func(t *testing.T) {
			b := &books{amounts: map[string]float64{}}
			w := watch(t, penstock.Config{Chain: middleware.Config{
				Retry: retry.Config{Disabled: true}, Breaker: breaker.Config{Disabled: true},
			}}, pool.Config{Name: "main", MaxSize: 20})
			h, err := hedge.New(hedge.Config{Delay: hedgeDelay})
			if err != nil {
				t.Fatal(err)
			}
			var wg sync.WaitGroup
			for caller := range uint64(8) {
				wg.Go(func() {
					r := rand.New(rand.NewPCG(seed, caller))
					for range 60 {
						b.hedged(t.Context(), h, w.Client, r)
					}
				})
			}
			wg.Wait()
			synctest.Wait()
			hedges := map[string]float64{}
			for _, outcome := range []string{"won", "lost", "failed", "refused"} {
				key := "penstock.hedges " + outcome
				if b.amounts[key] == 0 {
					t.Errorf("no second run was %s", outcome)
				}
				hedges[key] = measured(t, w.metrics())[key]
			}
			b.compare(t, "after the storm", hedges)
			w.close()
		})
	}
}
