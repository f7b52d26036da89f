// SPDX-License-Identifier: Apache-2.0

package middleware_test

import (
	"context"
	"errors"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/middleware/retry"
)

func blowUp(context.Context, int) error { panic("boom") }

func exit(context.Context, int) error { runtime.Goexit(); return nil }

// debugStack returns what asks whether the present stack holds a name.
func debugStack() func(name string) bool {
	stack := string(debug.Stack())
	return func(name string) bool { return strings.Contains(stack, name) }
}

func TestUnavailableOpensTheBreakerWhenTheBudgetIsSpent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		budget, err := core.NewBudget(0, 0)
		if err != nil {
			t.Fatal(err)
		}
		r := newRig(t, middleware.Config{Retry: retry.Config{Budget: budget}}, nil)
		r.backend.serve = with(unavailable)
		for n := range threshold {
			if state := r.Breaker.State(); state != breaker.Closed {
				t.Fatalf("breaker %v after %d operations", state, n)
			}
			err := r.do(t.Context(), core.ReadOnly)
			e, ok := errors.AsType[*retry.Error](err)
			if !ok || e.Outcome != retry.OutcomeBudget || !errors.Is(e.Reason, retry.ErrBudget) || !errors.Is(err, unavailable) {
				t.Fatalf("Do = %v, want the backend's error, and the budget beside it", err)
			}
		}
		if state := r.Breaker.State(); state != breaker.Open || r.backend.calls.Load() != 5 {
			t.Errorf("breaker %v after %d calls, want open after 5", state, r.backend.calls.Load())
		}
		time.Sleep(recovery)
	})
}

func TestAnUnsafeOperationIsNotRepeatedOnceARequestMayHaveBeenApplied(t *testing.T) {
	for _, row := range []struct {
		name     string
		safety   core.Safety
		insert   bool
		attempts int64
		outcome  string
	}{
		{"inserted, then limited", core.Unsafe, true, 1, retry.OutcomeUnsafe},
		{"limited before anything was inserted", core.Unsafe, false, 4, retry.OutcomeExhausted},
		{"idempotent", core.Idempotent, true, 4, retry.OutcomeExhausted},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, middleware.Config{Retry: steady(t, time.Second)}, nil)
				r.backend.serve = func(ctx context.Context, _ int) error {
					ctx, cancel := context.WithCancel(ctx) // as a client of the backend makes one
					defer cancel()
					if row.insert {
						core.MarkApplied(ctx)
					}
					return rateLimited
				}
				err := r.do(t.Context(), row.safety)
				if e, ok := errors.AsType[*retry.Error](err); !ok || e.Outcome != row.outcome || !errors.Is(err, rateLimited) {
					t.Errorf("Do = %v, want outcome %s", err, row.outcome)
				}
				if got := r.backend.calls.Load(); got != row.attempts {
					t.Errorf("%d attempts, want %d", got, row.attempts)
				}
			})
		})
	}
}

func TestAHungBackendOpensTheBreakerUnderShortDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, middleware.Config{}, nil)
		r.backend.serve = hang
		for range 5 {
			if state := r.Breaker.State(); state != breaker.Closed {
				t.Fatalf("breaker %v after %d calls", state, r.backend.calls.Load())
			}
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			if err := r.do(ctx, core.ReadOnly); !errors.Is(err, context.DeadlineExceeded) {
				t.Fatalf("Do = %v", err)
			}
			cancel()
		}
		if state := r.Breaker.State(); state != breaker.Open {
			t.Errorf("breaker %v after 5 operations, want open", state)
		}
		time.Sleep(recovery)
	})
}

func TestAnOperationIsJudgedByItsLastAttemptThatReachedTheBackend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		r := newRig(t, middleware.Config{Retry: steady(t, time.Second)}, func(_ *core.ClientConfig[*backend], s *coretest.Source[*backend]) {
			s.OnAcquire = func(context.Context) error {
				if n++; n == 1 {
					return nil
				}
				return coretest.Exhausted{Cause: context.DeadlineExceeded}
			}
		})
		r.backend.serve = with(unavailable)
		err := r.do(t.Context(), core.ReadOnly)
		e, ok := errors.AsType[*retry.Error](err)
		if !ok || !errors.Is(e.Err, unavailable) || core.ErrorType(err) != "unavailable" || len(e.Attempts) != 4 {
			t.Errorf("Do = %v, want the backend's error, and the others beside it", err)
		}
		if _, ok := errors.AsType[coretest.Exhausted](err); !ok {
			t.Errorf("Do = %v, want the pool's error in it too", err)
		}
		if got, want := r.verdicts(), (verdicts{failure: 1}); got != want {
			t.Errorf("verdicts %+v, want %+v", got, want)
		}
	})
}

// shared lends few connections to many callers at once.
type shared struct {
	mu      sync.Mutex
	dead    [4]bool // as a call on it finds out
	refused bool    // new connections are
	born    [4]int  // how many failures of the connection were reported
	next    int
	loans   map[uint64]loan
	tokens  uint64
}

type loan struct{ conn, born int }

func (s *shared) Acquire(context.Context) (core.Lease[int], error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.next % len(s.dead)
	s.next++
	if s.dead[n] && s.born[n] > 0 { // found dead, and dialed anew
		if s.refused {
			return core.Lease[int]{}, refused
		}
		s.dead[n] = false
	}
	s.tokens++
	s.loans[s.tokens] = loan{n, s.born[n]}
	return core.NewLease(n, core.Lender(s), s.tokens), nil
}

func (s *shared) Return(token uint64, fate core.ConnFate, _ error) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.loans[token]
	delete(s.loans, token)
	if fate < core.Suspect {
		return true
	}
	if l.born != s.born[l.conn] {
		return false // another loan has said so
	}
	s.born[l.conn]++
	return true
}

func (s *shared) cut(refused bool, conns ...int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refused = refused
	for _, n := range conns {
		s.dead[n] = true
	}
}

func TestTheDeathOfOneConnectionIsOneFailure(t *testing.T) {
	for _, row := range []struct {
		name    string
		refused bool
		conns   []int
		storm   verdicts
		state   breaker.State
	}{
		{"one of four", false, []int{2}, verdicts{success: 96, failure: 1, neutral: 31}, breaker.Closed},
		{"all four, and none comes back", true, []int{0, 1, 2, 3}, verdicts{failure: 4, neutral: 124}, breaker.Open},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				source := &shared{loans: map[uint64]loan{}}
				chain, err := middleware.Build(middleware.Config{Retry: retry.Config{MaxRetries: retry.None}})
				if err != nil {
					t.Fatal(err)
				}
				client, err := core.NewClient(core.ClientConfig[int]{Source: source, Middleware: chain.Middleware, Classifier: classify})
				if err != nil {
					t.Fatal(err)
				}
				storm := func(calls int) {
					var wg sync.WaitGroup
					for range calls {
						wg.Go(func() {
							_, _ = core.Do(t.Context(), client, core.Op{Name: "Insert"}, func(_ context.Context, n int) (int, error) {
								time.Sleep(time.Second)
								source.mu.Lock()
								defer source.mu.Unlock()
								if source.dead[n] {
									return 0, unavailable
								}
								return 0, nil
							})
						})
					}
					time.Sleep(time.Second / 2)
					source.cut(row.refused, row.conns...)
					wg.Wait()
				}
				storm(4 * 32)
				c := chain.Breaker.Snapshot().Counters
				if got := (verdicts{c.TotalSuccesses, c.TotalFailures, c.TotalNeutral, c.TotalFastFailures}); got != row.storm {
					t.Errorf("verdicts %+v, want %+v", got, row.storm)
				}
				row.conns = nil
				storm(4)
				if state := chain.Breaker.State(); state != row.state {
					t.Errorf("breaker %v, want %v", state, row.state)
				}
				time.Sleep(recovery)
			})
		})
	}
}

func TestTheConnectionIsGivenBackBeforeTheBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, middleware.Config{Retry: steady(t, time.Second)}, nil)
		r.backend.serve = with(unavailable)
		done := make(chan struct{})
		go func() {
			defer close(done)
			_ = r.do(t.Context(), core.ReadOnly)
		}()
		synctest.Wait()
		if r.backend.calls.Load() != 1 || r.source.Out() != 0 {
			t.Errorf("%d connections out in the backoff after %d attempts, want 0 after 1", r.source.Out(), r.backend.calls.Load())
		}
		<-done
	})
}
