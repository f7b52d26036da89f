// SPDX-License-Identifier: Apache-2.0

package core_test

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/penstock-go/penstock/core"
)

// badObserver misbehaves in one of its methods, and notes what it is told.
type badObserver struct {
	in   string // the method that misbehaves
	does func()

	mu   sync.Mutex
	told []string
}

func (o *badObserver) note(method, what string) {
	o.mu.Lock()
	o.told = append(o.told, what)
	o.mu.Unlock()
	if method == o.in {
		o.does()
	}
}

type begunKey struct{}

func (o *badObserver) Begin(ctx context.Context, s core.Scope) context.Context {
	o.note("Begin", "begin")
	return context.WithValue(ctx, begunKey{}, s.Kind)
}

func (o *badObserver) End(ctx context.Context, s core.Scope, _ error) {
	if ctx.Value(begunKey{}) != s.Kind {
		panic("a scope that did not begin ends")
	}
	o.note("End", "end")
}

func (o *badObserver) Event(_ context.Context, e core.Event) {
	what := "event " + e.Kind.String() + " " + e.Name
	if e.Err != nil {
		what += ": " + e.Err.Error()
	}
	o.note("Event", what)
}

func (o *badObserver) Ref(context.Context, core.Scope) any { o.note("Ref", "ref"); return 7 }

// use calls each method once.
func use(ctx context.Context, o core.Observer) (ref any) {
	s := core.Scope{Kind: core.ScopeOperation}
	inside := o.Begin(ctx, s)
	ref = o.Ref(inside, core.Scope{})
	o.Event(inside, core.Event{Kind: core.EventRetry, Name: "retry"})
	o.End(inside, s, nil)
	return ref
}

func TestAPanicOfAnObserverIsContained(t *testing.T) {
	for method, want := range map[string][]string{
		"":      {"begin", "ref", "event retry retry", "end"},
		"Begin": {"begin", "event panic Observer.Begin: Observer.Begin panicked: boom", "ref", "event retry retry"},
		"End":   {"begin", "ref", "event retry retry", "end", "event panic Observer.End: Observer.End panicked: boom"},
		"Ref":   {"begin", "ref", "event panic Observer.Ref: Observer.Ref panicked: boom", "event retry retry", "end"},
		"Event": {"begin", "ref", "event retry retry", "end"},
	} {
		o := &badObserver{in: method, does: func() { panic("boom") }}
		contained := core.Contained(o)
		ref := use(t.Context(), contained)
		if !slices.Equal(o.told, want) {
			t.Errorf("a panic in %q: told %q, want %q", method, o.told, want)
		}
		if wanted := any(7); method == "Ref" && ref != nil || method != "Ref" && ref != wanted {
			t.Errorf("a panic in %q: Ref = %v", method, ref)
		}
	}
}

func TestAnObserverThatExitsEndsTheGoroutineAndIsTold(t *testing.T) {
	for _, method := range []string{"Begin", "End", "Ref"} {
		o := &badObserver{in: method, does: runtime.Goexit}
		var wg sync.WaitGroup
		wg.Go(func() { use(t.Context(), core.Contained(o)); t.Errorf("%s went on", method) })
		wg.Wait()
		if want := "event panic Observer." + method + ": Observer." + method + " called runtime.Goexit"; !slices.Contains(o.told, want) {
			t.Errorf("told %q, want %q", o.told, want)
		}
	}
}

func TestContainedKeepsNilAndItself(t *testing.T) {
	if core.Contained(nil) != nil {
		t.Error("Contained(nil) is not nil")
	}
	if o := core.Contained(&badObserver{}); core.Contained(o) != o {
		t.Error("an observer is contained twice")
	}
}

func TestThePanicOfAnObserverHasItsStack(t *testing.T) {
	o := &stackObserver{}
	core.Contained(o).Ref(t.Context(), core.Scope{})
	s, ok := o.err.(interface{ Stack() []byte })
	if !ok || len(s.Stack()) == 0 || core.ErrorType(o.err) != "panic" || !errors.Is(o.err, errUnavailable) {
		t.Errorf("told %v of type %q, want a panic with its stack", o.err, core.ErrorType(o.err))
	}
}

// stackObserver panics in Ref and keeps the error that it is told.
type stackObserver struct {
	badObserver
	err error
}

func (o *stackObserver) Ref(context.Context, core.Scope) any       { panic(errUnavailable) }
func (o *stackObserver) Event(_ context.Context, event core.Event) { o.err = event.Err }
