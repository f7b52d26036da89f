// SPDX-License-Identifier: Apache-2.0

package core

import (
	"context"

	"github.com/penstock-go/penstock/internal/contain"
	"github.com/penstock-go/penstock/internal/nested"
)

// Contained returns an observer that calls o and recovers its panics. A scope whose
// Begin panicked has no End. A panic of Begin, End or Ref is told to o as an
// [EventPanic]; a panic of Event is recovered and not told. runtime.Goexit in o ends the
// calling goroutine and is told in the same way.
//
// [NewClient], pool.New and health.NewMonitor contain the observer that they are given.
// Contained returns nil for nil, and an observer that is contained already as it is.
func Contained(o Observer) Observer {
	switch o := o.(type) {
	case nil:
		return nil
	case *contained:
		return o
	}
	return &contained{o}
}

type contained struct{ observer Observer }

// notBegun is the context of a scope whose Begin panicked.
type notBegun struct{ context.Context }

func (c *contained) Begin(ctx context.Context, s Scope) (inside context.Context) {
	returned := false
	defer func() {
		if !returned {
			inside = notBegun{ctx}
			c.tell(ctx, contain.Recovered("Observer.Begin", recover()))
		}
	}()
	inside = c.observer.Begin(ctx, s)
	returned = true
	return inside
}

func (c *contained) End(ctx context.Context, s Scope, err error) {
	if _, ok := ctx.(notBegun); ok {
		return
	}
	returned := false
	defer func() {
		if !returned {
			c.tell(ctx, contain.Recovered("Observer.End", recover()))
		}
	}()
	c.observer.End(ctx, s, err)
	returned = true
}

func (c *contained) Event(ctx context.Context, e Event) {
	defer func() { _ = recover() }()
	c.observer.Event(ctx, e)
}

func (c *contained) Ref(ctx context.Context, s Scope) (ref any) {
	returned := false
	defer func() {
		if !returned {
			c.tell(ctx, contain.Recovered("Observer.Ref", recover()))
		}
	}()
	ref = c.observer.Ref(ctx, s)
	returned = true
	return ref
}

// TraceID implements [nested.Tracer], if the observer does.
func (c *contained) TraceID(ctx context.Context) (id string) {
	tracer, ok := c.observer.(nested.Tracer)
	if !ok {
		return ""
	}
	returned := false
	defer func() {
		if !returned {
			c.tell(ctx, contain.Recovered("Observer.TraceID", recover()))
		}
	}()
	id = tracer.TraceID(ctx)
	returned = true
	return id
}

// tell tells the observer of its own panic.
func (c *contained) tell(ctx context.Context, p *contain.Panic) {
	c.Event(ctx, Event{Kind: EventPanic, Name: p.Func, Err: p})
}
