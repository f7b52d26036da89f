// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/pool"
)

// nest runs an operation of c within the work of an operation, to the given depth.
func nest(ctx context.Context, c *penstock.Client[int], depth int) error {
	_, err := core.Do(ctx, c, opRead, func(ctx context.Context, _ int) (int, error) {
		if depth == 1 {
			return 1, nil
		}
		return 1, nest(ctx, c, depth-1)
	})
	return err
}

// refusedAtOnce checks that err says that the operation holds all n places itself.
func refusedAtOnce(t *testing.T, err error, n int) {
	t.Helper()
	e, ok := errors.AsType[*pool.AcquireError](err)
	if !ok || e.Held != n || !errors.Is(err, core.ErrRejected) || !errors.Is(err, pool.ErrExhausted) ||
		!strings.Contains(err.Error(), "would wait for itself") {
		t.Errorf("Do = %v, want it to say that the operation holds all %d places itself", err, n)
	}
}

// All settings are the defaults. The pool would let each operation wait for 3 s, and
// retry would repeat that; seven such operations opened the breaker of a backend that
// was never asked.
func TestAnOperationThatWouldWaitForItselfIsRefusedAtOnce(t *testing.T) {
	for _, row := range []struct {
		name         string
		cfg          pool.Config
		fits, places int
	}{
		{"a pool of one", pool.Config{MaxSize: 1}, 1, 1},
		{"a pool of three", pool.Config{MaxSize: 3}, 3, 3},
		{"a shared pool", pool.Config{Mode: pool.Shared, MaxSize: 2, TargetSharing: 1, MaxSharing: 2}, 4, 4},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, err := penstock.Open(t.Context(), penstock.Backend[int]{Factory: ints{}, Pool: row.cfg}, penstock.Config{})
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close(context.Background())
				start := time.Now()
				for range 7 {
					if err := nest(t.Context(), c, row.fits); err != nil {
						t.Errorf("%d levels: Do = %v", row.fits, err)
					}
					refusedAtOnce(t, nest(t.Context(), c, row.fits+1), row.places)
				}
				if took := time.Since(start); took > 0 {
					t.Errorf("took %v, want no wait", took)
				}
				if s := c.Breaker().Snapshot().Counters; s.TotalFailures != 0 || c.Breaker().State() != breaker.Closed {
					t.Errorf("the breaker is %v, counters %+v", c.Breaker().State(), s)
				}
				if s := c.Pool().Stats(); s.InFlight != 0 || s.Timeouts != 0 {
					t.Errorf("Stats = %+v", s)
				}
			})
		})
	}
}

func TestTwoClientsOfOnePoolAreOneChainOfOperations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		outer := open(t, middleware.Config{}, 1)
		chain, err := middleware.Build(middleware.Config{})
		if err != nil {
			t.Fatal(err)
		}
		inner, err := core.NewClient(core.ClientConfig[int]{Source: outer.Pool(), Middleware: chain.Middleware})
		if err != nil {
			t.Fatal(err)
		}
		_, err = core.Do(t.Context(), outer, opRead, func(ctx context.Context, _ int) (int, error) {
			return core.Do(ctx, inner, opRead, func(context.Context, int) (int, error) { return 1, nil })
		})
		refusedAtOnce(t, err, 1)
	})
}

// Where others have a connection, it may come back: the operation waits.
func TestAnOperationWaitsForWhatOthersHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := open(t, touchy(), 2)
		lease, err := c.Pool().Acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(time.Second, lease.Release)
		if err := nest(t.Context(), c, 2); err != nil {
			t.Errorf("Do = %v, want the connection that came back", err)
		}
	})
}

// The context of an attempt says nothing of its connection once the attempt is over.
func TestAnAttemptThatIsOverHoldsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := open(t, middleware.Config{}, 1)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second) // tighter than the attempt's limit
		defer cancel()
		var leaked context.Context
		if _, err := core.Do(ctx, c, opRead, func(ctx context.Context, _ int) (int, error) {
			leaked = ctx
			return 1, nil
		}); err != nil {
			t.Fatal(err)
		}
		lease, err := c.Pool().Acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(time.Second, lease.Release)
		if err := nest(leaked, c, 1); err != nil {
			t.Errorf("Do = %v, want the connection that came back", err)
		}
	})
}

// The work returns the error of its context, and nothing of the wait that took all of
// its time.
func TestAWaitInVainWithinTheWorkIsNoFailureAlsoIfTheWorkHidesIt(t *testing.T) {
	for name, hide := range map[string]func(context.Context, *penstock.Client[int]){
		"one after the other": func(ctx context.Context, c *penstock.Client[int]) { _ = nest(ctx, c, 1) },
		"on another goroutine": func(ctx context.Context, c *penstock.Client[int]) {
			var inner sync.WaitGroup
			inner.Go(func() { _ = nest(ctx, c, 1) })
			inner.Wait()
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := open(t, touchy(), 2)
				lease, err := c.Pool().Acquire(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				defer lease.Release()
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				_, err = core.Do(ctx, c, opRead, func(ctx context.Context, _ int) (int, error) {
					hide(ctx, c)
					return 0, ctx.Err()
				})
				closed(t, c.Breaker(), err)
			})
		})
	}
}

// A wait in vain that was over before the end of the time excuses nothing.
func TestAWaitInVainThatWasOverLongAgoDoesNotExcuseTheBackend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := open(t, touchy(), 2)
		lease, err := c.Pool().Acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer lease.Release()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = core.Do(ctx, c, opRead, func(ctx context.Context, _ int) (int, error) {
			short, cancel := context.WithTimeout(ctx, 10*time.Millisecond)
			defer cancel()
			_ = nest(short, c, 1)
			return untilDone(ctx, 0)
		})
		if c.Breaker().State() != breaker.Open {
			t.Errorf("the breaker is %v after %v, want open", c.Breaker().State(), err)
		}
	})
}

// An operation that begins when the time is over, to clean up for example, waits for
// nothing, and excuses nothing.
func TestAnOperationAfterTheEndOfTheTimeDoesNotExcuseTheBackend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := open(t, touchy(), 2)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := core.Do(ctx, c, opRead, func(ctx context.Context, _ int) (int, error) {
			defer func() { _ = nest(ctx, c, 1) }()
			return untilDone(ctx, 0)
		})
		if c.Breaker().State() != breaker.Open {
			t.Errorf("the breaker is %v after %v, want open", c.Breaker().State(), err)
		}
	})
}
