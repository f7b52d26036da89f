// SPDX-License-Identifier: Apache-2.0

package penstock_test

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/retry"
	"github.com/penstock-go/penstock/pool"
)

// watcher is a Watcher with one answer.
type watcher struct {
	watch penstock.Watch
	names []string
}

func (w *watcher) Watch(name string) penstock.Watch {
	w.names = append(w.names, name)
	return w.watch
}

// quick retries three times, a second apart.
var quick = middleware.Config{Retry: retry.Config{Interval: time.Second, Jitter: retry.NoJitter}}

// stateful is an observer that counts in the variable of each operation what it is told.
type stateful struct {
	mu          sync.Mutex
	t           *testing.T
	name        string
	told, ended int
	atEnd       int // count in the last operation that ended
	panics      bool
}

func (s *stateful) tell(state *any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told++
	if state == nil {
		return
	}
	switch own := (*state).(type) {
	case nil:
		*state = &variable{s, 1}
	case *variable:
		if own.by != s {
			s.t.Errorf("%s found the variable of %s", s.name, own.by.name)
		}
		own.n++
	default:
		s.t.Errorf("%s found a %T in its variable", s.name, own)
	}
}

type variable struct {
	by *stateful
	n  int
}

func (s *stateful) Begin(ctx context.Context, scope core.Scope) context.Context {
	s.tell(scope.State)
	return ctx
}

func (s *stateful) End(_ context.Context, scope core.Scope, _ error) {
	s.tell(scope.State)
	if s.panics {
		panic("End")
	}
	if scope.Kind == core.ScopeOperation {
		s.ended++
		s.atEnd = 0
		if scope.State != nil {
			s.atEnd = (*scope.State).(*variable).n
		}
	}
}

func (s *stateful) Event(_ context.Context, e core.Event) { s.tell(e.State) }
func (s *stateful) Ref(context.Context, core.Scope) any   { return nil }

func TestTheObserverAndTheWatchersHaveVariablesOfTheirOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		observer, first, second := &stateful{t: t, name: "the observer"}, &stateful{t: t, name: "the first"}, &stateful{t: t, name: "the second"}
		c := started(t, backend{}, penstock.Config{Chain: quick, Observer: observer, Watchers: []penstock.Watcher{
			&watcher{watch: penstock.Watch{Observer: first}}, nil, &watcher{watch: penstock.Watch{Observer: second}},
		}})
		for range 3 { // the variables are used again
			_ = work(t.Context(), c, core.Op{Name: "Search", Safety: core.ReadOnly}, fails)
			if err := work(t.Context(), c, core.Op{Name: "Search"}, works); err != nil {
				t.Fatal(err)
			}
			if observer.atEnd != 2 || first.atEnd != 0 {
				t.Errorf("a good operation told its observer %d times and a watcher that it had a variable %d times, want 2 and 0", observer.atEnd, first.atEnd)
			}
		}
		closeClient(t, c)
		if want := observer.told - 6; want < 20 || first.told != want || second.told != want || first.ended != 6 {
			t.Errorf("told %d, %d and %d times, the first of %d operations, want the same but for 6 begins, and 6", observer.told, first.told, second.told, first.ended)
		}
	})
}

// referring makes its variable of an operation when it is asked for a reference.
type referring struct{ stateful }

func (r *referring) Begin(ctx context.Context, scope core.Scope) context.Context {
	if scope.Kind == core.ScopeOperation {
		return ctx
	}
	return r.stateful.Begin(ctx, scope)
}

func (r *referring) Ref(_ context.Context, scope core.Scope) any {
	r.tell(scope.State)
	return nil
}

func TestTheObserverKeepsTheVariableThatItMadeBeforeTheWatcher(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		observer, watching := &referring{stateful{t: t, name: "the observer"}}, &stateful{t: t, name: "the watcher"}
		cfg := penstock.Config{Observer: observer, Watchers: []penstock.Watcher{&watcher{watch: penstock.Watch{Observer: watching}}}}
		cfg.Chain.Retry.Disabled, cfg.Chain.Breaker.FailureThreshold = true, 1
		c := started(t, backend{}, cfg)
		_ = work(t.Context(), c, core.Op{Name: "Insert"}, fails)
		// The reference is asked for when the breaker opens, before anything else is told.
		if observer.atEnd != 3 || watching.atEnd != 2 {
			t.Errorf("at the end the variable of the observer counts %d and that of the watcher %d, want 3 (reference, transition, end) and 2", observer.atEnd, watching.atEnd)
		}
		closeClient(t, c)
	})
}

// A failed operation whose trace is not sampled is exported afterwards. What is kept for
// that is in the variable of the operation.
func TestAWatcherTakesNoEvidenceFromTheObserver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var exported [2][]string
		for i := range exported {
			spans := tracetest.NewSpanRecorder()
			cfg := penstock.Config{Chain: quick, TracerProvider: sdktrace.NewTracerProvider(
				sdktrace.WithSpanProcessor(spans), sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.NeverSample())))}
			if i == 1 {
				cfg.Watchers = []penstock.Watcher{&watcher{watch: penstock.Watch{Observer: &stateful{t: t, name: "the watcher"}}}}
			}
			c := started(t, backend{}, cfg)
			_ = work(t.Context(), c, core.Op{Name: "Search", Safety: core.ReadOnly}, fails)
			closeClient(t, c)
			for _, span := range spans.Ended() {
				if span.SpanContext().IsSampled() {
					exported[i] = append(exported[i], span.Name())
				}
			}
		}
		if len(exported[0]) < 4 || !slices.Equal(exported[0], exported[1]) {
			t.Errorf("exported %q without a watcher and %q with one, want the same: an operation and its attempts", exported[0], exported[1])
		}
	})
}

func TestAWatcherSeesTheSpanAndTheTraceOfTheHolders(t *testing.T) {
	var seen oteltrace.SpanContext
	spans := &spying{end: func(ctx context.Context) { seen = oteltrace.SpanContextFromContext(ctx) }}
	c := started(t, backend{}, penstock.Config{
		TracerProvider: sdktrace.NewTracerProvider(), Watchers: []penstock.Watcher{&watcher{watch: penstock.Watch{Observer: spans}}},
	})
	var holders pool.Holders
	if err := work(t.Context(), c, core.Op{Name: "Search", Target: "docs"}, func(context.Context) error {
		holders = c.Pool().Holders()
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	closeClient(t, c)
	if !seen.IsSampled() || len(holders) != 1 || holders[0].Trace != seen.TraceID().String() || holders[0].Target != "docs" {
		t.Errorf("the watcher saw %v, and the holders are %v, want one with the same trace", seen, holders)
	}
}

type spying struct {
	stateful
	end func(context.Context)
}

func (s *spying) Begin(context.Context, core.Scope) context.Context { return nil } // not used
func (s *spying) End(ctx context.Context, scope core.Scope, _ error) {
	if scope.Kind == core.ScopeOperation {
		s.end(ctx)
	}
}

func TestAPanicOfAWatcherIsNoneOfTheObserver(t *testing.T) {
	observer, bad := &stateful{t: t, name: "the observer"}, &stateful{t: t, name: "the watcher", panics: true}
	c := started(t, backend{}, penstock.Config{Observer: observer, Watchers: []penstock.Watcher{&watcher{watch: penstock.Watch{Observer: bad}}}})
	if err := work(t.Context(), c, core.Op{Name: "Search"}, works); err != nil || observer.ended != 1 {
		t.Errorf("Do = %v, and the observer saw %d operations end, want nil and 1", err, observer.ended)
	}
	closeClient(t, c)
}

func TestAWatcherIsToldOfTheLifeOfAClient(t *testing.T) {
	var made, closed atomic.Int64
	var client penstock.Inspected
	w := &watcher{watch: penstock.Watch{
		Made:   func(c penstock.Inspected) { client = c; made.Add(1) },
		Closed: func() { closed.Add(1) },
	}}
	if _, err := penstock.New(backend{Factory: &wires{OnDial: dialWire}, Pool: pool.Config{Name: "bad", MaxSize: -1}}, penstock.Config{Watchers: []penstock.Watcher{w}}); err == nil {
		t.Fatal("New made a pool of -1 connections")
	}
	if made.Load() != 0 {
		t.Error("Made was called for a client that is not there")
	}
	c := started(t, backend{Pool: pool.Config{Name: "docs"}}, penstock.Config{Watchers: []penstock.Watcher{w, &watcher{}}})
	if made.Load() != 1 || client != penstock.Inspected(c) || !slices.Equal(w.names, []string{"bad", "docs"}) {
		t.Errorf("Made was called %d times with %v, and Watch for %q, want once with the client, and the names bad and docs", made.Load(), client, w.names)
	}
	if c.Chain().String() != "breaker > retry > timeout > health" {
		t.Errorf("chain %q: a watcher without an observer needs no trace stage", c.Chain())
	}
	if s := client.Snapshot(); s.Closed {
		t.Error("the snapshot says that the client is closed")
	}
	closeClient(t, c)
	if closed.Load() != 1 || !client.Snapshot().Closed {
		t.Errorf("Closed was called %d times, and the snapshot says %t, want once and true", closed.Load(), client.Snapshot().Closed)
	}
}

func TestAWatcherWhoseClosedPanicsIsContained(t *testing.T) {
	for want, fn := range map[string]func(){
		`penstock: client "docs": Watch.Closed panicked: boom`:        func() { panic("boom") },
		`penstock: client "docs": Watch.Closed called runtime.Goexit`: runtime.Goexit,
	} {
		closed := false
		c := started(t, backend{Pool: pool.Config{Name: "docs"}}, penstock.Config{Watchers: []penstock.Watcher{
			&watcher{watch: penstock.Watch{Closed: fn}},
			&watcher{watch: penstock.Watch{Closed: func() { closed = true }}},
		}})
		if err := c.Close(t.Context()); err == nil || err.Error() != want {
			t.Errorf("Close = %v, want %s", err, want)
		}
		if !closed {
			t.Errorf("%s: the other watcher was not told", want)
		}
	}
}

func TestAnObserverOfAWatcherKeepsTheContractOfObservers(t *testing.T) {
	coretest.TestObserver(t, func() core.Observer {
		var told core.Observer
		c, err := penstock.New(backend{Factory: &wires{OnDial: dialWire}, Pool: pool.Config{Name: "docs"}}, penstock.Config{
			Observer: &coretest.Recorder{}, Watchers: []penstock.Watcher{&watcher{watch: penstock.Watch{Observer: &coretest.Recorder{}}}},
			Chain: middleware.Config{Stages: []middleware.Stage{{Name: "spy", Before: "trace", Middleware: func(next core.Handler) core.Handler {
				return func(ctx context.Context, call *core.Call) error { told = call.Observer(); return next(ctx, call) }
			}}}},
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := number(context.Background(), c); err != nil && !errors.Is(err, core.ErrUnavailable) {
			t.Fatal(err)
		}
		return told
	})
}
