// SPDX-License-Identifier: Apache-2.0

package otelx

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/penstock-go/penstock/core"
)

// retry notes that an attempt failed and another one follows. The attempt's
// error stays off the operation's own attributes, because the operation may
// yet succeed.
func (o *Observer) retry(ctx context.Context, e core.Event) {
	op, counted := o.operation(ctx), o.inst.retries.Enabled(ctx)
	if op == nil && !counted {
		return
	}
	s := o.ops.of(e.Op).series
	errorType := other
	if e.Err != nil {
		errorType = s.failure(e.Err).errorType
	}
	if counted {
		o.inst.retries.Add(ctx, 1, o.inst.retryLabels.of(s.operation, errorType))
	}
	if op != nil {
		op.span.AddEvent(EventRetry, trace.WithAttributes(
			AttrAttempt.Int(e.Attempt),
			AttrRetryDelay.Float64(e.Delay.Seconds()),
			AttrErrorType.String(errorType),
		))
	}
}

func (o *Observer) retryEnd(ctx context.Context, e core.Event) {
	if o.inst.outcomes.Enabled(ctx) {
		o.inst.outcomes.Add(ctx, 1, o.inst.outcomeLabels.of(e.Outcome))
	}
	op := o.operation(ctx)
	if op == nil {
		return
	}
	kvs := []attribute.KeyValue{AttrRetryOutcome.String(e.Outcome)}
	if e.Attempt > 1 {
		kvs = append(kvs, AttrRetryAttempts.Int(e.Attempt))
	}
	op.span.SetAttributes(kvs...)
}

// reject adds what the error alone does not say: in which state the breaker
// was, when to come back, and which operation opened it.
func (o *Observer) reject(ctx context.Context, e core.Event) {
	op := o.operation(ctx)
	if op == nil {
		return
	}
	var kvs []attribute.KeyValue
	if e.From != "" {
		kvs = append(kvs, AttrBreakerState.String(e.From))
	}
	if e.Delay > 0 {
		kvs = append(kvs, AttrRetryAfter.Float64(e.Delay.Seconds()))
	}
	op.span.SetAttributes(kvs...)
	if cause, ok := e.Ref.(Ref); ok && cause != refTo(op.span.SpanContext()) {
		op.span.AddLink(cause.link(LinkOpenedBy))
	}
}

// move may happen outside of any operation: when a breaker has waited long
// enough, say.
func (o *Observer) move(ctx context.Context, e core.Event) {
	if o.inst.transitions.Enabled(ctx) {
		o.inst.transitions.Add(ctx, 1, o.inst.transitionLabels.of(e.Source, e.From, e.To))
	}
	if op := o.operation(ctx); op != nil {
		op.span.AddEvent(EventTransition, trace.WithAttributes(
			AttrBreakerName.String(e.Source),
			AttrBreakerFrom.String(e.From),
			AttrBreakerTo.String(e.To),
		))
	}
}

func (o *Observer) health(ctx context.Context, e core.Event) {
	if o.inst.health.Enabled(ctx) {
		o.inst.health.Add(ctx, 1, o.inst.healthLabels.of(e.From, e.To))
	}
	if op := o.operation(ctx); op != nil {
		op.span.AddEvent(EventHealth, trace.WithAttributes(
			AttrHealthFrom.String(e.From),
			AttrHealthTo.String(e.To),
		))
	}
}

func (o *Observer) timeout(ctx context.Context, e core.Event) {
	if o.inst.timeouts.Enabled(ctx) {
		o.inst.timeouts.Add(ctx, 1, o.inst.timeoutLabels.of(e.Outcome))
	}
	if op := o.operation(ctx); op != nil {
		op.span.SetAttributes(
			AttrTimeoutScope.String(e.Outcome),
			AttrTimeoutDuration.Float64(e.Limit.Seconds()),
		)
	}
}
