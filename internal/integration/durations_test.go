// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"errors"
	"go/ast"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/pool"
)

// results are the structs whose durations the module tells, and what tests give to
// fakes.
var results = []string{
	"breaker.OpenError", "bulkhead.FullError", "ratelimit.LimitedError", "hedge.Stats", "middleware.WorstCase",
	"middleware.Chain", "otelx.Figures", "otelx.BreakerFigures",
	"core.Scope", "core.Event", "core.Outcome", "core.TimeoutError", "pool.AcquireError", "pool.Holder",
	"endpoint.Change", "endpoint.Status", "otelx.EndpointFigures",
	"coretest.Phase", "coretest.BreakerConfig", "milvustest.Fault", "milvustest.Config",
}

// world is a client and its backend, which takes its time.
type world struct {
	backend penstock.Backend[*struct{}]
	client  penstock.Config
	op      core.Op

	dial, work, ping time.Duration // how long each takes
	fails            int           // so many works fail
	class            core.Class    // of the failures

	factory coretest.Factory[*struct{}]
	*penstock.Client[*struct{}]
	works int
}

var errFailed = errors.New("failed")

func newWorld() *world {
	w := &world{op: core.Op{Name: "Get", Safety: core.ReadOnly}, dial: 10 * time.Millisecond, work: 10 * time.Millisecond, ping: 10 * time.Millisecond}
	sleep := func(ctx context.Context, d time.Duration) error {
		select {
		case <-time.After(d):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	w.factory.OnDial = func(ctx context.Context, _ int) (*struct{}, error) { return new(struct{}), sleep(ctx, w.dial) }
	w.factory.OnPing = func(ctx context.Context, _ *struct{}) error { return sleep(ctx, w.ping) }
	w.backend.Factory = &checked{&w.factory}
	w.backend.Classifier = func(error) core.Class { return w.class }
	return w
}

// checked is a factory with every method that a factory may have.
type checked struct{ *coretest.Factory[*struct{}] }

func (*checked) Alive(*struct{}) bool { return true }

// build makes the client.
func (w *world) build() (err error) {
	w.Client, err = penstock.New(w.backend, w.client)
	return err
}

// do runs one operation, and returns how long it took.
func (w *world) do(ctx context.Context) (took time.Duration, err error) {
	begin := time.Now()
	_, err = core.Do(ctx, w.Client, w.op, func(ctx context.Context, _ *struct{}) (int, error) {
		w.works++
		if w.works <= w.fails {
			return 0, errFailed
		}
		select {
		case <-time.After(w.work):
			return 1, nil
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	})
	return time.Since(begin), err
}

// within returns a context that is canceled after d: it has no deadline.
func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	timer := time.AfterFunc(d, cancel)
	t.Cleanup(func() { timer.Stop(); cancel() })
	return ctx
}

// durationRow is a field of a configuration.
type durationRow struct {
	// set sets the field to d, and what the field needs.
	set func(w *world, d time.Duration)
	// long and short look at what only the longest and the shortest duration does,
	// in a world of their own, for which set was called. Nil has nothing to look at.
	long, short func(t *testing.T, w *world)
	// unchecked says that no constructor sees the field.
	unchecked bool
}

const longest = time.Duration(math.MaxInt64)

// life runs a client for a while, in which nothing goes wrong.
func life(t *testing.T, w *world, long bool) {
	if err := w.Start(within(t, time.Minute)); err != nil && long {
		t.Errorf("Start = %v", err)
	}
	pause := time.Minute
	if !long { // a great many probes fit into a minute
		pause = 100 * time.Millisecond
	}
	for range 10 {
		took, err := w.do(within(t, time.Minute))
		switch {
		case long && (err != nil || took > time.Second):
			t.Errorf("an operation took %v: %v; want no error, soon", took, err)
		case took >= time.Minute:
			t.Errorf("an operation that should end soon took %v: %v", took, err)
		}
		time.Sleep(pause)
	}
	if long && w.factory.Dials() > 2*max(1, len(w.backend.Endpoints.Addresses)) {
		t.Errorf("%d dials for a connection that lasts", w.factory.Dials())
	}
	if long && w.factory.Pings() > 2*10*6 {
		t.Errorf("%d pings in ten minutes", w.factory.Pings())
	}
	closes(t, w)
}

func closes(t *testing.T, w *world) {
	begin := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := w.Close(ctx); err != nil {
		t.Errorf("Close = %v", err)
	}
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("Close took %v", took)
	}
	if b := w.Breaker(); b != nil && b.Snapshot().Counters.StateChangeCount > 0 {
		time.Sleep(max(w.client.Chain.Breaker.RecoveryTimeout, time.Hour)) // the breaker's goroutine
	}
}

func TestEveryDurationIsRefusedOrWorks(t *testing.T) {
	for _, field := range slices.Sorted(maps.Keys(durations)) {
		row := durations[field]
		name := field[strings.LastIndex(field, ".")+1:]
		for what, mode := range map[string]pool.Mode{"exclusive": pool.Exclusive, "shared": pool.Shared} {
			if field == "pool.Config.ReplaceAfter" && mode == pool.Exclusive {
				continue // it is for shared pools
			}
			world := func(d time.Duration) *world {
				w := newWorld()
				w.backend.Pool.Mode = mode
				row.set(w, d)
				return w
			}
			t.Run(field+"/"+what, func(t *testing.T) {
				refused := func(d time.Duration) bool {
					err := world(d).build()
					if err != nil && !strings.Contains(err.Error(), name+" ") {
						t.Errorf("%v is refused with %v, want %s named", d, err, name)
					}
					return err != nil
				}
				if !refused(-1) && !row.unchecked {
					t.Error("-1ns is accepted")
				}
				for _, d := range []time.Duration{longest, longest - 1, 1} {
					special := row.long
					if d == 1 {
						special = row.short
					}
					if refused(d) {
						continue
					}
					synctest.Test(t, func(t *testing.T) {
						w := world(d)
						if err := w.build(); err != nil {
							t.Fatal(err)
						}
						life(t, w, d > 1)
					})
					if special == nil {
						continue
					}
					synctest.Test(t, func(t *testing.T) {
						w := world(d)
						special(t, w)
						if w.Client != nil {
							closes(t, w)
						}
					})
				}
			})
		}
	}
}

// A new duration needs a row.
func TestEveryDurationOfAConfigurationHasARow(t *testing.T) {
	declared := map[string]bool{}
	eachType("../..", func(pkg, name string, kind ast.Expr) {
		s, ok := kind.(*ast.StructType)
		if !ok || !ast.IsExported(name) || slices.Contains(results, pkg+"."+name) {
			return
		}
		for _, f := range s.Fields.List {
			sel, ok := f.Type.(*ast.SelectorExpr)
			for _, n := range f.Names {
				if ok && sel.Sel.Name == "Duration" && n.IsExported() {
					declared[pkg+"."+name+"."+n.Name] = true
				}
			}
		}
	})
	for _, name := range slices.Sorted(maps.Keys(declared)) {
		if _, ok := durations[name]; !ok {
			t.Errorf("%s has no row", name)
		}
	}
	for name := range durations {
		if !declared[name] {
			t.Errorf("%s is not there", name)
		}
	}
}
