// SPDX-License-Identifier: Apache-2.0

package integration_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/internal/contract/emitted"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/retry"
	"github.com/penstock-go/penstock/otelx"
	"github.com/penstock-go/penstock/pool"
	"github.com/penstock-go/penstock/pool/milvus"
	"github.com/penstock-go/penstock/pool/milvus/milvustest"
)

// wire keeps the header traceparent of each request with a method, as it is sent.
type wire struct {
	method string

	mu      sync.Mutex
	parents []string // guarded by mu
}

func (w *wire) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }
func (w *wire) HandleConn(context.Context, stats.ConnStats)                       {}
func (w *wire) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context   { return ctx }

func (w *wire) HandleRPC(_ context.Context, s stats.RPCStats) {
	if out, ok := s.(*stats.OutHeader); ok && strings.HasSuffix(out.FullMethod, "/"+w.method) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.parents = append(w.parents, strings.Join(out.Header.Get("traceparent"), " & "))
	}
}

func (w *wire) sent() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.parents)
}

// parentOf is the header that names a span.
func parentOf(s sdktrace.ReadOnlySpan) string {
	return "00-" + s.SpanContext().TraceID().String() + "-" + s.SpanContext().SpanID().String() + "-01"
}

// named returns the spans of that name, in the order in which they began.
func named(spans *tracetest.SpanRecorder, name string) (found []sdktrace.ReadOnlySpan) {
	for _, s := range spans.Ended() {
		if s.Name() == name {
			found = append(found, s)
		}
	}
	slices.SortFunc(found, func(a, b sdktrace.ReadOnlySpan) int { return a.StartTime().Compare(b.StartTime()) })
	return found
}

// hasTwice runs an operation of two attempts on a Milvus, and returns its spans.
func hasTwice(t *testing.T, tracers *sdktrace.TracerProvider, options ...grpc.DialOption) {
	t.Helper()
	srv := milvustest.Start(t)
	client, err := milvus.Open(t.Context(), milvus.Config{Address: srv.Addr(), DialOptions: options}, penstock.Config{
		TracerProvider: tracers,
		Chain:          middleware.Config{Retry: retry.Config{Interval: time.Millisecond, MaxInterval: time.Millisecond}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close(context.Background()) })
	srv.Inject(milvustest.Fault{Method: "HasCollection", Err: status.Error(codes.Unavailable, "no"), Times: 1})
	op := core.Op{Name: "Has", Target: "docs", Safety: core.ReadOnly}
	_, err = core.Do(t.Context(), client, op, func(ctx context.Context, c *milvus.Conn) (bool, error) {
		return c.HasCollection(ctx, "docs")
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestEachAttemptTellsTheServerItsOwnSpan(t *testing.T) {
	spans, w := emitted.Spans(t), &wire{method: "HasCollection"}
	hasTwice(t, sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans)), grpc.WithStatsHandler(w))

	operation, attempts := named(spans, "Has docs"), named(spans, "Has attempt")
	if len(operation) != 1 || len(attempts) != 1 {
		t.Fatalf("%d operations and %d further attempts, want 1 and 1", len(operation), len(attempts))
	}
	if got, want := w.sent(), []string{parentOf(operation[0]), parentOf(attempts[0])}; !slices.Equal(got, want) {
		t.Errorf("the requests have %q, want %q", got, want)
	}
}

func TestNothingIsToldOfATraceThatIsNotSampled(t *testing.T) {
	w := &wire{method: "HasCollection"}
	hasTwice(t, sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.NeverSample())), grpc.WithStatsHandler(w))
	if got := w.sent(); !slices.Equal(got, []string{"", ""}) {
		t.Errorf("the requests have %q, want none", got)
	}
}

func TestTheSpansOfOtelgrpcLieBetweenTheAttemptAndTheServer(t *testing.T) {
	spans, w := emitted.Spans(t), &wire{method: "HasCollection"}
	tracers := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
	hasTwice(t, tracers,
		grpc.WithStatsHandler(otelgrpc.NewClientHandler(otelgrpc.WithTracerProvider(tracers), otelgrpc.WithPropagators(propagation.TraceContext{}))),
		grpc.WithStatsHandler(w))

	rpcs := named(spans, "milvus.proto.milvus.MilvusService/HasCollection")
	parents := append(named(spans, "Has docs"), named(spans, "Has attempt")...)
	if len(rpcs) != 2 || len(parents) != 2 {
		t.Fatalf("%d RPCs and %d operations and attempts, want 2 and 2", len(rpcs), len(parents))
	}
	for i, rpc := range rpcs {
		if rpc.Parent().SpanID() != parents[i].SpanContext().SpanID() {
			t.Errorf("the parent of RPC %d is not %s", i+1, parents[i].Name())
		}
		if got := w.sent()[i]; got != parentOf(rpc) {
			t.Errorf("request %d has %q, want otelgrpc's own span %q", i+1, got, parentOf(rpc))
		}
	}
}

func TestTheSpansOfOtelhttpLieBetweenTheAttemptAndTheServer(t *testing.T) {
	var parents []string
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		parents = append(parents, strings.Join(r.Header.Values("Traceparent"), " & "))
	}))
	defer server.Close()
	spans := emitted.Spans(t)
	tracers := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
	plain := server.Client()
	traced := &http.Client{Transport: otelhttp.NewTransport(plain.Transport,
		otelhttp.WithTracerProvider(tracers), otelhttp.WithPropagators(propagation.TraceContext{}))}

	client, err := penstock.Open(t.Context(), penstock.Backend[int]{
		Factory: struct{ pool.Factory[int] }{&coretest.Factory[int]{}}, System: "library",
	}, penstock.Config{TracerProvider: tracers})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close(t.Context())
	for _, hc := range []*http.Client{plain, traced} {
		_, err = core.Do(t.Context(), client, core.Op{Name: "Get"}, func(ctx context.Context, _ int) (int, error) {
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL, http.NoBody)
			if err != nil {
				return 0, err
			}
			otelx.Inject(ctx, propagation.HeaderCarrier(req.Header))
			res, err := hc.Do(req)
			if err != nil {
				return 0, err
			}
			return res.StatusCode, res.Body.Close()
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	operations, requests := named(spans, "Get"), named(spans, "HTTP GET")
	if len(operations) != 2 || len(requests) != 1 {
		t.Fatalf("%d operations and %d spans of otelhttp, want 2 and 1", len(operations), len(requests))
	}
	if requests[0].Parent().SpanID() != operations[1].SpanContext().SpanID() {
		t.Error("the parent of otelhttp's span is not the operation's")
	}
	if want := []string{parentOf(operations[0]), parentOf(requests[0])}; !slices.Equal(parents, want) {
		t.Errorf("the requests have %q, want %q", parents, want)
	}
}
