// SPDX-License-Identifier: Apache-2.0

package retry_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/middleware/retry"
)

// closeIn closes the client of r after d, with a second for that.
func (r *rig) closeIn(t *testing.T, d time.Duration) {
	time.AfterFunc(d, func() {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := r.client.Close(ctx); err != nil {
			t.Errorf("Close = %v", err)
		}
	})
}

func TestCloseEndsTheWaitAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg, b := fivePerSecond(t)
		cfg.Interval = 20 * time.Second
		r := newRig(t, cfg)
		r.closeIn(t, 2*time.Second)
		err := r.do(t.Context(), core.ReadOnly, errDown)
		if took := time.Since(r.started); took != 2*time.Second {
			t.Errorf("Do took %v, want 2s", took)
		}
		if !errors.Is(err, errDown) || !errors.Is(err, core.ErrClientClosed) || errors.Is(err, core.ErrRejected) || r.outcome() != retry.OutcomeClosed {
			t.Errorf("Do = %v, outcome %q; want the backend's error and ErrClientClosed", err, r.outcome())
		}
		if e, ok := errors.AsType[*core.Error](err); !ok || e.Outcome.Verdict != core.Failure || e.Attempts != 1 {
			t.Errorf("Do = %+v, want the outcome of the one attempt", e)
		}
		if want := "op: down (no further attempt: client closed)"; err.Error() != want {
			t.Errorf("the text is %q, want %q", err, want)
		}
		if got, want := b.Balance(), 5.0+2*5; got != want {
			t.Errorf("budget %v, want %v: an attempt not made is paid back", got, want)
		}
		r.at(t, 0)
	})
}

func TestAnAttemptUnderWayAtCloseIsTheLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, steady(t))
		r.closeIn(t, 2*time.Second)
		began, attempts := time.Now(), 0
		_, err := core.Do(t.Context(), r.client, core.Op{Name: "op", Safety: core.ReadOnly}, func(context.Context, int) (int, error) {
			attempts++
			time.Sleep(5 * time.Second)
			return 0, errDown
		})
		if took := time.Since(began); took != 5*time.Second || attempts != 1 || !errors.Is(err, core.ErrClientClosed) || !errors.Is(err, errDown) {
			t.Errorf("Do = %v after %v and %d attempts, want one that ends as it would", err, took, attempts)
		}
	})
}

// A client may share its source with others, so Close need not end it.
func TestAfterCloseAnOperationHasOneAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, steady(t))
		if err := r.client.Close(t.Context()); err != nil {
			t.Errorf("Close = %v", err)
		}
		if err := r.do(t.Context(), core.ReadOnly, nil); err != nil {
			t.Errorf("Do = %v", err)
		}
		err := r.do(t.Context(), core.ReadOnly, errDown, nil)
		if !errors.Is(err, errDown) || !errors.Is(err, core.ErrClientClosed) || r.outcome() != retry.OutcomeClosed {
			t.Errorf("Do = %v, outcome %q; want the error of one attempt", err, r.outcome())
		}
		r.at(t, 0)
	})
}

// Go's operations have half of the time of Close, and may use it for an attempt.
func TestCloseLetsABackgroundOperationMakeItsAttempts(t *testing.T) {
	for _, row := range []struct {
		has  time.Duration // Close
		want bool          // the operation succeeds
		took time.Duration
	}{{4 * time.Second, true, time.Second}, {time.Second, false, time.Second / 2}} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, steady(t)) // waits 1 s
			attempts := 0
			future := core.Go(t.Context(), r.client, core.Op{Name: "op", Safety: core.ReadOnly}, func(context.Context, int) (int, error) {
				if attempts++; attempts == 1 {
					return 0, errDown
				}
				return 0, nil
			})
			synctest.Wait()
			began := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), row.has)
			defer cancel()
			if err := r.client.Close(ctx); (err == nil) != row.want || time.Since(began) != row.took {
				t.Errorf("Close = %v after %v, want %v", err, time.Since(began), row.took)
			}
			if _, err := future.Await(t.Context()); (err == nil) != row.want || errors.Is(err, core.ErrClientClosed) == row.want {
				t.Errorf("Await = %v, want success: %v", err, row.want)
			}
		})
	}
}
