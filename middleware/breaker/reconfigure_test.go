// SPDX-License-Identifier: Apache-2.0

package breaker_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/middleware/breaker"
)

func (r *rig) reconfigure(t testing.TB, cfg breaker.Config) {
	t.Helper()
	if err := r.Reconfigure(cfg); err != nil {
		t.Fatal(err)
	}
}

func TestAnOpenBreakerStaysOpenUntilTheEndOfItsOwnRecoveryTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, breaker.Config{RecoveryTimeout: 30 * time.Second, HalfOpenSuccesses: 2})
		r.open(t)
		before := r.Snapshot()
		r.reconfigure(t, breaker.Config{RecoveryTimeout: time.Second, HalfOpenSuccesses: 1, FailureRate: 0.5, SlowCallRate: 0.5})
		if after := r.Snapshot(); after.Counters != before.Counters || after.Timing != before.Timing || after.Configuration.RecoveryTimeout != 1 {
			t.Errorf("Snapshot = %+v, want the new configuration and all else as before: %+v", after, before)
		}
		time.Sleep(29 * time.Second)
		r.is(t, breaker.Open)
		time.Sleep(time.Second)
		r.end(t, 1, nil)
		r.is(t, breaker.HalfOpen)
		r.end(t, 1, errDown) // opens it again, by the new settings
		r.is(t, breaker.Open)
		time.Sleep(time.Second)
		r.end(t, 1, nil)
		r.is(t, breaker.Closed)
	})
}

func TestFailuresInARowAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, breaker.Config{FailureThreshold: 10})
		r.end(t, 4, errDown)
		r.reconfigure(t, breaker.Config{FailureThreshold: 5})
		r.is(t, breaker.Closed)
		r.end(t, 1, errDown)
		r.is(t, breaker.Open)
	})
}

func TestAWindowOfAnotherSizeKeepsItsNewestOutcomes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		byCount := func(window int) breaker.Config {
			return breaker.Config{FailureRate: 0.5, FailureWindow: window, MinimumCalls: 6}
		}
		r := newRig(t, byCount(6))
		r.outcomes(t, "ffsss") // the first leaves a window of four
		r.reconfigure(t, byCount(20))
		if got := r.Snapshot().Current; got.WindowCalls != 5 || got.WindowFailures != 2 {
			t.Errorf("a longer window holds %d with %d failures, want 5 with 2", got.WindowCalls, got.WindowFailures)
		}
		r.reconfigure(t, breaker.Config{FailureRate: 0.5, FailureWindow: 4})
		if got := r.Snapshot().Current; got.WindowCalls != 4 || got.WindowFailures != 1 {
			t.Errorf("a shorter window holds %d with %d failures, want 4 with 1", got.WindowCalls, got.WindowFailures)
		}
		r.reconfigure(t, breaker.Config{FailureRate: 0.5, FailureWindowTime: time.Minute})
		r.reconfigure(t, breaker.Config{FailureRate: 0.6, FailureWindowTime: time.Minute})
		r.outcomes(t, "s")
		if got := r.Snapshot().Current; got.WindowCalls != 1 || got.WindowFailures != 0 {
			t.Errorf("a window of another kind holds %d with %d failures, want the one since", got.WindowCalls, got.WindowFailures)
		}
		r.reconfigure(t, breaker.Config{})
		r.outcomes(t, "ffff") // would open it at a rate
		if got := r.Snapshot().Current; got.WindowCalls != 0 {
			t.Errorf("a window that is switched off holds %d", got.WindowCalls)
		}
		r.is(t, breaker.Closed)
	})
}

func TestAttemptsInFlightAreSlowByTheNewThreshold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := func(threshold time.Duration) breaker.Config {
			return breaker.Config{SlowCallRate: 1, SlowCallThreshold: threshold, SlowCallWindow: 2}
		}
		r := newRig(t, slow(time.Hour))
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() { _ = r.do(ctx, func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }) })
		}
		time.Sleep(time.Minute)
		r.is(t, breaker.Closed)
		r.reconfigure(t, slow(2*time.Minute))
		time.Sleep(time.Minute + time.Second)
		r.is(t, breaker.Open)
		cancel()
		wg.Wait()
	})
}

func TestAPolicyThatIsSwitchedOffOpensNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, breaker.Config{SlowCallRate: 0.5, SlowCallWindow: 1})
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { _ = r.do(ctx, func(ctx context.Context) error { <-ctx.Done(); return nil }) })
		synctest.Wait()
		r.reconfigure(t, breaker.Config{})
		time.Sleep(time.Minute) // the attempt would be slow
		cancel()
		wg.Wait()
		r.is(t, breaker.Closed)
		r.reconfigure(t, breaker.Config{SlowCallRate: 0.5, SlowCallWindow: 1})
		r.run(t, 2*time.Second, nil)
		r.is(t, breaker.Open)
	})
}

func TestAnOperationCountsAsItsBreakerCountedWhenItBegan(t *testing.T) {
	for _, attempts := range []bool{false, true} {
		r := newRig(t, breaker.Config{CountAttempts: attempts})
		err := r.do(t.Context(), func(context.Context) error {
			r.reconfigure(t, breaker.Config{CountAttempts: !attempts})
			return errDown
		})
		if c := r.Snapshot().Counters; c.TotalRequests != 1 || c.TotalFailures != 1 || c.FailureCount != 1 {
			t.Errorf("counting attempts %v: an operation that failed with %v counted as %+v, want one failure", attempts, err, c)
		}
	}
}

func TestAListenerMayComeAndGo(t *testing.T) {
	var told []string
	listen := func(name string, from, to breaker.State) { told = append(told, from.String()+">"+to.String()) }
	r := newRig(t, breaker.Config{})
	r.reconfigure(t, breaker.Config{OnTransition: listen})
	r.ForceOpen()
	r.reconfigure(t, breaker.Config{})
	r.Reset()
	r.reconfigure(t, breaker.Config{OnTransition: listen})
	r.ForceOpen()
	if got := strings.Join(told, " "); got != "closed>forced_open closed>forced_open" {
		t.Errorf("the listener was told %q, want what happened while it was configured", got)
	}
	r.is(t, breaker.ForcedOpen)
}

func TestAConfigurationThatIsRefusedChangesNothing(t *testing.T) {
	r := newRig(t, breaker.Config{Name: "one", FailureThreshold: 7})
	for _, bad := range []breaker.Config{{Name: "two", FailureThreshold: 8}, {Name: "one", RecoveryTimeout: -1, FailureThreshold: 8}} {
		if err := r.Reconfigure(bad); err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("Reconfigure = %v, want an error of one line", err)
		}
	}
	if got := r.Snapshot().Configuration.FailureThreshold; got != 7 {
		t.Errorf("FailureThreshold is %d, want 7 as before", got)
	}
}

// TestABreakerIsReconfiguredUnderLoad is for the race detector.
func TestABreakerIsReconfiguredUnderLoad(t *testing.T) {
	configs := []breaker.Config{
		{},
		{FailureRate: 1, FailureWindow: 50, SlowCallRate: 1, SlowCallThreshold: time.Hour, CountAttempts: true},
		{FailureRate: 1, FailureWindowTime: time.Second, HalfOpenSuccesses: 1},
	}
	r := newRig(t, configs[0])
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 1000 {
				if err := r.do(t.Context(), func(context.Context) error { return nil }); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for i := range 1000 {
		r.reconfigure(t, configs[i%len(configs)])
	}
	wg.Wait()
	if got := r.Snapshot().Counters.TotalSuccesses; got != 4000 {
		t.Errorf("counted %d successes of 4000 operations", got)
	}
}
