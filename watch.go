// SPDX-License-Identifier: Apache-2.0

package penstock

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"go.opentelemetry.io/otel/trace"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/contain"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/middleware/breaker/keyed"
	"github.com/penstock-go/penstock/middleware/health"
	"github.com/penstock-go/penstock/pool"
)

// Inspected is a client of any type of connection: every *[Client] is one.
type Inspected interface {
	Name() string
	Snapshot() Snapshot
	Generation() Generation
	Breaker() *breaker.Breaker
	KeyedBreaker() *keyed.Keyed
	Monitor() *health.Monitor
	PoolStats() map[string]pool.Stats
	Resize(pool string, size int) error
	Close(ctx context.Context) error
}

var _ Inspected = (*Client[int])(nil)

// Watcher looks at clients while they live, for people: the live page of package admin is
// one. See [Config.Watchers].
type Watcher interface {
	// Watch is called by [New], before the client with that name is made.
	Watch(name string) Watch
}

// Watch is what a [Watcher] wants of one client. Each field may be nil. The functions are
// called once, and must return soon.
type Watch struct {
	// Observer is told what the client's own observer is told, and must return soon,
	// too. It differs in three ways. It is not told that an operation begins, and
	// Scope.State is nil in the End of an operation of which nothing else was told. The
	// contexts that its Begin returns are not used: a context has the values of the
	// client's own observer, such as the span. Its Ref is not called. A panic of it is
	// told as a panic of the client's observer.
	Observer core.Observer
	// Made is called when the client is made. It is not called if [New] fails.
	Made func(Inspected)
	// Closed is called when the client is closed. A panic of it is an error of Close.
	Closed func()
}

// watch asks the watchers what they want, and makes their observers part of c.heard.
func (c *Client[C]) watch(watchers []Watcher) {
	c.heard = c.observer
	for _, w := range watchers {
		if w == nil {
			continue
		}
		watch := w.Watch(c.name)
		c.watches = append(c.watches, watch)
		if watch.Observer == nil {
			continue
		}
		c.heard = &tee{first: c.heard, second: watch.Observer}
	}
}

// watched tells the watchers that the client is made.
func (c *Client[C]) watched() {
	for _, w := range c.watches {
		if w.Made != nil {
			w.Made(c)
		}
	}
}

// unwatch tells the watchers that the client is closed. A watcher that panics does not keep
// the others from hearing it.
func (c *Client[C]) unwatch(context.Context) error {
	var errs []error
	for _, w := range c.watches {
		if w.Closed != nil {
			contain.Apart("Watch.Closed", func(p *contain.Panic) {
				errs = append(errs, fmt.Errorf("penstock: client %q: %w", c.name, p))
			}, w.Closed)
		}
	}
	return errors.Join(errs...)
}

// tee is two observers. The first one makes the contexts and the references, and may be
// nil.
//
// Each has a variable of its own for an operation. The variable of the first is that of
// the operation, until the second needs one, too: most operations succeed, and need none.
type tee struct {
	first, second core.Observer
	pairs         sync.Pool // of *pair
}

// pair is the variables of an operation. It is in the variable of the operation.
type pair struct {
	of            *tee
	first, second any
}

// pair returns the pair in state, nil if there is none.
func (t *tee) pair(state *any) *pair {
	if state == nil {
		return nil
	}
	if p, ok := (*state).(*pair); ok && p.of == t {
		return p
	}
	return nil
}

// made returns the pair in state, and makes it if there is none. It is nil outside of
// an operation.
func (t *tee) made(state *any) *pair {
	p := t.pair(state)
	if p != nil || state == nil {
		return p
	}
	p, _ = t.pairs.Get().(*pair)
	if p == nil {
		p = &pair{of: t}
	}
	p.first, *state = *state, p
	return p
}

// states returns the variables for the two observers.
func (p *pair) states(state *any) (first, second *any) {
	if p == nil {
		return state, nil
	}
	return &p.first, &p.second
}

// Begin asks the second first: if it panics, the scope has not begun for the first either.
// The second is not told of operations that begin: a scope is large to copy, and the end
// of an operation says it all.
func (t *tee) Begin(ctx context.Context, s core.Scope) context.Context {
	if s.Kind != core.ScopeOperation {
		var first *any
		first, s.State = t.made(s.State).states(s.State)
		t.second.Begin(ctx, s)
		s.State = first
	}
	if t.first == nil {
		return ctx
	}
	return t.first.Begin(ctx, s)
}

func (t *tee) End(ctx context.Context, s core.Scope, err error) {
	if s.Kind != core.ScopeOperation {
		t.made(s.State)
	}
	state, p := s.State, t.pair(s.State)
	first, second := p.states(state)
	if t.first != nil {
		s.State = first
		t.first.End(ctx, s, err)
	}
	s.State = second
	t.second.End(ctx, s, err)
	if p != nil && s.Kind == core.ScopeOperation {
		*state = nil
		p.first, p.second = nil, nil
		t.pairs.Put(p)
	}
}

func (t *tee) Event(ctx context.Context, e core.Event) {
	first, second := t.made(e.State).states(e.State)
	if t.first != nil {
		e.State = first
		t.first.Event(ctx, e)
	}
	e.State = second
	t.second.Event(ctx, e)
}

func (t *tee) Ref(ctx context.Context, s core.Scope) any {
	if t.first == nil {
		return nil
	}
	s.State, _ = t.pair(s.State).states(s.State)
	return t.first.Ref(ctx, s)
}

// TraceID returns the id of the trace that ctx belongs to, for the holders of the pool's
// connections.
func (t *tee) TraceID(ctx context.Context) string {
	if tracer, ok := t.first.(interface{ TraceID(context.Context) string }); ok {
		return tracer.TraceID(ctx)
	}
	if sc := trace.SpanContextFromContext(ctx); sc.HasTraceID() {
		return sc.TraceID().String()
	}
	return ""
}
