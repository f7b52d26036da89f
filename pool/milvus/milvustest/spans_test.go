// SPDX-License-Identifier: Apache-2.0

package milvustest_test

import (
	"testing"
	"time"

	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-sdk-go/v2/entity"
	"github.com/penstock-go/penstock/pool/milvus/milvustest"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"google.golang.org/grpc/metadata"
)

func TestTheServerMakesSpansBelowTheTraceOfTheCaller(t *testing.T) {
	recorder := tracetest.NewSpanRecorder()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder))
	cfg := milvustest.Config{TracerProvider: provider, TimeTick: time.Millisecond}
	srv := start(t, cfg)
	fill(t, connect(t, srv), "people", entity.L2)
	before := len(recorder.Ended())
	const parent = "00f067aa0ba902b7"
	ctx := metadata.AppendToOutgoingContext(testContext(t), "traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-"+parent+"-01")
	reply, err := stub(t, srv).Search(ctx, searchRequest(t, []float32{1, 0, 0, 0}))
	if code(t, reply.GetStatus(), err) != 0 {
		t.Fatalf("Search = %v", reply.GetStatus())
	}
	srv.Stop() // Every span has ended then.

	ended := recorder.Ended()[before:]
	want := []string{"Delegator-waitTSafe", "Proxy-Search-Execute", "Proxy-Search"} // in the order in which they end
	if len(ended) != len(want) {
		t.Fatalf("%d spans, want %v", len(ended), want)
	}
	for i, span := range ended {
		above := parent
		if i+1 < len(ended) {
			above = ended[i+1].SpanContext().SpanID().String()
		}
		if span.Name() != want[i] || span.Parent().SpanID().String() != above || span.SpanContext().TraceID().String() != "4bf92f3577b34da6a3ce929d0e0e4736" {
			t.Errorf("span %d is %s below %s in %s, want %s below %s", i, span.Name(), span.Parent().SpanID(), span.SpanContext().TraceID(), want[i], above)
		}
	}
}

func TestARefusedCallHasASpanWithAnError(t *testing.T) {
	recorder := tracetest.NewSpanRecorder()
	cfg := milvustest.Config{Username: "root", Password: "secret", TracerProvider: sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder))}
	srv := start(t, cfg)
	if _, err := stub(t, srv).ShowCollections(testContext(t), &milvuspb.ShowCollectionsRequest{}); err == nil {
		t.Fatal("a call without credentials succeeds")
	}
	srv.Stop()
	ended := recorder.Ended()
	if len(ended) != 2 || ended[1].Name() != "Proxy-ShowCollections" || ended[1].Status().Description == "" {
		t.Errorf("spans = %v, want Proxy-ShowCollections with an error", ended)
	}
}
