// SPDX-License-Identifier: Apache-2.0

package breaker_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/middleware/breaker"
)

func TestAFailureIsForgottenAfterAWhile(t *testing.T) {
	for name, row := range map[string]struct {
		cfg   breaker.Config
		first func(*testing.T, *rig)
		after time.Duration // until it retires
	}{
		"failures in a row":       {breaker.Config{}, func(t *testing.T, r *rig) { r.end(t, 4, errDown) }, 30 * time.Second},
		"failures in a window":    {breaker.Config{FailureRate: 0.5}, func(t *testing.T, r *rig) { r.end(t, 4, errDown); r.end(t, 1, nil) }, 30 * time.Second},
		"failures within an hour": {breaker.Config{FailureRate: 0.5, FailureWindowTime: time.Hour, FailureThreshold: 9}, func(t *testing.T, r *rig) { r.end(t, 4, errDown) }, time.Hour},
		"a slow attempt": {breaker.Config{SlowCallRate: 0.5, RecoveryTimeout: time.Minute}, func(t *testing.T, r *rig) {
			_ = r.do(t.Context(), func(context.Context) error { time.Sleep(time.Second); return nil })
		}, time.Minute},
		"an outage": {breaker.Config{}, func(t *testing.T, r *rig) { r.end(t, 5, errDown) }, time.Minute}, // open, then half-open
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, row.cfg)
				row.first(t, r)
				time.Sleep(row.after - 1)
				if _, ok := r.Retire(); ok {
					t.Errorf("it retired before %v", row.after)
				}
				time.Sleep(time.Nanosecond)
				if c, ok := r.Retire(); !ok || c.TotalRequests == 0 {
					t.Errorf("Retire = %+v, %v after %v, want what it counted", c, ok, row.after)
				}
			})
		})
	}
}

func TestABreakerThatRetiresHalfOpenTellsOfItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []string
		r := newRig(t, breaker.Config{OnTransition: func(_ string, from, to breaker.State) {
			told = append(told, from.String()+">"+to.String())
		}})
		r.halfOpen(t)
		time.Sleep(30 * time.Second)
		c, ok := r.Retire()
		synctest.Wait()
		if want := []string{"closed>open", "open>closed"}; !ok || c.StateChangeCount != 2 || !slices.Equal(told, want) {
			t.Errorf("Retire = %+v, %v, told %q; want %q", c, ok, told, want)
		}
		if events := r.recorder.Events(core.EventTransition); len(events) != 2 || events[1].To != "closed" {
			t.Errorf("observed %+v, want the end", events)
		}
	})
}

func TestOnlyAnIdleBreakerRetires(t *testing.T) {
	r := newRig(t, breaker.Config{})
	r.end(t, 4, nil)
	r.end(t, 1, errDown)
	if c, ok := r.Retire(); ok || c != (breaker.Counters{}) {
		t.Errorf("Retire = %+v, %v after a failure, want false", c, ok)
	}
	r.end(t, 1, nil)
	if c, ok := r.Retire(); !ok || c.TotalSuccesses != 5 || c.TotalFailures != 1 || c.TotalRequests != 6 {
		t.Errorf("Retire = %+v, %v, want what it counted", c, ok)
	}
	r.ForceOpen()
	if _, ok := r.Retire(); ok {
		t.Error("a breaker that is forced open retired")
	}
}
