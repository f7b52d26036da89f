// SPDX-License-Identifier: Apache-2.0

package keyed_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/middleware/breaker/keyed"
)

func TestOneBadCollectionRefusesItsOwnOperationsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, each := range []breaker.Config{{}, {FailureRate: 0.5, MinimumCalls: 5}} {
			r := newRig(t, keyed.Config{Each: each})
			refused := 0
			for range 50 {
				for n := range 100 {
					key := fmt.Sprintf("collection%d", n)
					if n == 42 {
						refused += r.end(t, key, 1, errDown)
					} else if r.end(t, key, 1, nil) != 0 {
						t.Fatalf("an operation on %s was refused", key)
					}
				}
			}
			if refused != 45 {
				t.Errorf("%d operations on the bad one were refused, want all but 5 of 50", refused)
			}
			s := r.Snapshot()
			if s.Counters.TotalSuccesses != 99*50 || s.Counters.TotalFailures != 5 || s.Counters.TotalRequests != 100*50 || len(s.Keys) != 100 {
				t.Errorf("counters %+v of %d keys", s.Counters, len(s.Keys))
			}
			b, _ := r.Breaker("collection42")
			if b == nil || b.State() != breaker.Open {
				t.Error("the bad one's breaker is not open")
			}
			time.Sleep(30 * time.Second)
			synctest.Wait() // the timer is a goroutine of its own
			if refused := r.end(t, "collection42", 10, nil); refused != 0 {
				t.Errorf("%d operations were refused after it recovered", refused)
			}
		}
	})
}

func TestABreakerOfTheBackendDoesNotCountTheRefusalsOfKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, attempts := range []bool{false, true} {
			backend, err := breaker.New(breaker.Config{CountAttempts: attempts})
			if err != nil {
				t.Fatal(err)
			}
			r := newRig(t, keyed.Config{Each: breaker.Config{FailureThreshold: 2}}, backend.Middleware)
			r.end(t, "bad", 20, errDown)
			if s := backend.Snapshot(); s.State != "closed" || s.Counters.TotalFailures != 2 || s.Counters.TotalNeutral != 18 || s.Counters.TotalFastFailures != 0 {
				t.Errorf("CountAttempts %v: the backend's breaker is %+v, want 2 failures and 18 neutral", attempts, s)
			}
			if refused := r.end(t, "good", 5, nil); refused != 0 {
				t.Errorf("%d operations on another key were refused", refused)
			}
			time.Sleep(30 * time.Second)
		}
	})
}

// The guard refuses when the attempt has its connection.
func TestWhatAnotherBreakerForbidsIsNotARejectionOfOurs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, attempts := range []bool{false, true} {
			backend, err := breaker.New(breaker.Config{CountAttempts: attempts})
			if err != nil {
				t.Fatal(err)
			}
			k, err := keyed.New(keyed.Config{Each: breaker.Config{CountAttempts: attempts}})
			if err != nil {
				t.Fatal(err)
			}
			client, err := core.NewClient(core.ClientConfig[int]{
				Source:     &coretest.Source[int]{OnAcquire: func(context.Context) error { time.Sleep(time.Second); return nil }},
				Middleware: core.Compose(backend.Middleware, k.Middleware),
			})
			if err != nil {
				t.Fatal(err)
			}
			var wg sync.WaitGroup
			wg.Go(func() {
				_, err := core.Do(t.Context(), client, core.Op{Name: "op", Target: "a"}, func(context.Context, int) (int, error) { return 0, nil })
				if !errors.Is(err, breaker.ErrOpen) {
					t.Errorf("Do = %v, want ErrOpen", err)
				}
			})
			synctest.Wait()
			k.ForceOpen("a")
			wg.Wait()
			if c := backend.Snapshot().Counters; c.TotalRequests != 1 || c.TotalNeutral != 1 {
				t.Errorf("CountAttempts %v: the backend's breaker counted %+v, want one neutral", attempts, c)
			}
			if c := k.Snapshot().Counters; c.TotalRequests != 1 || c.TotalFastFailures != 1 {
				t.Errorf("CountAttempts %v: the key's breaker counted %+v, want one rejection", attempts, c)
			}
		}
	})
}

func TestTheKeyIsWhatTheConfigSays(t *testing.T) {
	r := newRig(t, keyed.Config{
		Key:  func(call *core.Call) string { return strings.ToUpper(call.Op.Target) },
		Each: breaker.Config{Name: "milvus"},
	})
	r.end(t, "a", 2, nil)
	r.end(t, "A", 2, nil)
	r.end(t, "", 1, nil)
	var names []string
	for _, s := range r.Snapshot().Keys {
		names = append(names, s.Name+" "+s.Key)
	}
	if want := []string{"milvus[] ", "milvus[A] A"}; !slices.Equal(names, want) {
		t.Errorf("breakers %q, want %q", names, want)
	}
}

func TestAKeyIsNamedToPeopleAndNotToTelemetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []string
		r := newRig(t, keyed.Config{Each: breaker.Config{Name: "milvus", OnTransition: func(name string, _, to breaker.State) {
			told = append(told, name+" "+to.String())
		}}})
		r.end(t, "books", 5, errDown)
		err := r.do(t.Context(), "books", func(context.Context) error { return nil })
		if want := `circuit breaker "milvus[books]" is open`; !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("Do = %v, want %q in it", err, want)
		}
		r.ForceOpen("secret")
		r.end(t, "secret", 1, nil)
		if want := []string{"milvus[books] open", "milvus[secret] forced_open"}; !slices.Equal(told, want) {
			t.Errorf("told %q, want %q", told, want)
		}
		for _, kind := range []core.EventKind{core.EventTransition, core.EventReject} {
			events := r.recorder.Events(kind)
			if len(events) != 2 {
				t.Errorf("%d events %v, want 2", len(events), kind)
			}
			for _, e := range events {
				if e.Name != "milvus" {
					t.Errorf("observed %+v, want the name of all", e)
				}
			}
		}
		time.Sleep(30 * time.Second)
	})
}

// The table is too small for its keys, so breakers are evicted while others open.
func TestTheTotalsOfKeysAddUp(t *testing.T) {
	for name, each := range map[string]breaker.Config{
		"in a row":     {FailureThreshold: 3},
		"rate by time": {FailureRate: 0.5, FailureWindowTime: time.Minute, MinimumCalls: 4},
		"everything":   {FailureThreshold: 3, FailureRate: 0.5, SlowCallRate: 1, SlowCallThreshold: time.Microsecond, SlowCallWindow: 5},
	} {
		each.RecoveryTimeout, each.HalfOpenSuccesses = time.Microsecond, 1
		for _, attempts := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, attempts %v", name, attempts), func(t *testing.T) {
				each.CountAttempts = attempts
				testTotals(t, newRig(t, keyed.Config{Max: 3, Each: each}))
			})
		}
	}
}

// testTotals runs operations with all outcomes on many goroutines and 5 keys.
func testTotals(t *testing.T, r *rig) {
	const workers, each = 50, 1000
	var succeeded, failed, neutral, refused atomic.Uint64
	outcomes := []struct {
		err   error
		total *atomic.Uint64
	}{{nil, &succeeded}, {errDown, &failed}, {errDown, &failed}, {errLimited, &neutral}}
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for n := range each {
				o := outcomes[(n*n+w)%len(outcomes)]
				key := string("abcde"[n%5])
				switch err := r.do(t.Context(), key, func(context.Context) error { return o.err }); {
				case errors.Is(err, breaker.ErrOpen):
					refused.Add(1)
				case errors.Is(err, o.err):
					o.total.Add(1)
				default:
					t.Errorf("Do = %v, want %v", err, o.err)
				}
				if w == 0 && n%100 == 0 {
					r.Snapshot()
				}
				if w == 1 && n%50 == 0 {
					r.Reset()
				}
			}
		})
	}
	wg.Wait()
	s := r.Snapshot()
	c := s.Counters
	if c.TotalRequests != workers*each || c.TotalSuccesses != succeeded.Load() || c.TotalFailures != failed.Load() ||
		c.TotalNeutral != neutral.Load() || c.TotalFastFailures != refused.Load() {
		t.Errorf("counters %+v, but the callers saw %d succeed, %d fail, %d neutral, %d refused",
			c, succeeded.Load(), failed.Load(), neutral.Load(), refused.Load())
	}
	if len(s.Keys) > 3 {
		t.Errorf("%d keys, want 3 at most", len(s.Keys))
	}
	// Whether a breaker was idle at the moment that room was needed is chance. After
	// Reset every breaker is idle, so three new keys evict those that are there.
	r.Reset()
	for _, key := range []string{"f", "g", "h"} {
		r.end(t, key, 1, nil)
	}
	if after := r.Snapshot(); after.Forgotten < s.Forgotten+3 || after.Counters.TotalRequests != c.TotalRequests+3 {
		t.Errorf("%d forgotten and %d requests, want %d at least and %d",
			after.Forgotten, after.Counters.TotalRequests, s.Forgotten+3, c.TotalRequests+3)
	}
}

func TestNewNamesAllThatIsWrong(t *testing.T) {
	k, err := keyed.New(keyed.Config{Max: -1, Each: breaker.Config{FailureThreshold: -1, FailureRate: 2}})
	if k != nil || err == nil {
		t.Fatalf("New = %v, %v, want an error", k, err)
	}
	for _, want := range []string{"Max is -1, want 0", "FailureThreshold", "FailureRate"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("New = %q, want %q in it", err, want)
		}
	}
	if k, err = keyed.New(keyed.Config{}); err != nil {
		t.Fatal(err)
	}
	if s := k.Snapshot(); s.Name != "keyed_breaker" || s.MaxKeys != 1000 || len(s.Keys) != 0 {
		t.Errorf("the snapshot is %+v, want the defaults", s)
	}
}

func TestAKeyedSnapshotIsJSON(t *testing.T) {
	r := newRig(t, keyed.Config{})
	r.end(t, "books", 1, nil)
	text, err := json.Marshal(r.Snapshot())
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	want := []string{"counters", "forgotten", "keys", "max_keys", "name", "overflow", "overflowed"}
	if names := slices.Sorted(maps.Keys(got)); !slices.Equal(names, want) {
		t.Errorf("the snapshot has %q, want %q", names, want)
	}
	key := got["keys"].([]any)[0].(map[string]any)
	want = []string{"configuration", "counters", "current_state", "key", "name", "state", "timing"}
	if names := slices.Sorted(maps.Keys(key)); !slices.Equal(names, want) {
		t.Errorf("a key has %q, want %q", names, want)
	}
}
