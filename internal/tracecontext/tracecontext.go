// SPDX-License-Identifier: Apache-2.0

// Package tracecontext tells a backend which span a request belongs to.
package tracecontext

import (
	"context"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// maxState is the longest tracestate that is sent. W3C asks for no more. A longer one
// may have come in from outside, and many servers refuse a request whose headers are
// larger than 8 KiB.
const maxState = 512

// Inject sets the headers traceparent and tracestate of W3C in carrier, for the current
// span of ctx, and reports whether it did: it sets nothing unless the span is sampled.
// It never sends baggage.
func Inject(ctx context.Context, carrier propagation.TextMapCarrier) bool {
	sc := trace.SpanContextFromContext(ctx)
	if !sc.IsSampled() || !sc.IsValid() {
		return false
	}
	if state := sc.TraceState(); state.Len() > 0 && len(state.String()) > maxState {
		ctx = trace.ContextWithSpanContext(ctx, sc.WithTraceState(trace.TraceState{}))
	}
	propagation.TraceContext{}.Inject(ctx, carrier)
	return true
}

// Sampled reports whether [Inject] would set anything.
func Sampled(ctx context.Context) bool {
	sc := trace.SpanContextFromContext(ctx)
	return sc.IsSampled() && sc.IsValid()
}

// Metadata is a carrier of gRPC's type metadata.MD.
type Metadata map[string][]string

// Get returns the first value of key.
func (m Metadata) Get(key string) string {
	if vs := m[key]; len(vs) > 0 {
		return vs[0]
	}
	return ""
}

// Set replaces the values of key. The names of W3C's headers are in lower case, as
// gRPC wants them.
func (m Metadata) Set(key, value string) { m[key] = []string{value} }

// Keys returns the keys.
func (m Metadata) Keys() []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	return keys
}
