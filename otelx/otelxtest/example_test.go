// SPDX-License-Identifier: Apache-2.0

package otelxtest_test

import (
	"context"
	"errors"
	"fmt"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/otelx"
	"github.com/penstock-go/penstock/otelx/otelxtest"

	"go.opentelemetry.io/otel/attribute"
)

// emitted returns the telemetry of a client whose only operation finds nothing.
func emitted() ([]sdktrace.ReadOnlySpan, metricdata.ResourceMetrics) {
	ctx := context.Background()
	spans, reader := tracetest.NewSpanRecorder(), sdkmetric.NewManualReader()
	client, err := penstock.Open(ctx, penstock.Backend[int]{
		Factory:    &coretest.Factory[int]{},
		Classifier: func(error) core.Class { return core.Answered("not_found") },
		System:     "vectordb",
	}, penstock.Config{
		TracerProvider: sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans)),
		MeterProvider:  sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)),
		Telemetry:      []otelx.Option{otelx.WithAttributes(attribute.String("app.tenant", "blue"))},
	})
	if err != nil {
		panic(err)
	}
	_, _ = core.Do(ctx, client, core.Op{Name: "Get", Target: "docs"}, func(context.Context, int) (int, error) {
		return 0, errors.New("no such document")
	})
	var metrics metricdata.ResourceMetrics
	if err := reader.Collect(ctx, &metrics); err != nil {
		panic(err)
	}
	_ = client.Close(ctx)
	return spans.Ended(), metrics
}

// In a test Check does this in one line: otelxtest.Check(t, cfg, spans, metrics).
func ExampleChecker() {
	spans, metrics := emitted()
	checker, err := otelxtest.New(otelxtest.Config{})
	if err != nil {
		panic(err)
	}
	checker.Spans(spans...)
	checker.Metrics(metrics)
	for _, finding := range checker.Findings() {
		fmt.Println(finding)
	}
	// Output:
	// span penstock.operation: missing_attribute: app.tenant is in no registry: define it in one, or allow it
}

func ExampleTree() {
	spans, _ := emitted()
	fmt.Print(otelxtest.Tree(spans[len(spans)-1:], otelxtest.TreeConfig{Attributes: []string{"penstock.*", "app.*"}}))
	// Output:
	// Get docs [client]
	//     penstock.answer=not_found
	//     penstock.connection.number=1
	//     app.tenant=blue
}
