// SPDX-License-Identifier: Apache-2.0

package otelx

import (
	"context"
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/embedded"

	"github.com/penstock-go/penstock/core"
)

// replay tells an operation again, to an observer that has no metrics and whose tracer
// is the replay itself: each span and event then gets the time at which it happened, and
// nothing else differs from an operation that was sampled.
type replay struct {
	embedded.Tracer
	observer *Observer // that is told again
	tracer   trace.Tracer
	parent   trace.SpanContext // as if it was sampled
	ctx      context.Context   // of the operation
	op       *operation
	at       time.Time // when the thing that is being told happened
	why      string
	left     int // evidence left out before this one
}

// replay returns a replay whose spans are children of the span in ctx, as if that was
// sampled: a sampler that follows the parent takes them, and the ids of the trace stay.
// It returns nil without such a span.
func (v *evidence) replay(ctx context.Context, at time.Time, why string, left int) *replay {
	parent := trace.SpanContextFromContext(ctx)
	if !parent.IsValid() {
		return nil
	}
	o := v.observer
	parent = parent.WithTraceFlags(parent.TraceFlags().WithSampled(true)).WithRemote(true)
	r := &replay{tracer: o.tracer, parent: parent, at: at, why: why, left: left}
	r.ctx = trace.ContextWithSpanContext(ctx, parent)
	r.observer = &Observer{settings: o.settings, tracer: r, meter: o.meter, ops: o.ops, inst: v.silent, probed: o.probed}
	return r
}

// begin starts to write the operation s, which began at s.Start. It returns nil if the
// sampler does not take the operation.
func (v *evidence) begin(ctx context.Context, s core.Scope, why string, left int) *replay {
	r := v.replay(ctx, s.Start, why, left)
	if r == nil {
		return nil
	}
	s.State = nil
	operation, span := r.observer.startOperation(r.ctx, &s)
	if !v.heard(r, span) {
		return nil
	}
	r.ctx = operation
	r.op = r.observer.operation(operation)
	return r
}

// finish writes the rest of the operation, which ends now.
func (r *replay) finish(kept *record, s core.Scope, why string, err error) {
	end := time.Now()
	if r.why != why { // known since the end only
		r.why = why
		r.op.span.SetAttributes(attrEvidence.String(why))
	}
	if kept != nil {
		r.tell(kept, end)
		if kept.left > 0 {
			r.op.span.SetAttributes(attrEvidenceOmitted.Int(kept.left))
		}
	}
	r.at, s.State = end, nil
	r.observer.End(r.ctx, s, err)
}

// tell tells the attempts and events of the operation again.
func (r *replay) tell(kept *record, end time.Time) {
	within := []context.Context{r.ctx} // of each attempt
	for _, a := range kept.attempts {
		r.at = a.scope.Start
		within = append(within, r.observer.Begin(r.ctx, a.scope))
	}
	for _, e := range kept.events {
		r.at = e.at
		r.observer.Event(r.ctx, e.Event)
		if e.Kind == core.EventWait && e.Name == stagePool {
			r.acquire(within[e.attempt], e)
		}
	}
	for i, a := range kept.attempts {
		if r.at = a.ended; r.at.IsZero() {
			r.at = end
		}
		r.observer.End(within[i+1], a.scope, a.err)
	}
}

// acquire writes the span of a wait for a connection. The pool did not tell the wait of
// an operation that is not sampled; the operation did.
func (r *replay) acquire(ctx context.Context, e keptEvent) {
	if e.Err == nil && e.Delay < minAcquireSpan {
		return
	}
	r.at = e.at.Add(-e.Delay)
	span := r.observer.startAcquire(ctx, &core.Scope{Kind: core.ScopeAcquire, Start: r.at})
	if e.Err != nil {
		kindOf(e.Err, false).mark(span, e.Err)
	}
	r.at = e.at
	span.End()
}

// Start starts a span at the time of the replay. The sampler sees that it is evidence.
func (r *replay) Start(ctx context.Context, name string, opts ...trace.SpanStartOption) (context.Context, trace.Span) {
	kvs := []attribute.KeyValue{attrEvidence.String(r.why)}
	if r.left > 0 { // on the first span
		kvs = append(kvs, attrEvidenceDropped.Int(r.left))
		r.left = 0
	}
	ctx, span := r.tracer.Start(ctx, name, slices.Concat(opts, []trace.SpanStartOption{
		trace.WithTimestamp(r.at), trace.WithAttributes(kvs...),
	})...)
	return ctx, &pastSpan{span, r}
}

// pastSpan is a span whose events and end have the time of the replay.
type pastSpan struct {
	trace.Span
	replay *replay
}

func (s *pastSpan) AddEvent(name string, opts ...trace.EventOption) {
	s.Span.AddEvent(name, append(slices.Clip(opts), trace.WithTimestamp(s.replay.at))...)
}

func (s *pastSpan) End(opts ...trace.SpanEndOption) {
	s.Span.End(append(slices.Clip(opts), trace.WithTimestamp(s.replay.at))...)
}
