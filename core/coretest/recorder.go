// SPDX-License-Identifier: Apache-2.0

package coretest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/penstock-go/penstock/core"
)

// Recorder is a core.Observer that writes down what it is told, one line for
// each begin, end and event. The zero value is ready to use; it is safe for
// concurrent use.
type Recorder struct {
	mu     sync.Mutex
	lines  []string
	events []core.Event
	open   map[scopeKey]int
	faults []string
	refs   int
}

type scopeKey struct {
	kind    core.ScopeKind
	op      string
	attempt int
	name    string
}

type (
	refKey   struct{}
	beginKey struct{} // holds the scopeKey of the scope that the context belongs to
)

func key(s core.Scope) scopeKey { return scopeKey{s.Kind, s.Op.Name, s.Attempt, s.Name} }

// Begin writes "begin KIND OP [#ATTEMPT]".
func (r *Recorder) Begin(ctx context.Context, s core.Scope) context.Context {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.open == nil {
		r.open = map[scopeKey]int{}
	}
	r.open[key(s)]++
	r.lines = append(r.lines, "begin "+describe(s))
	if s.Kind == core.ScopeOperation {
		r.refs++
		ctx = context.WithValue(ctx, refKey{}, r.refs)
	}
	return context.WithValue(ctx, beginKey{}, key(s))
}

// End writes "end KIND OP [#ATTEMPT] [ERROR_TYPE]".
func (r *Recorder) End(ctx context.Context, s core.Scope, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.open[key(s)] == 0 {
		r.faults = append(r.faults, "end without begin: "+describe(s))
	} else {
		r.open[key(s)]--
		if ctx.Value(beginKey{}) != key(s) {
			r.faults = append(r.faults, "end in another context than Begin returned: "+describe(s))
		}
	}
	line := "end " + describe(s)
	if err != nil {
		line += " " + core.ErrorType(err)
	}
	r.lines = append(r.lines, line)
}

// Event writes "KIND ..." with what the event says.
func (r *Recorder) Event(_ context.Context, e core.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
	parts := []string{e.Kind.String()}
	if e.From != "" || e.To != "" {
		parts = append(parts, e.From+">"+e.To)
	}
	if e.Attempt > 0 {
		parts = append(parts, fmt.Sprintf("#%d", e.Attempt))
	}
	if e.Outcome != "" {
		parts = append(parts, e.Outcome)
	}
	if e.Err != nil {
		parts = append(parts, core.ErrorType(e.Err))
	}
	r.lines = append(r.lines, strings.Join(parts, " "))
}

// Ref returns the number of the operation that ctx belongs to, from 1 in the
// order of their begin, or nil.
func (r *Recorder) Ref(ctx context.Context, _ core.Scope) any { return ctx.Value(refKey{}) }

// Lines returns what was written so far.
func (r *Recorder) Lines() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.lines)
}

// Events returns the events of the given kind so far.
func (r *Recorder) Events(kind core.EventKind) []core.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []core.Event
	for _, e := range r.events {
		if e.Kind == kind {
			out = append(out, e)
		}
	}
	return out
}

// Check returns an error that names every scope that was begun and not ended,
// ended and not begun, or ended in a context that Begin did not return for it.
func (r *Recorder) Check() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	faults := slices.Clone(r.faults)
	for k, n := range r.open {
		if n > 0 {
			faults = append(faults, fmt.Sprintf("%d of %s %s not ended", n, k.kind, k.op))
		}
	}
	if len(faults) == 0 {
		return nil
	}
	slices.Sort(faults)
	return fmt.Errorf("scopes do not pair: %s", strings.Join(faults, "; "))
}

func describe(s core.Scope) string {
	parts := []string{s.Kind.String()}
	if s.Op.Name != "" {
		parts = append(parts, s.Op.Name)
	}
	if s.Attempt > 1 {
		parts = append(parts, fmt.Sprintf("#%d", s.Attempt))
	}
	return strings.Join(parts, " ")
}
