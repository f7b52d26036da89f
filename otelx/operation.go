// SPDX-License-Identifier: Apache-2.0

package otelx

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/errtype"
	"github.com/penstock-go/penstock/internal/hedged"
	"github.com/penstock-go/penstock/internal/text"
)

// operation is the context of an operation. It finds the span of the operation
// while another span, of an attempt or of the user, is the current one. Its key
// is its observer: where one client is used within an operation of another client,
// each observer finds its own operation.
type operation struct {
	context.Context
	observer *Observer
	span     trace.Span // nil: the operation has no span
	*description
}

func (op *operation) Value(key any) any {
	if key == any(op.observer) {
		return op
	}
	return op.Context.Value(key)
}

// operation returns the operation that ctx belongs to, nil if there is none or if
// the operation has no span.
func (o *Observer) operation(ctx context.Context) *operation {
	op, _ := ctx.Value(o).(*operation)
	if op == nil || op.span == nil {
		return nil
	}
	return op
}

func (o *Observer) beginOperation(ctx context.Context, s *core.Scope) context.Context {
	parent := trace.SpanContextFromContext(ctx)
	unsampled := parent.IsValid() && !parent.IsSampled()
	if unsampled && !o.settings.startUnsampled {
		return o.hide(ctx)
	}
	inside, span := o.startOperation(ctx, s)
	switch {
	case span.IsRecording():
		return inside
	case unsampled: // evidence of the operation belongs below the caller's span
		return o.hide(ctx)
	default:
		return o.hide(inside)
	}
}

// startOperation starts the span of an operation. It returns the context of the
// operation, or of the span alone if that does not record.
func (o *Observer) startOperation(ctx context.Context, s *core.Scope) (context.Context, trace.Span) {
	d := o.ops.of(s.Op)
	ctx, span := o.tracer.Start(ctx, d.spanName, d.start...)
	if !span.IsRecording() {
		return ctx, span
	}
	if s.Op.Hedge {
		span.SetAttributes(attrHedge.Bool(true))
	}
	return &operation{Context: ctx, observer: o, span: span, description: d}, span
}

// hide returns the context of an operation without a span. Within an operation
// that has a span it hides that span, so that the events of the inner operation
// do not land there.
func (o *Observer) hide(ctx context.Context) context.Context {
	if o.operation(ctx) == nil {
		return ctx
	}
	return &operation{Context: ctx, observer: o}
}

func (o *Observer) endOperation(ctx context.Context, s *core.Scope, err error) {
	var (
		span trace.Span
		d    *description
	)
	if op, ok := ctx.(*operation); ok && op.observer == o && op.span != nil {
		span, d = op.span, op.description
	}
	measured := o.inst.duration.Enabled(ctx) && !s.Start.IsZero()
	watched := o.evidence != nil && notSampled(span)
	hedge := s.Hedge != ""
	if span == nil && !measured && !watched && !hedge {
		return
	}
	var series *series
	if d != nil {
		series = d.series
	} else {
		series = o.ops.measured(s.Op)
	}
	if s.Op.Hedged && o.inst.hedges.Enabled(ctx) {
		o.zeroHedges(series)
	}
	if hedge {
		o.endRun(ctx, series, s)
	}
	series = o.noted(series, s)
	if err == nil {
		o.returned(ctx, s, series)
	}
	if span != nil {
		o.said(ctx, span, s)
		d.show(span, s, err)
	}
	var took time.Duration
	if measured || watched {
		took = time.Since(s.Start)
	}
	switch {
	case !measured:
	case !hedge:
		// ctx is the operation's own, so that an exemplar points at its span.
		o.measure(ctx, series, s, took, err)
	case !s.Unseen: // the caller made one operation
		o.measure(ctx, series, s, time.Since(s.SeenSince), s.Seen)
	}
	if watched {
		o.evidence.end(ctx, s, series, took, err)
	}
	if span != nil && !o.spared(ctx, span, s, series, err) {
		span.End()
	}
}

// endRun counts the second run of a hedged operation, when it has ended or when it is
// refused.
func (o *Observer) endRun(ctx context.Context, series *series, s *core.Scope) {
	if (s.Op.Hedge || s.Hedge == hedged.Refused) && o.inst.hedges.Enabled(ctx) {
		o.inst.hedges.Add(ctx, 1, o.inst.hedgeLabels.of(series.operation, s.Hedge))
	}
}

// show shows on the span of an operation how the operation ended. A run of a hedged
// operation that lost did not fail.
func (d *description) show(span trace.Span, s *core.Scope, err error) {
	kvs := connNumber(s.Conn)
	if s.Hedge != "" {
		kvs = append(kvs, attrHedge.Bool(s.Op.Hedge), attrHedgeOutcome.String(text.Clean(s.Hedge)))
	}
	if err != nil && s.Hedge != hedged.Lost {
		kvs = append(kvs, limits(s)...)
		d.series.of(err, s.Answered).mark(span, err, kvs...)
	} else if len(kvs) > 0 {
		span.SetAttributes(kvs...)
	}
}

// connNumbers are the attributes of the connections from 1 on.
var connNumbers = func() (all [32]attribute.KeyValue) {
	for i := range all {
		all[i] = attrConnNumber.Int(i + 1)
	}
	return all
}()

// connNumber returns the attribute of the connection with the number n, none for zero. A
// caller may append to it, not change it.
func connNumber(n int) []attribute.KeyValue {
	switch {
	case n <= 0:
		return nil
	case n <= len(connNumbers):
		return connNumbers[n-1 : n : n]
	default:
		return []attribute.KeyValue{attrConnNumber.Int(n)}
	}
}

// measure records the end of an operation with err.
func (o *Observer) measure(ctx context.Context, series *series, s *core.Scope, took time.Duration, err error) {
	var (
		record = series.success
		e      *ending // nil for a success
	)
	if err != nil {
		e = series.of(err, s.Answered)
		record = e.record
		if e.errorType == errtype.Deadline && !s.Deadline.IsZero() && o.inst.deadline.Enabled(ctx) {
			o.inst.deadline.Record(ctx, age(s.Start, s.Deadline), o.inst.deadlineLabels.of(series.operation))
		}
	}
	o.inst.duration.Record(ctx, took.Seconds(), record...)
	series.count(ctx, e)
}
