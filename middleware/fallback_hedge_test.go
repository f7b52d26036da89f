// SPDX-License-Identifier: Apache-2.0

package middleware_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/middleware/fallback"
	"github.com/penstock-go/penstock/middleware/hedge"
	"github.com/penstock-go/penstock/middleware/retry"
	"github.com/penstock-go/penstock/middleware/timeout"
)

var (
	read         = core.Op{Name: "Read", Safety: core.ReadOnly}
	errAway      = core.Sentinel("away", "UNAVAILABLE", core.ErrUnavailable)
	errStatement = core.Sentinel("bad statement", "1100")
)

// edgeClient returns a client whose backend knows errStatement, and its chain.
func edgeClient(t *testing.T, cfg middleware.Config) (*core.Client[int], *middleware.Chain) {
	t.Helper()
	return newClient(t, cfg, core.ClientConfig[int]{
		Source: &coretest.Source[int]{},
		Classifier: func(err error) core.Class {
			if errors.Is(err, errStatement) {
				return core.Class{Verdict: core.Success, Retry: core.RetryNever, Conn: core.Keep}
			}
			return core.Class{}
		},
	})
}

// A fallback goes by what became of the operation, not by an earlier attempt.
func TestAFallbackGoesByTheLastAttempt(t *testing.T) {
	for _, row := range []struct {
		attempts []error // the last stands for all that follow
		want     string
	}{
		{[]error{errAway}, "spare"},
		{[]error{errStatement, nil}, ""},
		{[]error{errAway, errStatement}, ""},
		{[]error{errAway, errAway, nil}, "result"},
	} {
		synctest.Test(t, func(t *testing.T) {
			client, _ := edgeClient(t, middleware.Config{Breaker: breaker.Config{Disabled: true}})
			n := 0
			got, err := fallback.Do(t.Context(), client, read, func(context.Context, int) (string, error) {
				err := row.attempts[min(n, len(row.attempts)-1)]
				n++
				if err != nil {
					return "", err
				}
				return "result", nil
			}, func(context.Context, error) (string, error) { return "spare", nil })
			if got != row.want || (err == nil) != (row.want != "") {
				t.Errorf("attempts %v: Do = %q, %v, want %q", row.attempts, got, err, row.want)
			}
		})
	}
}

func TestAFallbackStandsInWhileTheBreakerIsOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, chain := edgeClient(t, middleware.Config{Retry: retry.Config{Disabled: true}})
		calls, spares := 0, 0
		for range 20 {
			got, err := fallback.Do(t.Context(), client, read, func(context.Context, int) (int, error) {
				calls++
				return 0, errAway
			}, func(_ context.Context, err error) (int, error) {
				spares++
				return 7, nil
			})
			if got != 7 || err != nil {
				t.Errorf("Do = %d, %v, want the fallback's", got, err)
			}
		}
		b := chain.Breaker
		if calls != threshold || spares != 20 || b.State() != breaker.Open {
			t.Errorf("%d calls, %d fallbacks, breaker %v; want %d, 20, open", calls, spares, b.State(), threshold)
		}
		time.Sleep(recovery) // its timer ends with the bubble
	})
}

func TestTheLoserOfAHedgeSaysNothingAboutTheBackend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, chain := edgeClient(t, middleware.Config{Timeout: timeout.Config{Attempt: time.Minute}})
		plenty, err := core.NewBudget(1e6, 1e6)
		if err != nil {
			t.Fatal(err)
		}
		hedger, err := hedge.New(hedge.Config{Budget: plenty})
		if err != nil {
			t.Fatal(err)
		}
		for range 20 {
			n := make(chan int, 2)
			n <- 1
			n <- 2
			got, err := hedge.Do(t.Context(), hedger, client, read, func(ctx context.Context, _ int) (int, error) {
				i := <-n
				if i == 1 {
					<-ctx.Done()
					return 0, ctx.Err()
				}
				return i, nil
			})
			if got != 2 || err != nil {
				t.Errorf("Do = %d, %v, want the second's", got, err)
			}
		}
		b := chain.Breaker
		if c := b.Snapshot().Counters; b.State() != breaker.Closed || c.TotalFailures != 0 || c.TotalSuccesses != 20 || c.TotalNeutral != 20 {
			t.Errorf("the breaker is %v and counts %+v, want closed, 20 successes, 20 neutral", b.State(), c)
		}
	})
}

// Retries and second operations together get no more than the one budget.
func TestHedgesAndRetriesShareABudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 1000
		budget, err := core.NewBudget(0.1, 0)
		if err != nil {
			t.Fatal(err)
		}
		client, _ := edgeClient(t, middleware.Config{Breaker: breaker.Config{Disabled: true}, Retry: retry.Config{Budget: budget, Interval: time.Millisecond}})
		hedger, err := hedge.New(hedge.Config{Budget: budget})
		if err != nil {
			t.Fatal(err)
		}
		calls := make(chan struct{}, 10*n)
		random := rand.New(rand.NewPCG(1, 1))
		for range n {
			// All are slow, and half of them fail. An operation pays in at its end,
			// where a failed one may take it out again for its own retry.
			want := errAway
			if random.IntN(2) == 0 {
				want = nil
			}
			_, err := hedge.Do(t.Context(), hedger, client, read, func(context.Context, int) (int, error) {
				calls <- struct{}{}
				time.Sleep(time.Second)
				return 0, want
			})
			if !errors.Is(err, want) || (err == nil) != (want == nil) {
				t.Errorf("Do = %v, want %v", err, want)
			}
		}
		hedged := int(hedger.Stats().Hedged)
		if extra, most := len(calls)-n, n/10; extra > most || hedged == 0 || extra <= hedged {
			t.Errorf("%d calls beyond the %d operations, %d of them hedges; want at most %d", extra, n, hedged, most)
		}
	})
}
