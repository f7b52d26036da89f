// SPDX-License-Identifier: Apache-2.0

package otelx

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/text"
	"github.com/penstock-go/penstock/pool"
)

// retry shows that an attempt failed and another one is due. The error of the
// attempt is an attribute of the event and not of the operation's span, because
// the operation may still succeed.
func (o *Observer) retry(ctx context.Context, e core.Event) {
	op := o.shown(ctx, e)
	if op == nil {
		return
	}
	errorType, message := other, ""
	if e.Err != nil {
		errorType, message = op.series.of(e.Err, false).errorType, text.Clean(e.Err.Error())
	}
	kvs := []attribute.KeyValue{
		attrAttempt.Int(e.Attempt),
		attrRetryDelay.Float64(e.Delay.Seconds()),
		attrErrorType.String(errorType),
		attrErrorMessage.String(message),
	}
	kvs = append(kvs, connNumber(e.Conn)...)
	op.span.AddEvent(eventRetry, trace.WithAttributes(kvs...))
}

// retryEnd shows how an operation ended in which an attempt failed.
func (o *Observer) retryEnd(ctx context.Context, e core.Event) {
	if o.inst.outcomes.Enabled(ctx) {
		o.inst.outcomes.Add(ctx, 1, o.inst.outcomeLabels.of(e.Outcome))
	}
	o.measureRetries(ctx, e)
	op := o.shown(ctx, e)
	if op == nil {
		return
	}
	kvs := []attribute.KeyValue{attrRetryOutcome.String(text.Clean(e.Outcome))}
	if e.Attempt > 1 {
		kvs = append(kvs, attrRetryAttempts.Int(e.Attempt))
	}
	op.span.SetAttributes(kvs...)
}

// reject shows what is behind a rejection: the state of the breaker, when to come back,
// what opened the breaker or shut the gate, what the last probe came to, and which
// operation opened the breaker.
func (o *Observer) reject(ctx context.Context, e core.Event) {
	op := o.shown(ctx, e)
	if op == nil {
		return
	}
	op.span.SetAttributes(o.refusal(e, time.Now())...)
	if cause, ok := e.Ref.(Ref); ok && cause != refTo(op.span.SpanContext()) {
		op.span.AddLink(cause.link(linkOpenedBy))
	}
}

// transition shows a transition of a circuit breaker. There may be no operation:
// for example, an open breaker becomes half-open when its time is up.
func (o *Observer) transition(ctx context.Context, e core.Event) {
	if o.inst.transitions.Enabled(ctx) {
		o.inst.transitions.Add(ctx, 1, o.inst.transitionLabels.of(e.Name, e.From, e.To))
	}
	if op := o.shown(ctx, e); op != nil {
		kvs := append(causeOf(e),
			attrBreakerName.String(text.Clean(e.Name)),
			attrBreakerFrom.String(text.Clean(e.From)),
			attrBreakerTo.String(text.Clean(e.To)),
		)
		if e.Outcome != "" {
			kvs = append(kvs, attrBreakerReason.String(text.Clean(e.Outcome)))
		}
		op.span.AddEvent(eventTransition, trace.WithAttributes(kvs...))
	}
}

// health shows a transition of a health gate.
func (o *Observer) health(ctx context.Context, e core.Event) {
	if o.inst.health.Enabled(ctx) {
		o.inst.health.Add(ctx, 1, o.inst.healthLabels.of(e.From, e.To))
	}
	if op := o.shown(ctx, e); op != nil {
		op.span.AddEvent(eventHealth, trace.WithAttributes(append(causeOf(e),
			attrHealthFrom.String(text.Clean(e.From)),
			attrHealthTo.String(text.Clean(e.To)),
		)...))
	}
}

// timeout shows that a limit of the client's own ended an attempt or the
// operation.
func (o *Observer) timeout(ctx context.Context, e core.Event) {
	if o.inst.timeouts.Enabled(ctx) {
		o.inst.timeouts.Add(ctx, 1, o.inst.timeoutLabels.of(e.Outcome))
	}
	if op := o.shown(ctx, e); op != nil {
		op.span.SetAttributes(
			attrTimeoutScope.String(text.Clean(e.Outcome)),
			attrTimeoutDuration.Float64(e.Limit.Seconds()),
		)
	}
}

// wait shows that a stage made the operation wait: that time is no work of the
// backend.
func (o *Observer) wait(ctx context.Context, e core.Event) {
	seconds := e.Delay.Seconds()
	if o.inst.wait.Enabled(ctx) {
		o.inst.wait.Record(ctx, seconds, o.inst.waitLabels.of(e.Name, o.ops.measured(e.Op).operation))
	}
	if op := o.shown(ctx, e); op != nil {
		op.span.AddEvent(eventWait, trace.WithAttributes(
			attrStage.String(text.Clean(e.Name)),
			attrWaitDuration.Float64(seconds),
		))
		op.exhausted(e.Err)
	}
}

// exhausted shows who has the connections of a pool in which the operation waited in
// vain. A caller that canceled its wait says nothing of the pool.
func (op *operation) exhausted(err error) {
	e, ok := errors.AsType[*pool.AcquireError](err)
	if !ok || len(e.Holders) == 0 || errors.Is(e.Err, context.Canceled) {
		return
	}
	op.span.AddEvent(eventExhausted, trace.WithAttributes(attrHolders.String(text.Clean(e.Holders.String()))))
}
