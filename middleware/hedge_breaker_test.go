// SPDX-License-Identifier: Apache-2.0

package middleware_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/middleware/hedge"
)

// An operation that is hedged counts once in the breaker, however its runs end.
func TestAHedgedOperationCountsOnce(t *testing.T) {
	for _, row := range []struct {
		name          string
		first, second error
		want          verdicts // of one operation
	}{
		{"both fail", unavailable, unavailable, verdicts{failure: 1, neutral: 1}},
		{"the second has an answer", nil, badSchema, verdicts{success: 1, neutral: 1}},
		{"the first has an answer", badSchema, nil, verdicts{success: 1, neutral: 1}},
		{"the second fails", badSchema, unavailable, verdicts{success: 1, neutral: 1}},
	} {
		for _, attempts := range []bool{false, true} {
			t.Run(row.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					const n = threshold - 1
					r := newRig(t, leaveOut(middleware.Config{Breaker: breaker.Config{CountAttempts: attempts}}, "retry", "timeout"), nil)
					hedger, err := hedge.New(hedge.Config{Budget: unlimited()})
					if err != nil {
						t.Fatal(err)
					}
					for range n {
						began := time.Now()
						_, err := hedge.Do(t.Context(), hedger, r.client, read, func(ctx context.Context, b *backend) (int, error) {
							mine, takes := row.first, 300*time.Millisecond
							if time.Since(began) > 0 {
								mine, takes = row.second, 100*time.Millisecond
							}
							if mine == nil { // this one loses
								<-ctx.Done()
								return 0, ctx.Err()
							}
							time.Sleep(takes)
							return 0, mine
						})
						if err == nil || errors.Is(err, context.Canceled) {
							t.Errorf("Do = %v, want what the backend said", err)
						}
					}
					want := row.want
					for _, total := range []*uint64{&want.success, &want.failure, &want.neutral} {
						*total *= n
					}
					if got := r.verdicts(); got != want || r.Breaker.State() != breaker.Closed {
						t.Errorf("the breaker is %v and counts %+v, want %+v", r.Breaker.State(), got, want)
					}
				})
			})
		}
	}
}

// A run that loses, or fails beside the first run, holds no probe's place and does not
// open a half-open breaker.
func TestAHedgeRecoversWithItsBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, leaveOut(middleware.Config{}, "retry", "timeout"), nil)
		hedger, err := hedge.New(hedge.Config{Budget: unlimited()})
		if err != nil {
			t.Fatal(err)
		}
		do := func(first, second error) error {
			began := time.Now()
			_, err := hedge.Do(t.Context(), hedger, r.client, read, func(context.Context, *backend) (int, error) {
				if time.Since(began) > 0 {
					return 0, second
				}
				time.Sleep(200 * time.Millisecond)
				return 0, first
			})
			return err
		}
		for range threshold {
			_ = do(unavailable, unavailable)
		}
		if got := r.Breaker.State(); got != breaker.Open {
			t.Errorf("the breaker is %v after %d failures, want open", got, threshold)
		}
		time.Sleep(recovery + time.Second)
		for range halfOpenSuccesses {
			if err := do(nil, unavailable); err != nil {
				t.Errorf("Do = %v", err)
			}
		}
		if got := r.Breaker.State(); got != breaker.Closed {
			t.Errorf("the breaker is %v after %d good probes, want closed", got, halfOpenSuccesses)
		}
	})
}
