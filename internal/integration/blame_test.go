// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/middleware/bulkhead"
	"github.com/penstock-go/penstock/middleware/retry"
	"github.com/penstock-go/penstock/middleware/timeout"
	"github.com/penstock-go/penstock/pool"
)

// touchy is a chain whose breaker opens at the first failure.
func touchy() middleware.Config {
	return middleware.Config{Breaker: breaker.Config{FailureThreshold: 1}, Retry: retry.Config{MaxRetries: retry.None}}
}

// ints makes connections that are numbers.
type ints struct{}

func (ints) Dial(context.Context) (int, error) { return 1, nil }
func (ints) Close(context.Context, int) error  { return nil }

// open returns a started client, closed with the test.
func open(t *testing.T, cfg middleware.Config, size int) *penstock.Client[int] {
	t.Helper()
	c, err := penstock.Open(t.Context(), penstock.Backend[int]{Factory: ints{}, Pool: pool.Config{MaxSize: size}}, penstock.Config{Chain: cfg})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(context.Background()); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Minute) // the timer of a breaker that opened, in virtual time
	})
	return c
}

var opRead = core.Op{Name: "Read", Safety: core.ReadOnly}

// untilDone is work that ends with its context.
func untilDone(ctx context.Context, _ int) (int, error) {
	<-ctx.Done()
	return 0, ctx.Err()
}

func closed(t *testing.T, b *breaker.Breaker, err error) {
	t.Helper()
	if e, ok := errors.AsType[*core.Error](err); !ok || b.State() != breaker.Closed {
		t.Errorf("the breaker is %v after %v (%v), want closed: the backend is not to blame", b.State(), err, e.Outcome)
	}
}

// An operation that uses the same pool of one within its own work waits for
// itself. Which clock ends that makes no difference to the breaker.
func TestAPoolOfOneUsedTwiceIsNoFailureOfTheBackend(t *testing.T) {
	for _, row := range []struct {
		name             string
		deadline, limits time.Duration
	}{
		{"the caller's deadline", time.Second, 0},
		{"the attempt's timeout", 0, time.Second},
		{"the pool's timeout", 0, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := touchy()
				cfg.Timeout = timeout.Config{Attempt: row.limits}
				c := open(t, cfg, 1)
				ctx := t.Context()
				if row.deadline > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, row.deadline)
					defer cancel()
				}
				_, err := core.Do(ctx, c, opRead, func(ctx context.Context, _ int) (int, error) {
					return core.Do(ctx, c, opRead, func(context.Context, int) (int, error) { return 1, nil })
				})
				closed(t, c.Breaker(), err)
			})
		})
	}
}

func TestAWaitInTheBulkheadOfANestedOperationIsNoFailureOfTheBackend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := touchy()
		cfg.Bulkhead = &bulkhead.Config{MaxConcurrent: 1, MaxWaiting: 10}
		c := open(t, cfg, 2)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := core.Do(ctx, c, opRead, func(ctx context.Context, _ int) (int, error) {
			return core.Do(ctx, c, opRead, func(context.Context, int) (int, error) { return 1, nil })
		})
		closed(t, c.Breaker(), err)
	})
}

// slow is a source that lets its callers wait, and does not tell for how long.
type slow struct{ coretest.Source[int] }

func (s *slow) Acquire(ctx context.Context) (core.Lease[int], error) {
	time.Sleep(150 * time.Millisecond)
	return s.Source.Acquire(ctx)
}

// A wait that a source or a stage does not tell is no time of the work either:
// the work ran for 1 ms, far less than FairRun.
func TestAWaitThatIsNotToldIsNoTimeOfTheWork(t *testing.T) {
	waits := func(next core.Handler) core.Handler {
		return func(ctx context.Context, call *core.Call) error {
			time.Sleep(150 * time.Millisecond)
			return next(ctx, call)
		}
	}
	t.Run("in the source", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			chain, err := middleware.Build(touchy())
			if err != nil {
				t.Fatal(err)
			}
			c, err := core.NewClient(core.ClientConfig[int]{Source: &slow{}, Middleware: chain.Middleware})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 151*time.Millisecond)
			defer cancel()
			_, err = core.Do(ctx, c, opRead, untilDone)
			closed(t, chain.Breaker, err)
		})
	})
	t.Run("in a stage", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			cfg := touchy()
			cfg.Stages = []middleware.Stage{{Name: "token", Middleware: waits, After: "timeout"}}
			c := open(t, cfg, 1)
			ctx, cancel := context.WithTimeout(t.Context(), 151*time.Millisecond)
			defer cancel()
			_, err := core.Do(ctx, c, opRead, untilDone)
			closed(t, c.Breaker(), err)
		})
	})
	t.Run("in a chain without stages of the user's", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { // the pool tells its waits
			c := open(t, touchy(), 1)
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			defer cancel()
			lease, err := c.Pool().Acquire(ctx)
			if err != nil {
				t.Fatal(err)
			}
			time.AfterFunc(150*time.Millisecond, lease.Release)
			_, err = core.Do(ctx, c, opRead, untilDone)
			closed(t, c.Breaker(), err)
			if e, _ := errors.AsType[*core.Error](err); e.Outcome.Ran != 50*time.Millisecond {
				t.Errorf("the work ran for %v, want 50ms", e.Outcome.Ran)
			}
		})
	})
}

func TestRetriesOfANestedOperationDoNotMultiply(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner, outer := open(t, middleware.Config{}, 1), open(t, middleware.Config{}, 1)
		attempts := 0
		_, err := core.Do(t.Context(), outer, opRead, func(ctx context.Context, _ int) (int, error) {
			return core.Do(ctx, inner, opRead, func(context.Context, int) (int, error) {
				attempts++
				return 0, errors.New("unavailable")
			})
		})
		if attempts != 4 || !errors.Is(err, retry.ErrExhausted) {
			t.Errorf("%d attempts, %v; want the four of one operation", attempts, err)
		}
	})
}

// The error, its outcome and the breaker speak of the same attempt.
func TestAnAttemptThatIsRefusedElsewhereIsNotTheOneThatCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := touchy()
		cfg.Retry = retry.Config{}
		c := open(t, cfg, 1)
		unavailable := errors.New("unavailable")
		attempts := 0
		_, err := core.Do(t.Context(), c, opRead, func(context.Context, int) (int, error) {
			if attempts++; attempts == 1 {
				return 0, unavailable
			}
			return 0, fmt.Errorf("nested: %w", core.ErrRejected)
		})
		e, ok := errors.AsType[*core.Error](err)
		if !ok || !errors.Is(err, unavailable) || e.Outcome.Verdict != core.Failure || c.Breaker().State() != breaker.Open {
			t.Errorf("Do = %v (%v), the breaker is %v; want the failure of the first attempt", err, e.Outcome, c.Breaker().State())
		}
	})
}

func TestNoConnectionIsNeverASuccessOfTheBackend(t *testing.T) {
	for _, attempts := range []bool{false, true} {
		chain, err := middleware.Build(middleware.Config{Breaker: breaker.Config{CountAttempts: attempts}})
		if err != nil {
			t.Fatal(err)
		}
		denied := errors.New("denied")
		c, err := core.NewClient(core.ClientConfig[int]{
			Source:     &coretest.Source[int]{OnAcquire: func(context.Context) error { return denied }},
			Middleware: chain.Middleware,
			Classifier: func(error) core.Class { return core.Answered("denied") },
		})
		if err != nil {
			t.Fatal(err)
		}
		_, err = core.Do(t.Context(), c, opRead, untilDone)
		if s := chain.Breaker.Snapshot().Counters; !errors.Is(err, denied) || s.TotalSuccesses != 0 || s.TotalNeutral != 1 {
			t.Errorf("CountAttempts %v: Do = %v, counters %+v; want a neutral outcome", attempts, err, s)
		}
	}
}
