// SPDX-License-Identifier: Apache-2.0

package coretest_test

import (
	"context"
	"slices"
	"testing"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
)

func TestTheRecorderKeepsTheContract(t *testing.T) {
	var recorders []*coretest.Recorder
	coretest.TestObserver(t, func() core.Observer {
		r := new(coretest.Recorder)
		recorders = append(recorders, r)
		return r
	})
	// The checks keep their part of it, too.
	for _, r := range recorders {
		if err := r.Check(); err != nil {
			t.Error(err)
		}
	}
}

// silent is an observer that keeps the contract and does nothing.
type silent struct{}

func (silent) Begin(ctx context.Context, _ core.Scope) context.Context { return ctx }
func (silent) End(context.Context, core.Scope, error)                  {}
func (silent) Event(context.Context, core.Event)                       {}
func (silent) Ref(context.Context, core.Scope) any                     { return nil }

func TestAnObserverMayDoNothing(t *testing.T) {
	coretest.TestObserver(t, func() core.Observer { return silent{} })
}

type scopeKey struct{}

// Observers that each break the contract in one way.
type (
	returnsNil     struct{ silent }
	forgets        struct{ silent }
	detaches       struct{ silent }
	trustsTheError struct{ silent }
	trustsTheEvent struct{ silent }
	wantsAScope    struct{ silent }
	wantsAStart    struct{ silent }
	knowsNoProbes  struct{ silent }
	wantsARef      struct{ silent }
)

func (returnsNil) Begin(context.Context, core.Scope) context.Context { return nil }

func (forgets) Begin(context.Context, core.Scope) context.Context { return context.Background() }

func (detaches) Begin(ctx context.Context, _ core.Scope) context.Context {
	return context.WithoutCancel(ctx)
}

func (trustsTheError) End(_ context.Context, _ core.Scope, err error) { _ = err.Error() }

func (trustsTheEvent) Event(_ context.Context, e core.Event) { _ = e.Err.Error() }

func (wantsAScope) Ref(ctx context.Context, _ core.Scope) any { return ctx.Value(scopeKey{}).(int) }

func (wantsAStart) Begin(ctx context.Context, s core.Scope) context.Context {
	if s.Start.IsZero() {
		panic("no start")
	}
	return ctx
}

func (knowsNoProbes) End(_ context.Context, s core.Scope, _ error) {
	_ = [...]int{1, 2, 3, 4}[s.Kind]
}

func (wantsARef) Event(_ context.Context, e core.Event) { _ = e.Ref.(int) }

func TestABadObserverIsFound(t *testing.T) {
	const (
		begin      = "Begin returns a context made of the given one"
		end        = "End takes every outcome"
		event      = "Event takes every kind with any field empty"
		ref        = "Ref works in any context and can be kept"
		concurrent = "concurrent use"
	)
	tests := []struct {
		name     string
		observer core.Observer
		want     string // a check that fails, of perhaps several
	}{
		{"nil context", returnsNil{}, begin},
		{"another context", forgets{}, begin},
		{"a context that outlives its caller", detaches{}, begin},
		{"a nil error", trustsTheError{}, end},
		{"an event without an error", trustsTheEvent{}, event},
		{"a Ref outside of a scope", wantsAScope{}, ref},
		{"a scope without a start", wantsAStart{}, end},
		{"a kind it does not know", knowsNoProbes{}, concurrent},
		{"an event without a reference", wantsARef{}, event},
		{"an event with a reference that is nil", wantsARef{}, ref},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			failed := coretest.FailedChecks(func() core.Observer { return test.observer })
			if !slices.Contains(failed, test.want) {
				t.Errorf("failed checks: %q, want %q among them", failed, test.want)
			}
		})
	}
}
