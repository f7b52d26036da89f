// SPDX-License-Identifier: Apache-2.0

package otelx

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/penstock-go/penstock/core"
)

// Ref is what [Observer.Ref] returns: a sampled span that another span can link
// to. Unlike a [trace.SpanContext] it can be compared with ==.
type Ref struct {
	TraceID trace.TraceID
	SpanID  trace.SpanID
}

// String returns both ids in hexadecimal, with a hyphen between them.
func (r Ref) String() string { return r.TraceID.String() + "-" + r.SpanID.String() }

// Ref returns the [Ref] of the operation that ctx belongs to, or else of the
// current span of ctx. It returns nil if that span is not sampled, or if there is
// none. The span of an operation that is not sampled becomes one that is exported, see
// [WithEvidence].
func (o *Observer) Ref(ctx context.Context, s core.Scope) any {
	sc := trace.SpanContextFromContext(ctx)
	if op := o.operation(ctx); op != nil {
		sc = op.span.SpanContext()
	}
	switch {
	case sc.IsValid() && sc.IsSampled():
		return refTo(sc)
	case o.evidence != nil:
		return o.evidence.ref(ctx, &s)
	}
	return nil
}

// TraceID returns the id of the trace that ctx belongs to, sampled or not; empty if there
// is none.
func (o *Observer) TraceID(ctx context.Context) string {
	if sc := trace.SpanContextFromContext(ctx); sc.HasTraceID() {
		return sc.TraceID().String()
	}
	return ""
}

func refTo(sc trace.SpanContext) Ref { return Ref{sc.TraceID(), sc.SpanID()} }

// link returns a link to r. why is the value of its attribute penstock.link.
func (r Ref) link(why string) trace.Link {
	return trace.Link{
		SpanContext: trace.NewSpanContext(trace.SpanContextConfig{TraceID: r.TraceID, SpanID: r.SpanID, TraceFlags: trace.FlagsSampled}),
		Attributes:  []attribute.KeyValue{attrLink.String(why)},
	}
}
