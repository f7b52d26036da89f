// SPDX-License-Identifier: Apache-2.0

package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/middleware/hedge"
	"github.com/penstock-go/penstock/middleware/retry"
)

// spender runs operations of all kinds on one client, and keeps its own books.
type spender struct {
	*rig
	hedger *hedge.Hedger
	wg     sync.WaitGroup

	mu     sync.Mutex
	random *rand.Rand

	operations atomic.Int64 // begun, nested ones included
	refused    atomic.Int64 // of these, refused before they reached the backend
	reached    atomic.Int64 // of these, those whose work ran
	hedged     atomic.Int64 // of these, given to hedge.Do
}

func (s *spender) draw(n int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.random.IntN(n)
}

// unreliable is a stage within retry that sometimes ends an attempt by itself.
func (s *spender) unreliable(next core.Handler) core.Handler {
	return func(ctx context.Context, call *core.Call) error {
		switch s.draw(30) {
		case 0:
			return unsent
		case 1:
			return core.ErrRejected
		case 2:
			panic("a stage")
		default:
			return next(ctx, call)
		}
	}
}

// serve is the backend. It fails most of the time, and in many ways.
func (s *spender) serve(ctx context.Context, _ int) error {
	time.Sleep(time.Duration(s.draw(300)) * time.Millisecond)
	switch s.draw(30) {
	case 0, 1:
		return nil
	case 2:
		return badSchema
	case 3:
		return rateLimited
	case 4, 5:
		panic("the work")
	case 6:
		runtime.Goexit()
	case 7:
		return hang(ctx, 0)
	}
	return unavailable
}

// run runs one operation, within depth others, and waits for its end.
func (s *spender) run(ctx context.Context, depth int) {
	switch s.draw(5) {
	case 0:
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(1+s.draw(3000))*time.Millisecond)
		defer cancel()
	case 1:
		var cancel context.CancelFunc
		ctx, cancel = context.WithCancel(ctx)
		defer time.AfterFunc(time.Duration(s.draw(2000))*time.Millisecond, cancel).Stop()
		defer cancel()
	}
	op := core.Op{Name: "op", Safety: core.Safety(min(s.draw(6), 2))}
	var reached atomic.Bool
	work := func(ctx context.Context, b *backend) (int, error) {
		if reached.CompareAndSwap(false, true) {
			s.reached.Add(1)
		}
		if depth < 2 && s.draw(6) == 0 {
			s.run(ctx, depth+1)
		}
		return 0, b.Call(ctx)
	}
	s.operations.Add(1)
	defer func() { _ = recover() }()
	var err error
	switch kind := s.draw(3); {
	case kind == 0:
		op.Safety = core.ReadOnly
		s.hedged.Add(1)
		_, err = hedge.Do(ctx, s.hedger, s.client, op, work)
	case kind == 1:
		_, err = core.Go(ctx, s.client, op, work).Await(context.WithoutCancel(ctx))
	default:
		_, err = core.Do(ctx, s.client, op, work)
	}
	if e, ok := errors.AsType[*core.Error](err); ok && e.Outcome.Rejected && !e.Outcome.Reached && e.Attempts == 1 {
		s.refused.Add(1)
	}
}

// The backend never gets more attempts than the budget grants, whatever operations,
// stages and callers do. It is the backend that counts.
func TestTheBackendGetsNoMoreThanTheBudgetGrants(t *testing.T) {
	extra := 0
	for seed := range uint64(60) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &spender{random: rand.New(rand.NewPCG(seed, 9))}
				ratio, perSecond := []float64{0, 0.1, 0.5, 1}[s.draw(4)], []float64{0, 0, 3}[s.draw(3)]
				budget, err := core.NewBudget(ratio, perSecond)
				if err != nil {
					t.Fatal(err)
				}
				cfg := leaveOut(middleware.Config{
					Breaker: breaker.Config{
						FailureThreshold: 3 + s.draw(20), RecoveryTimeout: time.Second, CountAttempts: s.draw(2) == 0, Disabled: s.draw(3) > 0,
					},
					Retry:  retry.Config{MaxRetries: []int{retry.None, 1, 3, 10}[s.draw(4)], Interval: 200 * time.Millisecond, Budget: budget},
					Stages: []middleware.Stage{{Name: "unreliable", Middleware: s.unreliable, After: "retry"}},
				}, "health")
				s.rig = newRig(t, cfg, nil)
				s.backend.serve = s.serve
				secondRatio := 0.0
				second := hedge.Config{Delay: 50 * time.Millisecond, Budget: budget}
				if s.draw(3) == 0 { // a budget of its own
					secondRatio = 0.2
					if second.Budget, err = core.NewBudget(secondRatio, 0); err != nil {
						t.Fatal(err)
					}
					second.PayIn = true
				}
				if s.hedger, err = hedge.New(second); err != nil {
					t.Fatal(err)
				}
				began := time.Now()
				for range 300 {
					s.wg.Go(func() { s.run(t.Context(), 0) })
					time.Sleep(time.Duration(s.draw(30)) * time.Millisecond)
				}
				s.wg.Wait()
				paying := float64(s.operations.Load() - s.refused.Load())
				most := float64(s.reached.Load()) + ratio*paying + secondRatio*float64(s.hedged.Load()) + perSecond*(1+time.Since(began).Seconds())
				if got := float64(s.backend.calls.Load()); got > most {
					t.Errorf("the backend got %v attempts of %v operations, want at most %v (ratio %v, %v/s)", got, paying, most, ratio, perSecond)
				}
				extra += int(s.hedger.Stats().Hedged)
				time.Sleep(10 * time.Second) // the timers of breakers end with the bubble
			})
		})
	}
	if extra == 0 {
		t.Error("no operation was hedged")
	}
}

// Without retries, operations pay for second runs all the same.
func TestAClientWithoutRetriesHedges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 100
		budget, err := core.NewBudget(0.5, 0)
		if err != nil {
			t.Fatal(err)
		}
		r := newRig(t, middleware.Config{Retry: retry.Config{MaxRetries: retry.None, Budget: budget}}, nil)
		r.backend.serve = func(context.Context, int) error { time.Sleep(time.Second); return nil }
		hedger, err := hedge.New(hedge.Config{Budget: budget})
		if err != nil {
			t.Fatal(err)
		}
		for range n {
			if _, err := hedge.Do(t.Context(), hedger, r.client, read, func(ctx context.Context, b *backend) (int, error) { return 0, b.Call(ctx) }); err != nil {
				t.Errorf("Do = %v", err)
			}
		}
		// The last operation pays for none.
		if got := r.backend.calls.Load(); got != n+n/2-1 {
			t.Errorf("%d attempts of %d operations, want %d", got, n, n+n/2-1)
		}
	})
}
