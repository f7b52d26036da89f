// SPDX-License-Identifier: Apache-2.0

package catalog_test

import (
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	catalog "github.com/penstock-go/penstock/examples/testing"
	"github.com/penstock-go/penstock/otelx/otelxtest"
	"github.com/penstock-go/penstock/pool/milvus/milvustest"
)

// The recorder of the OpenTelemetry SDK keeps the spans, and otelxtest looks for one. Its
// failure shows the spans that there are, as a tree.
func TestTheSecondAttemptShowsInTheSpans(t *testing.T) {
	srv, spans := milvustest.Start(t), tracetest.NewSpanRecorder()
	docs := catalog.New(open(t, srv, spans), "docs")
	srv.Inject(milvustest.Fault{Method: "HasCollection", Drop: true, Times: 1})
	if _, _, err := docs.Has(t.Context()); err != nil {
		t.Fatal(err)
	}
	otelxtest.AssertSpan(t, spans.Ended(), otelxtest.Span{
		Name:   "HasCollection docs",
		Kind:   trace.SpanKindClient,
		Absent: []attribute.Key{"error.type"},
		Attributes: []attribute.KeyValue{
			attribute.Int("penstock.retry.attempts", 2),
			attribute.String("penstock.retry.outcome", "recovered"),
		},
	})
	otelxtest.AssertSpan(t, spans.Ended(), otelxtest.Span{Name: "HasCollection attempt", Parent: "HasCollection docs"})
}
