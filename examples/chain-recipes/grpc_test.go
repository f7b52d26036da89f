// SPDX-License-Identifier: Apache-2.0

package main_test

import (
	"context"
	"testing"

	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	recipes "github.com/penstock-go/penstock/examples/chain-recipes"
)

func TestTellTracePutsTheSpanIntoTheRequest(t *testing.T) {
	sent := metadata.MD{}
	invoke := func(ctx context.Context, _ string, _, _ any, _ *grpc.ClientConn, _ ...grpc.CallOption) error {
		sent, _ = metadata.FromOutgoingContext(ctx)
		return nil
	}
	ctx := trace.ContextWithSpanContext(metadata.AppendToOutgoingContext(t.Context(), "tenant", "a"), trace.NewSpanContext(
		trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceFlags: trace.FlagsSampled}))
	if err := recipes.TellTrace(ctx, "/method", nil, nil, nil, invoke); err != nil {
		t.Fatal(err)
	}
	const want = "00-01000000000000000000000000000000-0200000000000000-01"
	if got := sent.Get("traceparent"); len(got) != 1 || got[0] != want {
		t.Errorf("traceparent %q, want %q", got, want)
	}
	if got := sent.Get("tenant"); len(got) != 1 {
		t.Errorf("the caller's metadata is %q", got)
	}
}
