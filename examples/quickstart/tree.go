// SPDX-License-Identifier: Apache-2.0

package main

import (
	"slices"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/penstock-go/penstock/otelx/otelxtest"
)

// shown says how a trace is written. Jaeger shows all attributes.
var shown = otelxtest.TreeConfig{
	Times: true,
	Width: 80,
	Attributes: []string{
		"error.type", "db.system.name", "network.peer.address", "penstock.attempt", "penstock.retry.*", "penstock.stage",
		"penstock.wait.duration", "penstock.circuit_breaker.*", "penstock.retry_after", "penstock.link",
	},
}

// find returns the first span of a search for which match holds, without the first
// skip spans; nil if there is none.
func find(spans []sdktrace.ReadOnlySpan, skip int, match func(sdktrace.ReadOnlySpan) bool) sdktrace.ReadOnlySpan {
	for _, s := range spans[skip:] {
		if s.SpanKind() == trace.SpanKindClient && s.Name() == opSearch.Name+" "+opSearch.Target && match(s) {
			return s
		}
	}
	return nil
}

// tree writes the trace of span, and the traces that span links to.
func tree(spans []sdktrace.ReadOnlySpan, span sdktrace.ReadOnlySpan) string {
	ids := map[trace.TraceID]bool{span.SpanContext().TraceID(): true}
	for _, l := range span.Links() {
		ids[l.SpanContext.TraceID()] = true
	}
	spans = slices.DeleteFunc(slices.Clone(spans), func(s sdktrace.ReadOnlySpan) bool { return !ids[s.SpanContext().TraceID()] })
	return otelxtest.Tree(spans, shown)
}

func attr(s sdktrace.ReadOnlySpan, key attribute.Key) string {
	for _, kv := range s.Attributes() {
		if kv.Key == key {
			return kv.Value.String()
		}
	}
	return ""
}
