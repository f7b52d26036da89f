// SPDX-License-Identifier: Apache-2.0

package keyed_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/middleware/breaker/keyed"
)

func TestTheBreakerNotUsedForLongestIsForgotten(t *testing.T) {
	r := newRig(t, keyed.Config{Max: 3})
	keys := func() (keys []string) {
		for _, s := range r.Snapshot().Keys {
			keys = append(keys, s.Key)
		}
		return keys
	}
	for _, key := range strings.Split("abcabadeb", "") {
		r.end(t, key, 1, nil)
	}
	if got, want := keys(), []string{"b", "e", "d"}; !slices.Equal(got, want) {
		t.Errorf("keys %q, want %q", got, want)
	}
	s := r.Snapshot()
	if s.Forgotten != 3 || s.Overflowed != 0 || s.MaxKeys != 3 || s.Counters.TotalRequests != 9 || s.Counters.TotalSuccesses != 9 {
		t.Errorf("the snapshot is %+v, want 3 forgotten, and what they counted", s)
	}
	if _, ok := r.Breaker("c"); ok {
		t.Error("the breaker of c is still there")
	}
}

// A breaker is kept if a new one in its place would do something else.
func TestABreakerThatCountsIsNeverForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const many = 1000
		down := func(n int) func(*rig) { return func(r *rig) { r.end(t, "key", n, errDown) } }
		wake := make(chan struct{})
		var wg sync.WaitGroup
		hang := func(r *rig) {
			wg.Go(func() {
				_ = r.do(t.Context(), "key", func(context.Context) error { <-wake; return nil })
			})
			synctest.Wait()
		}
		for _, row := range []struct {
			name  string
			each  breaker.Config
			first func(*rig)
			kept  bool
		}{
			{"nothing", breaker.Config{}, down(0), false},
			{"a success", breaker.Config{}, func(r *rig) { r.end(t, "key", 1, nil) }, false},
			{"a failure", breaker.Config{}, down(1), true},
			{"a failure, then a success", breaker.Config{}, func(r *rig) {
				r.end(t, "key", 1, errDown)
				r.end(t, "key", 1, nil)
			}, false},
			{"open", breaker.Config{}, down(5), true},
			{"half-open", breaker.Config{}, func(r *rig) {
				r.end(t, "key", 5, errDown)
				time.Sleep(30 * time.Second)
				synctest.Wait()
			}, true},
			{"a failure in a window", breaker.Config{FailureRate: 0.5}, func(r *rig) {
				r.end(t, "key", 1, errDown)
				r.end(t, "key", 1, nil)
			}, true},
			{"a failure within the time", breaker.Config{FailureRate: 0.5, FailureWindowTime: time.Minute}, func(r *rig) {
				r.end(t, "key", 1, errDown)
				r.end(t, "key", 1, nil)
			}, true},
			{"a failure of long ago", breaker.Config{FailureRate: 0.5, FailureWindowTime: time.Minute}, func(r *rig) {
				r.end(t, "key", 1, errDown)
				r.end(t, "key", 1, nil)
				time.Sleep(time.Minute)
			}, false},
			{"a slow attempt", breaker.Config{SlowCallRate: 0.5}, func(r *rig) {
				_ = r.do(t.Context(), "key", func(context.Context) error { time.Sleep(time.Second); return nil })
			}, true},
			{"a fast attempt", breaker.Config{SlowCallRate: 0.5}, func(r *rig) { r.end(t, "key", 1, nil) }, false},
			{"an operation under way", breaker.Config{}, hang, true},
			{"an attempt that is slow", breaker.Config{SlowCallRate: 0.5}, func(r *rig) {
				hang(r)
				time.Sleep(time.Minute)
			}, true},
			{"forced open", breaker.Config{}, func(r *rig) { r.ForceOpen("key") }, true},
			{"forced closed", breaker.Config{}, func(r *rig) { r.ForceClose("key") }, true},
			{"disabled", breaker.Config{}, func(r *rig) { r.Disable("key") }, true},
		} {
			r := newRig(t, keyed.Config{Max: 10, Each: row.each})
			row.first(r)
			before, had := r.Breaker("key")
			for n := range many { // more keys than there is room for
				r.end(t, fmt.Sprint(n), 1, nil)
			}
			if n := len(r.Snapshot().Keys); n != 10 {
				t.Errorf("%s: %d keys, want 10", row.name, n)
			}
			after, ok := r.Breaker("key")
			if ok != row.kept || row.kept && (!had || after != before) {
				t.Errorf("%s: kept %v, want %v", row.name, ok, row.kept)
			}
			r.Keyed.Reset()
			time.Sleep(30 * time.Second)
		}
		close(wake)
		wg.Wait()
	})
}

func TestAnEvictionAttackDoesNotResetTheCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, keyed.Config{Max: 10})
		for n := range 5 {
			if got := max(r.row("bad"), 0); got != n {
				t.Fatalf("%d failures in a row, want %d", got, n)
			}
			r.end(t, "bad", 1, errDown)
			for m := range 1000 {
				r.end(t, fmt.Sprint("attacker", n, m), 1, nil)
			}
		}
		if refused := r.end(t, "bad", 1, nil); refused != 1 {
			t.Error("the breaker did not open after 5 failures in a row")
		}
		time.Sleep(30 * time.Second)
	})
}

func TestKeysWithoutRoomShareOneBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, keyed.Config{Max: 3, Each: breaker.Config{Name: "milvus", FailureThreshold: 2}})
		for _, key := range []string{"a", "b", "c"} {
			r.end(t, key, 1, errDown)
		}
		r.end(t, "d", 1, errDown)
		r.end(t, "e", 1, errDown) // two failures in a row, of two keys
		err := r.do(t.Context(), "f", func(context.Context) error { return nil })
		if open, ok := errors.AsType[*breaker.OpenError](err); !ok || open.Name != "milvus (overflow)" {
			t.Errorf("Do = %v, want a refusal of the overflow breaker", err)
		}
		if s := r.Snapshot(); s.Overflowed != 3 || s.Overflow.State != "open" || len(s.Keys) != 3 || s.Counters.TotalRequests != 6 {
			t.Errorf("the snapshot is %+v, want 3 operations on the overflow breaker", s)
		}
		if r.ForceOpen("g") || r.Disable("g") || r.ForceClose("g") {
			t.Error("a key without room was set")
		}
		if refused := r.end(t, "a", 1, nil); refused != 0 { // its success makes its breaker one that may be evicted
			t.Error("a key with a breaker of its own was refused")
		}
		if refused := r.end(t, "f", 1, nil); refused != 0 {
			t.Error("there is room, but the key was refused")
		}
		r.Keyed.Reset()
		if s := r.Snapshot(); s.Overflow.State != "closed" || !r.ForceOpen("g") || r.end(t, "g", 1, nil) != 1 {
			t.Errorf("after a reset the overflow breaker is %s", s.Overflow.State)
		}
		time.Sleep(30 * time.Second)
	})
}

func TestAMillionKeysStayWithinTheirMemory(t *testing.T) {
	const most = 10_000
	for name, row := range map[string]struct {
		each  breaker.Config
		keys  int
		bytes int64 // of a key: one and a half times what the documentation says
	}{
		"in a row": {breaker.Config{}, 1_000_000, 750},
		"slow":     {breaker.Config{SlowCallRate: 0.5, SlowCallThreshold: time.Hour}, 100_000, 1350},
	} {
		k, err := keyed.New(keyed.Config{Max: most, Each: row.each})
		if err != nil {
			t.Fatal(err)
		}
		client, err := core.NewClient(core.ClientConfig[int]{Source: &coretest.Source[int]{}, Middleware: k.Middleware})
		if err != nil {
			t.Fatal(err)
		}
		run := func(from, to int) {
			for n := from; n < to; n++ {
				op := core.Op{Name: "op", Target: fmt.Sprintf("collection%07d", n)}
				if _, err := core.Do(t.Context(), client, op, func(context.Context, int) (int, error) { return 0, nil }); err != nil {
					t.Fatal(err)
				}
			}
		}
		before := heap()
		run(0, most)
		full := heap() - before
		run(most, row.keys)
		after := heap() - before
		t.Logf("%s: %d bytes a key; %d bytes after %d keys", name, full/most, after, row.keys)
		limit := row.bytes * most
		if full > limit || after > limit {
			t.Errorf("%s: %d bytes for %d keys, and %d after %d, want %d at most", name, full, most, after, row.keys, limit)
		}
		if s := k.Snapshot(); s.Counters.TotalRequests != uint64(row.keys) || s.Forgotten != uint64(row.keys-most) || s.Overflowed != 0 {
			t.Errorf("%s: counters %+v, %d forgotten, %d overflowed", name, s.Counters, s.Forgotten, s.Overflowed)
		}
	}
}

// heap returns how much memory is in use.
func heap() int64 {
	runtime.GC()
	runtime.GC() // a sync.Pool keeps its content for one collection
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func TestAFullTableCostsLittle(t *testing.T) {
	const few, most, operations, rounds = 200, 20_000, 100, 7
	full := func(keys int) *rig {
		r := newRig(t, keyed.Config{Max: keys})
		for n := range keys {
			r.ForceClose(fmt.Sprint(n))
		}
		return r
	}
	small, large := full(few), full(most)
	quickest := func(r *rig, least time.Duration) time.Duration {
		start := time.Now()
		r.end(t, "another", operations, nil)
		return min(least, time.Since(start))
	}
	// Side by side, and the quickest of many rounds: a busy machine makes both slow.
	a, b := time.Hour, time.Hour
	for range rounds {
		a, b = quickest(small, a), quickest(large, b)
	}
	if b > 30*a { // to look at all entries would take a hundred times as long
		t.Errorf("%d operations take %v with %d keys and %v with %d", operations, b, most, a, few)
	}
	if s := large.Snapshot(); s.Overflowed != operations*rounds || len(s.Keys) != most {
		t.Errorf("%d overflowed, %d keys", s.Overflowed, len(s.Keys))
	}
}
