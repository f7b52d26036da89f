// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/internal/contract/emitted"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/retry"
	"github.com/penstock-go/penstock/otelx"
	"github.com/penstock-go/penstock/otelx/otelxtest"
	"github.com/penstock-go/penstock/pool"
)

// TestWhatArrivesAtACollectorKeepsTheContract runs a client as an application has it,
// and checks what a collector receives, over each protocol.
func TestWhatArrivesAtACollectorKeepsTheContract(t *testing.T) {
	for protocol, url := range map[string]func(*otelxtest.Collector) string{
		"grpc":          func(c *otelxtest.Collector) string { return c.GRPC },
		"http/protobuf": func(c *otelxtest.Collector) string { return c.HTTP },
	} {
		t.Run(protocol, func(t *testing.T) {
			collector := otelxtest.NewCollector(t)
			recoverOnce(t, protocol, url(collector))
			spans, metrics := collector.Spans(), collector.Metrics()
			if len(metrics) != 1 {
				t.Fatalf("%d exports of metrics arrived, want that of the shutdown", len(metrics))
			}
			emitted.Allow(t, "app.*")
			emitted.Check(t, spans, metrics...)
			operation := otelxtest.AssertSpan(t, spans, otelxtest.Span{
				Name: "Get docs", Kind: trace.SpanKindClient, Events: []string{"penstock.retry", "penstock.wait", "penstock.wait"},
				Attributes: []attribute.KeyValue{attribute.String("penstock.retry.outcome", "recovered"), attribute.StringSlice("app.tags", []string{"a", "b"})},
				Absent:     []attribute.Key{"error.type"},
			})
			otelxtest.AssertSpan(t, spans, otelxtest.Span{Name: "Get attempt", Parent: "Get docs"})
			otelxtest.AssertMetric(t, metrics[0], otelxtest.Metric{
				Name: "penstock.retries", Attributes: []attribute.KeyValue{attribute.String("error.type", "down")}, Value: 1,
			})
			otelxtest.AssertMetric(t, metrics[0], otelxtest.Metric{Name: "db.client.operation.duration", Value: 1})

			tree := otelxtest.Tree([]sdktrace.ReadOnlySpan{operation}, otelxtest.TreeConfig{Attributes: []string{"db.operation.name", "error.type", "penstock.attempt", "penstock.stage"}})
			const want = `Get docs [client]
    db.operation.name=Get
    * penstock.retry {error.type=down, penstock.attempt=1}
    * penstock.wait {penstock.stage=retry}
    * penstock.wait {penstock.stage=pool}
`
			if tree != want {
				t.Errorf("Tree =\n%swant\n%s", tree, want)
			}
		})
	}
}

// recoverOnce runs an operation whose first attempt fails, and exports the telemetry.
func recoverOnce(t *testing.T, protocol, url string) {
	t.Helper()
	telemetry, _ := exporting(t, protocol, url, "app")
	client, err := penstock.Open(t.Context(), penstock.Backend[int]{
		Factory: &coretest.Factory[int]{}, Classifier: func(error) core.Class { return core.DeadConn("down") },
		Pool: pool.Config{Name: "main"}, System: "vectordb", Address: "db.internal:19530",
	}, penstock.Config{
		Chain:          middleware.Config{Retry: retry.Config{Interval: time.Millisecond, Jitter: retry.NoJitter}},
		TracerProvider: telemetry.TracerProvider(), MeterProvider: telemetry.MeterProvider(),
		Telemetry: []otelx.Option{otelx.WithAttributes(attribute.StringSlice("app.tags", []string{"a", "b"}))},
	})
	if err != nil {
		t.Fatal(err)
	}
	attempts := 0
	if _, err := core.Do(t.Context(), client, lookUp, func(context.Context, int) (int, error) {
		if attempts++; attempts == 1 {
			return 0, errDown
		}
		return 0, nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := client.Close(t.Context()); err != nil {
		t.Error(err)
	}
	// The SDK counts what it exported: the spans have to leave before the metrics.
	if err := telemetry.TracerProvider().(*sdktrace.TracerProvider).ForceFlush(t.Context()); err != nil {
		t.Error(err)
	}
	if err := telemetry.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}
