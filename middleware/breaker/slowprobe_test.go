// SPDX-License-Identifier: Apache-2.0

package breaker_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/middleware/breaker"
)

// eachSecond starts an operation each second for the given time, and waits for all
// of them. It returns how many succeeded, and how many were refused.
func (r *rig) eachSecond(t *testing.T, span time.Duration, work func(context.Context) error) (good, refused int) {
	t.Helper()
	var wg sync.WaitGroup
	var mu sync.Mutex
	for range int(span / time.Second) {
		wg.Go(func() {
			err := r.do(t.Context(), work)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				good++
			case errors.Is(err, breaker.ErrOpen):
				refused++
			}
		})
		time.Sleep(time.Second)
	}
	wg.Wait()
	return good, refused
}

func TestProbesThatTakeLongerThanRecoveryCloseTheBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, breaker.Config{})
		r.halfOpen(t)
		good, refused := r.eachSecond(t, time.Hour, func(context.Context) error { time.Sleep(40 * time.Second); return nil })
		r.is(t, breaker.Closed)
		// The places are taken at 0 s and 1 s, and renewed 30 s later. The first probe
		// of the second round is the third success, 71 s after the begin.
		if good+refused != 3600 || refused > 71 {
			t.Errorf("%d good, %d refused of 3600, want 71 refused at most", good, refused)
		}
		if s := r.Snapshot(); s.Counters.TotalSuccesses != uint64(good) || s.Current.HalfOpenRequests != 0 {
			t.Errorf("the snapshot is %+v, want %d successes and no probe", s, good)
		}
	})
}

func TestAnOlderProbeThatFailsReopensTheBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, breaker.Config{})
		r.halfOpen(t)
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() {
				_ = r.do(t.Context(), func(context.Context) error { time.Sleep(40 * time.Second); return errDown })
			})
		}
		time.Sleep(31 * time.Second)
		r.end(t, 2, nil) // on places of the second round
		r.is(t, breaker.HalfOpen)
		time.Sleep(9 * time.Second)
		wg.Wait()
		r.is(t, breaker.Open)
	})
}

// A probe that ends after the breaker has closed is a straggler, and so is a probe
// from before it opened again.
func TestAProbeThatEndsAfterItsHalfOpenTimeChangesNothing(t *testing.T) {
	for _, late := range []error{nil, errDown} {
		for _, closes := range []bool{true, false} {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, breaker.Config{FailureThreshold: 1})
				r.halfOpen(t)
				var wg sync.WaitGroup
				for range 2 {
					wg.Go(func() {
						_ = r.do(t.Context(), func(context.Context) error { time.Sleep(70 * time.Second); return late })
					})
				}
				time.Sleep(31 * time.Second)
				want := breaker.Closed
				if closes {
					r.end(t, 3, nil)
				} else {
					r.end(t, 1, errDown)
					r.recover(t)
					want = breaker.HalfOpen
				}
				r.is(t, want)
				before := r.Snapshot().Counters
				wg.Wait()
				r.is(t, want)
				after := r.Snapshot().Counters
				if after.SuccessCount != before.SuccessCount || after.FailureCount != before.FailureCount || after.TotalRequests != before.TotalRequests+2 {
					t.Errorf("counters %+v, then %+v; want two more in the totals alone", before, after)
				}
			})
		}
	}
}

func TestAnOlderProbeGivesBackNoPlaceOfAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, breaker.Config{HalfOpenSuccesses: 100})
		r.halfOpen(t)
		hold := func(d time.Duration) {
			for range 2 {
				go func() { _ = r.do(t.Context(), func(context.Context) error { time.Sleep(d); return nil }) }()
			}
		}
		hold(35 * time.Second)
		time.Sleep(30 * time.Second)
		hold(20 * time.Second)
		synctest.Wait()
		time.Sleep(10 * time.Second) // the older probes have ended
		if got := r.Snapshot().Current.HalfOpenRequests; got != 2 {
			t.Errorf("%d places taken, want 2", got)
		}
		if err := r.do(t.Context(), func(context.Context) error { return nil }); !errors.Is(err, breaker.ErrProbeLimit) {
			t.Errorf("Do = %v, want the probe limit", err)
		}
		time.Sleep(20 * time.Second)
		if s := r.Snapshot(); s.Current.HalfOpenRequests != 0 || s.Counters.SuccessCount != 4 {
			t.Errorf("the snapshot is %+v, want 4 successes and no probe", s)
		}
	})
}
