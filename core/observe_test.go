// SPDX-License-Identifier: Apache-2.0

package core_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/internal/nested"
)

// keeping is an observer that writes what it is told into the operation's State.
type keeping struct {
	coretest.Recorder
	ended []core.Scope
	refs  []core.Scope
	said  [][]string // of each operation
	conns []int      // of each event
}

func (k *keeping) note(state *any, line string) {
	if state == nil {
		return
	}
	lines, _ := (*state).([]string)
	*state = append(lines, line)
}

func (k *keeping) Begin(ctx context.Context, s core.Scope) context.Context {
	if s.Kind == core.ScopeOperation && *s.State != nil {
		k.note(s.State, "a State from before")
	}
	k.note(s.State, "begin "+s.Kind.String())
	return ctx
}

func (k *keeping) End(_ context.Context, s core.Scope, _ error) {
	k.note(s.State, "end "+s.Kind.String())
	k.ended = append(k.ended, s)
	if s.Kind == core.ScopeOperation {
		k.said = append(k.said, (*s.State).([]string))
	}
}

func (k *keeping) Event(_ context.Context, e core.Event) {
	k.note(e.State, e.Kind.String())
	k.conns = append(k.conns, e.Conn)
}
func (k *keeping) Ref(_ context.Context, s core.Scope) any {
	k.note(s.State, "ref")
	k.refs = append(k.refs, s)
	return nil
}

// numberedSource is a source whose only connection has the number 7, and for which its
// callers wait.
type numberedSource struct{}

func (s numberedSource) Acquire(context.Context) (core.Lease[string], error) {
	return core.NewLease("conn", core.Lender(s), 1).WithWait(time.Second), nil
}
func (numberedSource) Return(uint64, core.ConnFate, error) bool { return false }
func (numberedSource) ConnNumber(token uint64) int              { return 6 + int(token) }

func TestAnObserverHasAVariableForEachOperation(t *testing.T) {
	k := new(keeping)
	begun := time.Now()
	stage := func(next core.Handler) core.Handler {
		return func(ctx context.Context, call *core.Call) error {
			scope := core.Scope{Kind: core.ScopeOperation, Start: begun}
			ctx = call.Begin(ctx, &scope)
			call.Observe(ctx)
			call.Ref()
			err := next(ctx, call)
			call.End(ctx, &scope, err)
			call.Ref()
			return err
		}
	}
	client := newClient(t, core.ClientConfig[string]{Source: numberedSource{}, Middleware: stage, Observer: k})
	for range 2 {
		_, err := core.Do(t.Context(), client, search, func(ctx context.Context, _ string) (string, error) {
			nested.Say(ctx, &nested.Note{Value: "weak"})
			nested.Add(ctx, func(said *nested.Note) *nested.Note { return &nested.Note{Value: said.Value, Annotations: "mine"} })
			nested.Add(ctx, func(said *nested.Note) *nested.Note {
				return &nested.Note{Value: "strong", Annotations: said.Annotations}
			})
			return "", nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	_, _ = core.Do(t.Context(), client, search, fail(errStatement)) // says nothing

	want := []string{"begin operation", "ref", "wait", "end operation"}
	for i, said := range k.said {
		if !slices.Equal(said, want) {
			t.Errorf("operation %d: %q, want %q", i, said, want)
		}
	}
	for i, said := range [][2]any{{"strong", "mine"}, {"strong", "mine"}, {nil, nil}} {
		if s := k.ended[i]; s.Conn != 7 || s.Note != said[0] || s.Annotations != said[1] || s.Op != search {
			t.Errorf("operation %d ended with connection %d and note %v and %v, want 7 and %v", i, s.Conn, s.Note, s.Annotations, said)
		}
		if within, after := k.refs[2*i], k.refs[2*i+1]; within.Op != search || within.Start != begun || !after.Start.IsZero() {
			t.Errorf("operation %d: Ref got %+v within its scope and %+v after it, want its Op, and its Start within", i, within, after)
		}
	}
}

func TestARetryIsToldWithTheConnectionOfTheAttempt(t *testing.T) {
	k := new(keeping)
	acquire := make(chan error, 2)
	acquire <- nil
	acquire <- errUnavailable
	stage := func(next core.Handler) core.Handler {
		return func(ctx context.Context, call *core.Call) error {
			for range 2 {
				_ = next(ctx, call)
				call.Event(core.Event{Kind: core.EventRetry})
			}
			return nil
		}
	}
	client := newClient(t, core.ClientConfig[string]{Source: fallingSource{acquire}, Middleware: stage, Observer: k})
	_, _ = core.Do(t.Context(), client, search, fail(errUnavailable))
	if want := []int{7, 0}; !slices.Equal(k.conns, want) {
		t.Errorf("connections %d, want %d: the second attempt had none", k.conns, want)
	}
}

// fallingSource is a numberedSource without waits whose Acquire fails as the channel says.
type fallingSource struct{ errs chan error }

func (s fallingSource) Acquire(context.Context) (core.Lease[string], error) {
	return core.NewLease("conn", core.Lender(numberedSource{}), 1), <-s.errs
}
