// SPDX-License-Identifier: Apache-2.0

package breaker_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/middleware/breaker"
)

func TestSnapshotHasTheFieldsThatToolsLookFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, breaker.Config{Name: "milvus"})
		r.end(t, 3, nil)
		r.open(t)
		time.Sleep(10 * time.Second)
		_ = r.do(t.Context(), func(context.Context) error { return nil })

		text, err := json.Marshal(r.Snapshot())
		if err != nil {
			t.Fatal(err)
		}
		var got map[string]any
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatal(err)
		}
		wantKeys(t, "", got, "name", "state", "configuration", "counters", "timing", "current_state")
		group := func(name string) map[string]any { return got[name].(map[string]any) }
		for _, want := range []struct {
			group string
			value any
			key   string
		}{
			{"configuration", 5.0, "failure_threshold"},
			{"configuration", 30.0, "recovery_timeout"},
			{"configuration", 3.0, "half_open_success_threshold"},
			{"configuration", 2.0, "max_half_open_requests"},
			{"counters", 0.0, "failure_count"},
			{"counters", 0.0, "success_count"},
			{"counters", 9.0, "total_requests"},
			{"counters", 5.0, "total_failures"},
			{"counters", 1.0, "total_fast_failures"},
			{"counters", 1.0, "state_change_count"},
			{"timing", 20.0, "retry_after"},
			{"current_state", 0.0, "half_open_requests"},
			{"current_state", 37.5, "success_rate_percent"},
		} {
			if v := group(want.group)[want.key]; v != want.value {
				t.Errorf("%s.%s = %v, want %v", want.group, want.key, v, want.value)
			}
		}
		if got["name"] != "milvus" || got["state"] != "open" {
			t.Errorf("name %v, state %v, want milvus and open", got["name"], got["state"])
		}
		wantKeys(t, "counters", group("counters"), "failure_count", "success_count", "total_requests", "total_failures",
			"total_fast_failures", "state_change_count", "total_successes", "total_neutral")
		wantKeys(t, "current_state", group("current_state"), "half_open_requests", "success_rate_percent")
		r.recover(t)
	})
}

func wantKeys(t *testing.T, group string, got map[string]any, want ...string) {
	t.Helper()
	slices.Sort(want)
	if keys := slices.Sorted(maps.Keys(got)); !slices.Equal(keys, want) {
		t.Errorf("%s has %q, want %q", group, keys, want)
	}
}

func TestSnapshotFollowsTheStates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, breaker.Config{})
		if s := r.Snapshot(); s.State != "closed" || s.Current.SuccessRatePercent != 100 || !s.Timing.OpenedAt.IsZero() || s.Name != "breaker" {
			t.Errorf("a new breaker is %+v", s)
		}
		r.end(t, 4, errDown)
		if s := r.Snapshot(); s.Counters.FailureCount != 4 || s.Current.SuccessRatePercent != 0 {
			t.Errorf("after 4 failures it is %+v", s)
		}
		at := time.Now()
		r.end(t, 1, errDown)
		if s := r.Snapshot(); s.State != "open" || !s.Timing.OpenedAt.Equal(at) || !s.Timing.LastStateChange.Equal(at) ||
			s.Timing.OpenedBecause != "down" || s.Timing.RetryAfter != 30 {
			t.Errorf("open, it is %+v", s)
		}
		r.recover(t)
		r.end(t, 2, nil)
		if s := r.Snapshot(); s.State != "half_open" || s.Counters.SuccessCount != 2 || s.Counters.StateChangeCount != 2 || s.Timing.RetryAfter != 0 {
			t.Errorf("half-open, it is %+v", s)
		}
		r.end(t, 1, nil)
		if s := r.Snapshot(); s.State != "closed" || s.Counters.SuccessCount != 0 || s.Counters.StateChangeCount != 3 {
			t.Errorf("closed again, it is %+v", s)
		}
	})
}

// policies returns every policy, each counting operations and counting attempts.
func policies() map[string]breaker.Config {
	all := map[string]breaker.Config{}
	for name, cfg := range map[string]breaker.Config{
		"in a row":       {FailureThreshold: 3},
		"rate by count":  {FailureRate: 0.5, FailureWindow: 10, MinimumCalls: 4},
		"rate by time":   {FailureRate: 0.5, FailureWindowTime: time.Minute, MinimumCalls: 4},
		"slow":           {SlowCallRate: 0.9, SlowCallThreshold: time.Microsecond, SlowCallWindow: 5},
		"everything":     {FailureThreshold: 3, FailureRate: 0.5, SlowCallRate: 1, SlowCallThreshold: time.Microsecond, SlowCallWindow: 5},
		"never too slow": {FailureThreshold: 3, SlowCallRate: 1},
	} {
		cfg.RecoveryTimeout, cfg.HalfOpenSuccesses = time.Microsecond, 1
		all[name+", operations"] = cfg
		cfg.CountAttempts = true
		all[name+", attempts"] = cfg
	}
	return all
}

func TestTotalsAddUp(t *testing.T) {
	for name, cfg := range policies() {
		t.Run(name, func(t *testing.T) {
			b, err := breaker.New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			got := race(t, b.Middleware, func(w, n int) {
				if w == 0 && n%100 == 0 {
					b.Snapshot()
				}
				if w == 1 && n%250 == 0 {
					[]func(){b.Reset, b.ForceOpen, b.ForceClose, b.Disable, b.Reset}[n/250%5]()
				}
				if w == 1 && n%250 == 5 {
					b.Reset()
				}
			})
			s := b.Snapshot()
			got.equal(t, s.Counters)
			if s.Counters.StateChangeCount == 0 || s.Counters.TotalFastFailures == 0 {
				t.Errorf("counters %+v: the breaker never opened", s.Counters)
			}
			if got := s.Current.HalfOpenRequests; got != 0 {
				t.Errorf("%d probes under way, want 0", got)
			}
		})
	}
}

// tally is the number of outcomes that callers saw, by error.
type tally map[error]uint64

// race runs 50,000 operations with all outcomes on 50 goroutines. It calls
// between after the nth operation of worker w.
func race(t *testing.T, middleware core.Middleware, between func(w, n int)) tally {
	t.Helper()
	const workers, each = 50, 1000
	client, err := core.NewClient(core.ClientConfig[int]{Source: &coretest.Source[int]{}, Middleware: middleware, Classifier: classify})
	if err != nil {
		t.Fatal(err)
	}
	outcomes := []error{nil, errDown, errDown, errDown, errLimited, errStatement, core.ErrRejected}
	tallies := make([]tally, workers)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			seen := tally{}
			for n := range each {
				want := outcomes[(n*n+w)%len(outcomes)]
				op := core.Op{Name: "op", Target: []string{"a", "b", "c", "d", "e"}[n%5]}
				_, err := core.Do(t.Context(), client, op, func(context.Context, int) (int, error) { return 0, want })
				switch {
				case errors.Is(err, breaker.ErrOpen):
					seen[breaker.ErrOpen]++
				case errors.Is(err, want):
					seen[want]++
				default:
					t.Errorf("Do = %v, want %v", err, want)
				}
				between(w, n)
			}
			tallies[w] = seen
		})
	}
	wg.Wait()
	all := tally{}
	for _, seen := range tallies {
		for err, n := range seen {
			all[err] += n
		}
	}
	return all
}

// equal checks that the counters say what the callers saw.
func (all tally) equal(t *testing.T, c breaker.Counters) {
	t.Helper()
	if c.TotalRequests != 50_000 || c.TotalRequests != c.TotalFastFailures+c.TotalSuccesses+c.TotalFailures+c.TotalNeutral {
		t.Errorf("counters %+v, want 50000 in all", c)
	}
	if c.TotalSuccesses != all[nil]+all[errStatement] || c.TotalFailures != all[errDown] ||
		c.TotalNeutral != all[errLimited]+all[core.ErrRejected] || c.TotalFastFailures != all[breaker.ErrOpen] {
		t.Errorf("counters %+v, but the callers saw %v", c, all)
	}
}

func TestWhatAStageFurtherInRefusesIsNeutral(t *testing.T) {
	for _, count := range []bool{false, true} {
		r := newRig(t, breaker.Config{CountAttempts: count}, func(core.Handler) core.Handler {
			return func(context.Context, *core.Call) error { return core.ErrRejected }
		})
		r.end(t, 10, core.ErrRejected)
		if c := r.Snapshot().Counters; c.TotalNeutral != 10 || c.TotalRequests != 10 {
			t.Errorf("CountAttempts %v: counters %+v, want 10 neutral", count, c)
		}
	}
}
