// SPDX-License-Identifier: Apache-2.0

package breaker_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/middleware/breaker"
)

func (r *rig) run(t *testing.T, took time.Duration, err error) {
	t.Helper()
	_ = r.do(t.Context(), func(context.Context) error { time.Sleep(took); return err })
}

func TestTheSlowWindow(t *testing.T) {
	const (
		fast = 999 * time.Millisecond
		slow = time.Second
	)
	for _, row := range []struct {
		name string
		rate float64
		took []time.Duration
		want breaker.State
	}{
		{"not full", 0.5, []time.Duration{slow, slow, slow}, breaker.Closed},
		{"full, below the rate", 0.5, []time.Duration{slow, fast, fast, fast}, breaker.Closed},
		{"full, at the rate", 0.5, []time.Duration{slow, slow, fast, fast}, breaker.Open},
		{"old ones leave it", 0.5, []time.Duration{slow, fast, fast, fast, slow, fast, fast, fast, slow}, breaker.Closed},
		{"new ones fill it", 0.5, []time.Duration{fast, fast, fast, fast, slow, slow}, breaker.Open},
		{"all of them", 1, []time.Duration{fast, slow, slow, slow, slow}, breaker.Open},
		{"not all of them", 1, []time.Duration{fast, slow, slow, slow, fast, slow, slow, slow}, breaker.Closed},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, breaker.Config{SlowCallRate: row.rate, SlowCallWindow: 4})
				for n, took := range row.took {
					if n > 0 && r.State() != breaker.Closed {
						t.Fatalf("breaker %v after %d attempts", r.State(), n)
					}
					r.run(t, took, nil)
				}
				r.is(t, row.want)
				if row.want == breaker.Open {
					if because := r.Snapshot().Timing.OpenedBecause; !strings.Contains(because, "slow") {
						t.Errorf("opened because %q", because)
					}
					r.recover(t)
				}
			})
		})
	}
}

func TestASlowProbeOpensItAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, breaker.Config{SlowCallRate: 0.5, SlowCallWindow: 3})
		for range 3 {
			r.run(t, 10*time.Second, nil)
		}
		r.is(t, breaker.Open)
		r.recover(t)
		r.run(t, time.Millisecond, nil)
		r.is(t, breaker.HalfOpen)
		r.run(t, 10*time.Second, nil)
		r.is(t, breaker.Open)
		r.recover(t)
		for range 3 {
			r.run(t, time.Millisecond, nil)
		}
		r.is(t, breaker.Closed) // earlier slow attempts do not count any more
		r.run(t, 10*time.Second, nil)
		r.is(t, breaker.Closed)
	})
}

func TestSlowAttemptsThatSayNothingDoNotCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, breaker.Config{SlowCallRate: 0.5, SlowCallWindow: 2})
		for range 10 {
			r.run(t, 10*time.Second, errLimited)
		}
		r.is(t, breaker.Closed)
		r.run(t, 10*time.Second, errStatement)
		r.run(t, 10*time.Second, errDown)
		r.is(t, breaker.Open)
		r.recover(t)
	})
}
