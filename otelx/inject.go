// SPDX-License-Identifier: Apache-2.0

package otelx

import (
	"context"

	"go.opentelemetry.io/otel/propagation"

	"github.com/penstock-go/penstock/internal/tracecontext"
)

// Inject puts the trace context of the current span of ctx into the headers of a
// request, so that the spans of the server are children of that span. The work of an
// operation calls it with its own ctx for each request: the current span is the span of
// the operation, of a further attempt, or one of the work's own.
//
// Inject sets the W3C headers traceparent and tracestate, in place of those that are
// there, and never baggage. It sets nothing for a span that is not sampled, and then
// allocates nothing. A tracestate of more than 512 characters is left out.
//
// The carrier is a propagation.HeaderCarrier for HTTP, and a [MetadataCarrier] for gRPC.
// otelhttp's Transport and otelgrpc's stats handler do the same with spans of their own,
// further in: with one of them Inject is not needed, and does no harm.
func Inject(ctx context.Context, carrier propagation.TextMapCarrier) {
	tracecontext.Inject(ctx, carrier)
}

// MetadataCarrier makes a carrier for [Inject] of gRPC's metadata.MD, which must not be
// nil.
type MetadataCarrier = tracecontext.Metadata
