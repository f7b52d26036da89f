// SPDX-License-Identifier: Apache-2.0

package health_test

import (
	"context"
	"errors"
	"math"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/middleware/health"
)

// deaf is a function that ignores its context, and hangs while it is told to.
type deaf struct {
	wake  chan struct{}
	well  atomic.Bool // it returns at once
	calls atomic.Int64
}

func newDeaf() *deaf { return &deaf{wake: make(chan struct{})} }

func (d *deaf) call(context.Context) error {
	d.calls.Add(1)
	if !d.well.Load() {
		<-d.wake
	}
	return nil
}

func TestProbesThatNeverReturnDoNotEndTheProbing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDeaf()
		r := newRig(t, health.Config{Probe: d.call})
		r.Start()
		time.Sleep(3 * (12 + 6) * time.Second)
		r.up(t, false) // each counts as failed, 6 s after its begin
		if err := r.Last(); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "has not returned") {
			t.Errorf("Last = %v, want a probe that has not returned", err)
		}
		time.Sleep(24 * time.Hour)
		if n := d.calls.Load(); n < 20 || n > 50 { // one an hour in the end
			t.Errorf("%d probes in a day, want 20 to 50", n)
		}
		d.well.Store(true)
		time.Sleep(75 * time.Minute)
		r.up(t, true)
		if err := r.recorder.Check(); err != nil {
			t.Error(err)
		}
		start := time.Now()
		if err := r.Close(t.Context()); err == nil || !strings.Contains(err.Error(), "have not returned") || time.Since(start) != 0 {
			t.Errorf("Close = %v after %v, want an error at once", err, time.Since(start))
		}
		close(d.wake)
		synctest.Wait()
		if err := r.Close(t.Context()); err != nil {
			t.Errorf("Close = %v after the probes returned", err)
		}
	})
}

func TestChecksOfAProbeThatHangsReturnInTimeAndDoNotPileUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDeaf()
		r := newRig(t, health.Config{Probe: d.call})
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		start := time.Now()
		if err := r.Check(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 2*time.Second {
			t.Errorf("Check = %v after %v, want the context's error after 2 s", err, time.Since(start))
		}
		for range 3600 { // a readiness check, each second
			if err := r.Check(t.Context()); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("Check = %v, want a probe that has not returned", err)
			}
			time.Sleep(time.Second)
		}
		if n := d.calls.Load(); n > 15 {
			t.Errorf("%d probes hang, want 15 at most", n)
		}
		close(d.wake)
		synctest.Wait()
		d.well.Store(true)
		if err := r.Check(t.Context()); err != nil {
			t.Errorf("Check = %v after the probes returned", err)
		}
	})
}

func TestCloseWaitsNoLongerThanItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDeaf()
		r := newRig(t, health.Config{Timeout: time.Hour, Probe: d.call})
		r.Start()
		time.Sleep(13 * time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second/2)
		defer cancel()
		start := time.Now()
		if err := r.Close(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Second/2 {
			t.Errorf("Close = %v after %v, want the context's error after 500 ms", err, time.Since(start))
		}
		if err := r.Close(context.Background()); err == nil || time.Since(start) != time.Second {
			t.Errorf("Close = %v after %v, want an error after a second", err, time.Since(start))
		}
		close(d.wake)
		synctest.Wait()
		r.up(t, true) // what Close cut short says nothing
	})
}

func TestAnIntervalOfCenturiesOfAProbeThatHangsDoesNotOverflow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDeaf()
		r := newRig(t, health.Config{Interval: math.MaxInt64, Timeout: time.Second, Probe: d.call, DownThreshold: 1})
		for range 10 {
			_ = r.Check(t.Context())
			time.Sleep(24 * time.Hour)
		}
		if n := d.calls.Load(); n != 1 {
			t.Errorf("%d probes, want 1", n)
		}
		if r.do(t, nil) {
			t.Error("an attempt passed the shut gate")
		}
		close(d.wake)
	})
}

func TestATimeoutOfCenturiesIsNoTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, health.Config{Timeout: math.MaxInt64, Probe: func(ctx context.Context) error {
			select {
			case <-time.After(365 * 24 * time.Hour):
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}})
		if err := r.Check(t.Context()); err != nil {
			t.Errorf("Check = %v after a year, want nil", err)
		}
	})
}

func TestAReadinessCheckThatHangsIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDeaf()
		ask := health.Cached(0, d.call)
		start := time.Now()
		if err := ask(t.Context()); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 6*time.Second {
			t.Errorf("ask = %v after %v, want an error after 6 s", err, time.Since(start))
		}
		for range 3600 {
			_ = ask(t.Context())
			time.Sleep(time.Second)
		}
		if n := d.calls.Load(); n > 15 {
			t.Errorf("%d calls hang, want 15 at most", n)
		}
		d.well.Store(true)
		time.Sleep(time.Hour)
		if err := ask(t.Context()); err != nil { // although the others still hang
			t.Errorf("ask = %v, want nil", err)
		}
		close(d.wake)
	})
}

func TestAReadinessCheckThatDoesNotReturnIsAnError(t *testing.T) {
	for name, end := range ends {
		ask := health.Cached(0, func(context.Context) error { end(); return nil })
		if err := ask(t.Context()); !errors.Is(err, core.ErrPanic) {
			t.Errorf("%s: ask = %v, want %v", name, err, core.ErrPanic)
		}
	}
}

// The pause is for calls that hang: it ends when most of them have returned.
func TestProbingGoesOnWhenTheProbesThatHungHaveReturned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var hangs atomic.Bool
		hangs.Store(true)
		var probes atomic.Int64
		wake, lost := make(chan struct{}), make(chan struct{})
		r := newRig(t, health.Config{Probe: func(context.Context) error {
			switch {
			case !hangs.Load():
				return nil
			case probes.Add(1) == 1:
				<-lost // for good
			default:
				<-wake
			}
			return context.DeadlineExceeded
		}})
		r.Start()
		time.Sleep(24 * time.Hour)
		r.up(t, false)
		hangs.Store(false)
		close(wake)
		time.Sleep(30 * time.Second)
		r.up(t, true)
		close(lost)
		synctest.Wait()
		if err := r.Close(t.Context()); err != nil {
			t.Errorf("Close = %v", err)
		}
	})
}
