// SPDX-License-Identifier: Apache-2.0

package milvusv2_test

import (
	"context"
	"strings"
	"testing"

	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"github.com/penstock-go/penstock/pool/milvus/milvustest"
	"github.com/penstock-go/penstock/pool/milvusv2"
)

const (
	sampledParent = "00-0102030405060708090a0b0c0d0e0f10-0102030405060708-01"
	staleParent   = "00-ffffffffffffffffffffffffffffffff-ffffffffffffffff-01"
)

// withSpan returns a context whose current span has the ids of sampledParent.
func withSpan(t testing.TB, ctx context.Context, flags trace.TraceFlags, state string) context.Context {
	t.Helper()
	ts, err := trace.ParseTraceState(state)
	if err != nil {
		t.Fatal(err)
	}
	return trace.ContextWithSpanContext(ctx, trace.NewSpanContext(trace.SpanContextConfig{
		TraceID:    trace.TraceID{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16},
		SpanID:     trace.SpanID{1, 2, 3, 4, 5, 6, 7, 8},
		TraceFlags: flags, TraceState: ts, Remote: true,
	}))
}

// longState is a tracestate of 520 characters that is well formed.
func longState() string {
	return "a=" + strings.Repeat("x", 256) + ",b=" + strings.Repeat("y", 256)
}

func TestARequestCarriesTheTraceContextOfASampledSpan(t *testing.T) {
	for name, c := range map[string]struct {
		flags         trace.TraceFlags
		state         string
		cfg           milvusv2.Config
		before        []string // outgoing metadata of the caller
		parent, trace []string // wanted
	}{
		"sampled":           {flags: trace.FlagsSampled, state: "vendor=1", parent: []string{sampledParent}, trace: []string{"vendor=1"}},
		"without a state":   {flags: trace.FlagsSampled, parent: []string{sampledParent}},
		"not sampled":       {state: "vendor=1"},
		"switched off":      {flags: trace.FlagsSampled, cfg: milvusv2.Config{PropagationDisabled: true}},
		"an oversize state": {flags: trace.FlagsSampled, state: longState(), parent: []string{sampledParent}},
		"a header of the caller": {
			flags: trace.FlagsSampled, before: []string{"traceparent", staleParent, "tracestate", "old=1"}, parent: []string{sampledParent},
		},
	} {
		t.Run(name, func(t *testing.T) {
			srv := start(t, milvustest.Config{})
			var sent []metadata.MD
			spy := func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
				if strings.HasSuffix(method, "/ShowCollections") {
					md, _ := metadata.FromOutgoingContext(ctx)
					sent = append(sent, md)
				}
				return invoke(ctx, method, req, reply, cc, opts...)
			}
			c.cfg.Address, c.cfg.DialOptions = srv.Addr(), []grpc.DialOption{grpc.WithChainUnaryInterceptor(spy)}
			conn := dial(t, newFactory(t, c.cfg))

			ctx := metadata.AppendToOutgoingContext(t.Context(), append(c.before, "baggage-of-mine", "kept")...)
			if _, err := hasCollectionOn(withSpan(t, ctx, c.flags, c.state), conn, "docs"); err != nil {
				t.Fatal(err)
			}
			if len(sent) != 1 {
				t.Fatalf("%d requests, want 1", len(sent))
			}
			for key, want := range map[string][]string{
				"traceparent": c.parent, "tracestate": c.trace, "baggage-of-mine": {"kept"}, "baggage": nil,
			} {
				if got := sent[0].Get(key); strings.Join(got, " & ") != strings.Join(want, " & ") {
					t.Errorf("the request has %s %q, want %q", key, got, want)
				}
			}
		})
	}
}

// intercepted returns a call of the interceptor that sends nothing.
func intercepted(propagates bool) func(context.Context) error {
	intercept := milvusv2.Interceptor(propagates)
	req, reply := &milvuspb.HasCollectionRequest{CollectionName: "docs"}, &milvuspb.BoolResponse{}
	invoke := func(context.Context, string, any, any, *grpc.ClientConn, ...grpc.CallOption) error { return nil }
	return func(ctx context.Context) error {
		return intercept(ctx, "/milvus.proto.milvus.MilvusService/ShowCollections", req, reply, nil, invoke)
	}
}

func TestAnUnsampledRequestAllocatesNothingForTheTraceContext(t *testing.T) {
	ctx := withSpan(t, t.Context(), 0, "vendor=1")
	allocations := func(propagates bool) float64 {
		call := intercepted(propagates)
		return testing.AllocsPerRun(100, func() { _ = call(ctx) })
	}
	if with, without := allocations(true), allocations(false); with != without {
		t.Errorf("%v allocations with propagation, %v without it", with, without)
	}
}

// The difference of the first two is what propagation costs where nothing is sampled.
func BenchmarkIntercept(b *testing.B) {
	for _, c := range []struct {
		name       string
		propagates bool
		flags      trace.TraceFlags
	}{{"off", false, 0}, {"unsampled", true, 0}, {"sampled", true, trace.FlagsSampled}} {
		b.Run(c.name, func(b *testing.B) {
			call, ctx := intercepted(c.propagates), withSpan(b, b.Context(), c.flags, "")
			b.ReportAllocs()
			for b.Loop() {
				if err := call(ctx); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
