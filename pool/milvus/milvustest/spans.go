// SPDX-License-Identifier: Apache-2.0

package milvustest

import (
	"context"
	"slices"

	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc/metadata"
)

// spans makes the spans of the server, with the names and below the tracers that Milvus
// has. The zero value makes none.
type spans struct{ proxy, node trace.Tracer }

// withoutSpan are the RPCs that the proxy of Milvus answers without a span.
var withoutSpan = []string{"Connect", "GetVersion", "CheckHealth", "AllocTimestamp"}

func newSpans(provider trace.TracerProvider) spans {
	if provider == nil {
		return spans{}
	}
	return spans{proxy: provider.Tracer("proxy"), node: provider.Tracer("querynode")}
}

// begin starts the span of a call below the trace context that the caller has sent. The
// caller must end it with the error of the call.
func (s spans) begin(ctx context.Context, method string) (context.Context, func(error)) {
	if s.proxy == nil || slices.Contains(withoutSpan, method) {
		return ctx, func(error) {}
	}
	received, _ := metadata.FromIncomingContext(ctx)
	ctx = propagation.TraceContext{}.Extract(ctx, headers(received))
	return start(ctx, s.proxy, "Proxy-"+method, trace.WithSpanKind(trace.SpanKindServer))
}

// execute starts the span of the work for a call, without the waiting for a fault.
func (s spans) execute(ctx context.Context, method string) (context.Context, func(error)) {
	if s.proxy == nil || slices.Contains(withoutSpan, method) {
		return ctx, func(error) {}
	}
	return start(ctx, s.proxy, "Proxy-"+method+"-Execute")
}

// wait starts the span of the waiting for a time tick.
func (s spans) wait(ctx context.Context) (context.Context, func(error)) {
	if s.node == nil {
		return ctx, func(error) {}
	}
	return start(ctx, s.node, "Delegator-waitTSafe")
}

func start(ctx context.Context, tracer trace.Tracer, name string, opts ...trace.SpanStartOption) (context.Context, func(error)) {
	ctx, span := tracer.Start(ctx, name, opts...)
	return ctx, func(err error) {
		if err != nil {
			span.SetStatus(codes.Error, err.Error())
		}
		span.End()
	}
}

// headers are the headers of a request, for a propagator to read.
type headers metadata.MD

func (h headers) Get(key string) string {
	if values := metadata.MD(h).Get(key); len(values) > 0 {
		return values[0]
	}
	return ""
}

func (h headers) Set(string, string) {}

func (h headers) Keys() []string {
	keys := make([]string, 0, len(h))
	for key := range h {
		keys = append(keys, key)
	}
	return keys
}
