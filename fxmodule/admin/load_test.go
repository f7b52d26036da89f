// SPDX-License-Identifier: Apache-2.0

package admin_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/fxmodule/admin"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/middleware/retry"
	"github.com/penstock-go/penstock/pool"
)

// Many operations, pages and actions at once are for the race detector. The totals are
// exact all the same.
func TestTheCountsAreExactUnderLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := newAdmin(t, admin.Config{SlowAfter: time.Millisecond})
		cfg := quick
		cfg.Breaker.Disabled = true
		cfg.Retry.Interval, cfg.Retry.Budget = time.Millisecond, unlimited(t)
		c := watch(t, a, "docs", penstock.Config{Chain: cfg}, pool.Config{MaxSize: 4})
		keyed := watch(t, a, "others", penstock.Config{}, pool.Config{})
		reader, stop, ended := open(a, "?client=docs")
		const workers, each = 16, 500
		var wg sync.WaitGroup
		for i := range workers {
			wg.Go(func() {
				for n := range each {
					switch (i + n) % 4 {
					case 0:
						_ = do(context.Background(), c, search, 20*time.Millisecond, errNotFound)
					case 1:
						_ = do(context.Background(), c, core.Op{Name: "Insert"}, 20*time.Millisecond, errDown)
					case 2:
						_ = do(context.Background(), c, search, 10*time.Millisecond, errDown, nil)
					default:
						_ = do(context.Background(), c, search, 20*time.Millisecond)
					}
				}
			})
		}
		for range 100 {
			time.Sleep(100 * time.Millisecond)
			one(t, a, "docs")
			_, _ = act(a, `{"action":"breaker_open","client":"others"}`, nil)
			_, _ = act(a, `{"action":"breaker_reset","client":"others"}`, nil)
		}
		wg.Wait()
		f := one(t, a, "docs").Flow
		const quarter = workers * each / 4
		if f.Entered.Total != 4*quarter || f.Answered.Total != quarter || f.Failed.Total != quarter || f.OK.Total != 2*quarter || f.Recovered.Total != quarter || f.Rejected.Total != 0 {
			t.Errorf("flow %+v, want %d operations, a quarter each", f, 4*quarter)
		}
		if ticks, _ := reader.ticks(t); len(ticks) < 10 {
			t.Errorf("%d ticks, want one each second", len(ticks))
		}
		stop()
		<-ended
		shut(t, c, keyed)
	})
}

// Fifty clients that all have had the worst time keep a bounded memory.
func TestFiftyClientsKeepABoundedMemory(t *testing.T) {
	heap := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	synctest.Test(t, func(t *testing.T) {
		a, _ := newAdmin(t, admin.Config{SlowAfter: 1})
		long := strings.Repeat("an error that says much ", 20)
		storm := func(c *penstock.Client[int], from, to int) {
			for i := from; i < to; i++ {
				op := core.Op{Name: fmt.Sprintf("Search %d", i), Target: long, Safety: core.ReadOnly}
				_ = do(context.Background(), c, op, time.Millisecond, fmt.Errorf("%w: %s %d", errDown, long, i))
				_ = do(context.Background(), c, op, time.Millisecond, fmt.Errorf("%w: %s %d", errDown, long, i), nil)
				_ = do(context.Background(), c, op, time.Millisecond)
			}
		}
		chain := middleware.Config{
			Breaker: breaker.Config{FailureRate: .5, FailureWindow: 100, MinimumCalls: 10, RecoveryTimeout: time.Second},
			Retry:   retry.Config{Interval: 100 * time.Millisecond, Budget: unlimited(t)},
		}
		before := heap()
		var clients []*penstock.Client[int]
		for i := range 50 {
			clients = append(clients, watch(t, a, fmt.Sprintf("client-%02d", i), penstock.Config{Chain: chain}, pool.Config{}))
		}
		for _, c := range clients {
			storm(c, 0, 120)
		}
		full := heap()
		for _, c := range clients {
			storm(c, 120, 240)
		}
		later := heap()
		t.Logf("50 clients keep %d kB each, and %d kB after as many operations again", (full-before)/50>>10, (later-before)/50>>10)
		if each := (later - before) / 50; each > 1<<20 {
			t.Errorf("a client keeps %d bytes, want less than a megabyte", each)
		}
		if grown := later - full; grown > full/10 {
			t.Errorf("the memory grew from %d to %d bytes, want it bounded", full, later)
		}
		shut(t, clients...)
	})
}

func unlimited(t *testing.T) *core.Budget {
	t.Helper()
	b, err := core.NewBudget(core.Unlimited, 0)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The costs of an operation with and without a collector, side by side. The work does
// nothing: a real operation takes a hundred times longer.
func BenchmarkDo(b *testing.B) {
	for _, row := range []struct {
		name     string
		observed bool
		watched  bool
		looked   bool
	}{{name: "bare"}, {name: "watched", watched: true}, {name: "observed", observed: true}, {name: "observed and watched", observed: true, watched: true}, {name: "watched and looked at", watched: true, looked: true}} {
		b.Run(row.name, func(b *testing.B) {
			a, _ := newAdmin(b, admin.Config{})
			var cfg penstock.Config
			if row.observed {
				cfg.Observer = nop{}
			}
			if row.watched {
				cfg.Watchers = []penstock.Watcher{a}
			}
			c := quietly(b, cfg)
			if row.looked {
				defer looking(b, a, 1)()
			}
			b.ReportAllocs()
			for b.Loop() {
				_, _ = core.Do(context.Background(), c, search, nothing)
			}
			shut(b, c)
		})
	}
}

func nothing(context.Context, int) (int, error) { return 0, nil }

// nop is an observer that does nothing.
type nop struct{}

func (nop) Begin(ctx context.Context, _ core.Scope) context.Context { return ctx }
func (nop) End(context.Context, core.Scope, error)                  {}
func (nop) Event(context.Context, core.Event)                       {}
func (nop) Ref(context.Context, core.Scope) any                     { return nil }

func BenchmarkSummaries(b *testing.B) {
	a, _ := newAdmin(b, admin.Config{})
	var clients []*penstock.Client[int]
	for i := range 50 {
		clients = append(clients, watch(b, a, fmt.Sprintf("client-%02d", i), penstock.Config{}, pool.Config{}))
	}
	for b.Loop() {
		get50(b, a)
	}
	shut(b, clients...)
}

func get50(tb testing.TB, a http.Handler) {
	w := httptest.NewRecorder()
	a.ServeHTTP(w, request("GET", "/readyz", ""))
	var r admin.Readiness
	if err := json.Unmarshal(w.Body.Bytes(), &r); err != nil || len(r.Clients) != 50 {
		tb.Fatalf("%d clients, %v", len(r.Clients), err)
	}
}
