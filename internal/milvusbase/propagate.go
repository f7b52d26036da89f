// SPDX-License-Identifier: Apache-2.0

package milvusbase

import (
	"context"

	"google.golang.org/grpc/metadata"

	"github.com/penstock-go/penstock/internal/tracecontext"
)

// WithTraceContext returns ctx with the trace context of the current span in the
// headers of the request, so that the spans of the server are children of that span:
// the span of the operation, of a further attempt, or one of the work's own. A span
// that is not sampled is not sent: the headers would tell the server nothing.
//
// A trace context that the caller put into the outgoing metadata is replaced, because
// it names a span further out. A stats handler or an interceptor of
// Config.DialOptions comes later and replaces this one.
func WithTraceContext(ctx context.Context) context.Context {
	if !tracecontext.Sampled(ctx) {
		return ctx
	}
	headers, ok := metadata.FromOutgoingContext(ctx) // a copy
	if !ok {
		headers = make(metadata.MD, 2)
	}
	delete(headers, "tracestate") // of the trace context that is replaced
	tracecontext.Inject(ctx, tracecontext.Metadata(headers))
	return metadata.NewOutgoingContext(ctx, headers)
}
