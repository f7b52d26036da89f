// SPDX-License-Identifier: Apache-2.0

package health_test

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/middleware/health"
)

// waiter is a Waiter that is told what to answer.
type waiter struct {
	mu       sync.Mutex // guards all fields
	wait     time.Duration
	awaits   bool
	answered []bool // the arguments of Answered
}

func (w *waiter) Awaits() (time.Duration, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.wait, w.awaits
}

func (w *waiter) Answered(back bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answered = append(w.answered, back)
}

// told returns the arguments of Answered.
func (w *waiter) told() []bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.answered)
}

func (w *waiter) set(wait time.Duration, awaits bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.wait, w.awaits = wait, awaits
}

// probe sets what the probes of r end with.
func (r *rig) probeWith(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.probe = err
}

// since returns when the probes since a moment were made.
func (r *rig) since(at time.Time) (times []time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, probe := range r.probes {
		if d := probe - at.Sub(r.start); d >= 0 {
			times = append(times, d)
		}
	}
	return times
}

func (r *rig) close(t testing.TB) {
	t.Helper()
	if err := r.Close(t.Context()); err != nil {
		t.Errorf("Close = %v", err)
	}
}

func TestAMonitorProbesMoreOftenWhileItsGateIsShut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, health.Config{UpThreshold: 2})
		r.Start()
		time.Sleep(time.Minute)
		r.probed(t, 3, errDown) // by Check, which no loop waits for
		r.up(t, false)
		shut := time.Now()
		time.Sleep(1000 * time.Second)
		times := r.since(shut)[3:] // without those of Check
		if n := len(times); n < 950 || n > 1050 {
			t.Errorf("%d probes in 1000 s, want one a second", n)
		}
		last := time.Duration(0)
		for i, at := range times {
			if gap := at - last; gap > 1200*time.Millisecond || i > 0 && gap < 800*time.Millisecond {
				t.Errorf("a gap of %v between probes", gap)
			}
			last = at
		}
		r.probeWith(nil)
		time.Sleep(2400 * time.Millisecond)
		r.up(t, true)
		up := time.Now()
		time.Sleep(1000 * time.Second)
		if n := len(r.since(up)); n < 90 || n > 110 {
			t.Errorf("%d probes in 1000 s with an open gate, want one in 10 s", n)
		}
		r.close(t)
	})
}

func TestAMonitorProbesForItsWaiter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, health.Config{})
		w := &waiter{}
		begins := r.Serve(w)
		r.Start()
		time.Sleep(100 * time.Second)
		calm := len(r.since(r.start))
		if calm > 13 || len(w.told()) != calm {
			t.Errorf("%d probes in 100 s, %d answers told", calm, len(w.told()))
		}

		begin := time.Now()
		w.set(5*time.Second, true) // it will use an answer, but not yet
		begins()
		begins()
		time.Sleep(5 * time.Second)
		if n := len(r.since(begin)); n > 1 { // the one that is due
			t.Errorf("%d probes while the waiter ignores answers", n)
		}
		w.set(0, true)
		begins()
		begin = time.Now()
		time.Sleep(10 * time.Second)
		if n := len(r.since(begin)); n < 7 || n > 13 {
			t.Errorf("%d probes in 10 s while the waiter waits, want one a second", n)
		}
		w.set(0, false)
		begin = time.Now()
		time.Sleep(100 * time.Second)
		if n := len(r.since(begin)); n > 13 {
			t.Errorf("%d probes in 100 s after the waiter has its answer, want one in 10 s", n)
		}
		r.close(t)
	})
}

func TestAWaiterIsToldOfAnswersAndWhetherTheBackendWasAway(t *testing.T) {
	r := newRig(t, health.Config{UpThreshold: 2})
	w := &waiter{}
	r.Serve(w)
	r.probed(t, 1, nil)
	r.probed(t, 1, errDown)
	r.probed(t, 2, nil)
	r.probed(t, 1, unasked{})
	r.probed(t, 3, errDown)
	r.up(t, false)
	r.probed(t, 1, nil) // the gate is still shut
	if want := []bool{false, true, false}; len(w.told()) != 3 || w.told()[1] != want[1] || w.told()[0] || w.told()[2] {
		t.Fatalf("told %v, want %v", w.told(), want)
	}
	r.probed(t, 1, nil)
	if len(w.told()) != 4 {
		t.Errorf("told %v, want the answer that opened the gate", w.told())
	}
}

// A gate that shut after three seconds would take a replica out of service for a blip.
func TestExtraProbesDoNotShutTheGateEarlier(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, health.Config{})
		w := &waiter{awaits: true}
		r.Serve(w)
		r.probeWith(errDown)
		r.Start()
		time.Sleep(23 * time.Second) // three intervals are 24 s at least
		r.up(t, true)
		if n := len(r.since(r.start)); n < 18 {
			t.Errorf("%d probes in 23 s, want one a second", n)
		}
		time.Sleep(17 * time.Second) // the probes that are due wait for their turn
		r.up(t, false)
		r.close(t)
	})
}

func TestAProbeThatHangsWhileTheBackendIsAwaitedEndsSoon(t *testing.T) {
	for _, row := range []struct {
		cfg  health.Config
		want time.Duration
	}{
		{health.Config{}, time.Second},
		{health.Config{RecoveryInterval: 100 * time.Millisecond}, time.Second},
		{health.Config{RecoveryInterval: 3 * time.Second}, 3 * time.Second},
		{health.Config{RecoveryInterval: 8 * time.Second}, 5 * time.Second},
		{health.Config{Timeout: 500 * time.Millisecond}, 500 * time.Millisecond},
	} {
		synctest.Test(t, func(t *testing.T) {
			limits := map[time.Duration]bool{}
			row.cfg.DownThreshold = 1000
			row.cfg.Probe = func(ctx context.Context) error {
				deadline, _ := ctx.Deadline()
				limits[time.Until(deadline)] = true
				<-ctx.Done()
				return ctx.Err()
			}
			r := newRig(t, row.cfg)
			r.Serve(&waiter{awaits: true})
			r.Start()
			time.Sleep(time.Minute)
			r.close(t)
			if len(limits) != 1 || !limits[row.want] {
				t.Errorf("probes of %+v are limited by %v, want %v", row.cfg, limits, row.want)
			}
		})
	}
}

// bad is a Waiter whose methods end as a function does that is wrong.
type bad struct{ end func() }

func (b bad) Awaits() (time.Duration, bool) { b.end(); return 0, true }
func (b bad) Answered(bool)                 { b.end() }

func TestAWaiterThatPanicsIsContained(t *testing.T) {
	for name, end := range map[string]func(){"panic": func() { panic("no") }, "Goexit": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, health.Config{})
				r.Serve(bad{end})
				r.Start()
				time.Sleep(100 * time.Second)
				r.close(t)
				if n := len(r.since(r.start)); n < 8 || n > 13 {
					t.Errorf("%d probes in 100 s, want one in 10 s", n)
				}
				told := map[string]bool{}
				for _, e := range r.recorder.Events(core.EventPanic) {
					told[e.Name] = true
				}
				if len(told) != 2 || !told["Awaits"] || !told["Answered"] {
					t.Errorf("told of panics in %v, want Awaits and Answered", told)
				}
			})
		})
	}
}
