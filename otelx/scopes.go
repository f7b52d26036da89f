// SPDX-License-Identifier: Apache-2.0

package otelx

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/hedged"
	"github.com/penstock-go/penstock/internal/text"
)

// minAcquireSpan is the shortest wait for a connection that gets a span of its
// own.
const minAcquireSpan = time.Millisecond

// scope is the context of a scope that has a span and is not an operation. The
// type tells End that Begin started the span, and not the user.
type scope struct {
	context.Context
	observer *Observer
	span     trace.Span
}

// ownSpan returns the span that Begin started and returned in ctx, nil if there
// is none.
func (o *Observer) ownSpan(ctx context.Context) trace.Span {
	if s, ok := ctx.(*scope); ok && s.observer == o {
		return s.span
	}
	return nil
}

// poolName returns the name of the pool that s belongs to.
func (o *Observer) poolName(s *core.Scope) string {
	if s.Name != "" {
		return text.Clean(s.Name)
	}
	return o.settings.poolName
}

func (o *Observer) poolAttributes(s *core.Scope) []attribute.KeyValue {
	return pooled(o.poolName(s))
}

// beginAttempt counts the attempt, with the error of the attempt that it repeats.
func (o *Observer) beginAttempt(ctx context.Context, s *core.Scope) context.Context {
	if o.inst.retries.Enabled(ctx) {
		series, errorType := o.ops.measured(s.Op), other
		if s.Cause != nil {
			e := series.of(s.Cause, false)
			errorType = e.errorType
			e.folded.add(ctx)
		}
		o.inst.retries.Add(ctx, 1, o.inst.retryLabels.of(series.operation, errorType))
	}
	op := o.operation(ctx)
	o.keepAttempt(op, s)
	if op == nil {
		return ctx
	}
	kvs := append(o.poolAttributes(s), attrAttempt.Int(s.Attempt), attrRetryDelay.Float64(s.Delay.Seconds()))
	ctx, span := o.tracer.Start(ctx, op.attemptName, trace.WithAttributes(kvs...))
	return &scope{ctx, o, span}
}

func (o *Observer) endAttempt(ctx context.Context, s *core.Scope, err error) {
	o.keepAttemptEnd(s, err)
	span := o.ownSpan(ctx)
	if span == nil {
		return
	}
	o.said(ctx, span, s)
	kvs := connNumber(s.Conn)
	if err != nil && s.Hedge != hedged.Lost {
		o.ops.measured(s.Op).of(err, s.Answered).mark(span, err, kvs...)
	} else if len(kvs) > 0 {
		span.SetAttributes(kvs...)
	}
	span.End()
}

// endAcquire makes the span of a wait after the wait, because only then is it
// known whether the wait gets a span.
func (o *Observer) endAcquire(ctx context.Context, s *core.Scope, err error) {
	traced := o.tracer != nil && trace.SpanContextFromContext(ctx).IsSampled()
	measured := o.inst.waitTime.Enabled(ctx)
	if (!traced && !measured) || s.Start.IsZero() {
		return
	}
	waited := time.Since(s.Start)
	if measured {
		o.inst.waitTime.Record(ctx, waited.Seconds(), o.inst.connLabels.of(o.poolName(s), core.ErrorType(err)))
	}
	if !traced || (err == nil && waited < minAcquireSpan) {
		return
	}
	span := o.startAcquire(ctx, s)
	if err != nil {
		kindOf(err, false).mark(span, err)
	}
	span.End()
}

func (o *Observer) startAcquire(ctx context.Context, s *core.Scope) trace.Span {
	_, span := o.tracer.Start(ctx, spanAcquire, trace.WithTimestamp(s.Start), trace.WithAttributes(o.poolAttributes(s)...))
	return span
}

// endValidate makes the span of a ping that failed: a trace of its own, because no
// operation needed the ping.
func (o *Observer) endValidate(ctx context.Context, s *core.Scope, err error) {
	if o.tracer == nil || err == nil {
		return
	}
	kvs := append(o.poolAttributes(s), connNumber(s.Conn)...)
	_, span := o.tracer.Start(ctx, spanValidate, trace.WithNewRoot(), trace.WithTimestamp(s.Start), trace.WithAttributes(kvs...))
	kindOf(err, false).mark(span, err)
	span.End()
}

// beginConnect starts a new trace: a connection outlives the operation that
// needed it, and serves other operations.
func (o *Observer) beginConnect(ctx context.Context, s *core.Scope) context.Context {
	ctx, span := o.tracer.Start(ctx, spanConnect, append(o.connectOptions(s), trace.WithNewRoot())...)
	return &scope{ctx, o, span}
}

func (o *Observer) connectOptions(s *core.Scope) []trace.SpanStartOption {
	opts := []trace.SpanStartOption{trace.WithAttributes(append(o.poolAttributes(s), o.settings.server()...)...)}
	if cause, ok := s.Ref.(Ref); ok {
		opts = append(opts, trace.WithLinks(cause.link(linkNeededBy)))
	}
	return opts
}

func (o *Observer) endConnect(ctx context.Context, s *core.Scope, err error) {
	if o.inst.createTime.Enabled(ctx) && !s.Start.IsZero() {
		o.inst.createTime.Record(ctx, time.Since(s.Start).Seconds(), o.inst.connLabels.of(o.poolName(s), core.ErrorType(err)))
	}
	span := o.ownSpan(ctx)
	if span == nil {
		return
	}
	if err != nil {
		kindOf(err, false).mark(span, err)
		if o.evidence != nil && notSampled(span) {
			o.evidence.connect(ctx, s, err)
		}
	}
	span.End()
}
