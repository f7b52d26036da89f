// SPDX-License-Identifier: Apache-2.0

package penstock

import (
	"context"
	"sync"

	"go.opentelemetry.io/otel/trace"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/middleware/breaker/keyed"
	"github.com/penstock-go/penstock/middleware/health"
	"github.com/penstock-go/penstock/pool"
)

// Inspected is a client of any type of connection: every *[Client] is one.
type Inspected interface {
	Name() string
	Snapshot() Snapshot
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
	// too. It differs in three ways. The contexts that its Begin returns are not used: a
	// context has the values of the client's own observer, such as the span. Its Ref is
	// not called. Scope.State is nil in the Begin and, if nothing else was told of the
	// operation, in the End of an operation.
	Observer core.Observer
	// Made is called when the client is made. It is not called if [New] fails.
	Made func(Inspected)
	// Closed is called when the client is closed.
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
		if c.heard == nil {
			c.heard = deaf{}
		}
		c.heard = &tee{first: c.heard, second: core.Contained(watch.Observer)}
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

// unwatch tells the watchers that the client is closed.
func (c *Client[C]) unwatch(context.Context) error {
	for _, w := range c.watches {
		if w.Closed != nil {
			w.Closed()
		}
	}
	return nil
}

// tee is two observers. The first one makes the contexts and the references.
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

func (t *tee) Begin(ctx context.Context, s core.Scope) context.Context {
	first, second := s, s
	if s.Kind == core.ScopeOperation {
		second.State = nil
	} else {
		first.State, second.State = t.made(s.State).states(s.State)
	}
	ctx = t.first.Begin(ctx, first)
	t.second.Begin(ctx, second)
	return ctx
}

func (t *tee) End(ctx context.Context, s core.Scope, err error) {
	var p *pair
	if s.Kind == core.ScopeOperation {
		p = t.pair(s.State)
	} else {
		p = t.made(s.State)
	}
	first, second := s, s
	first.State, second.State = p.states(s.State)
	t.first.End(ctx, first, err)
	t.second.End(ctx, second, err)
	if p != nil && s.Kind == core.ScopeOperation {
		*s.State = nil
		p.first, p.second = nil, nil
		t.pairs.Put(p)
	}
}

func (t *tee) Event(ctx context.Context, e core.Event) {
	first, second := e, e
	first.State, second.State = t.made(e.State).states(e.State)
	t.first.Event(ctx, first)
	t.second.Event(ctx, second)
}

func (t *tee) Ref(ctx context.Context, s core.Scope) any {
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
