// SPDX-License-Identifier: Apache-2.0

package otelx_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/otelx"
)

// The client and its pool call an observer; here the calls are made by hand.
func Example() {
	spans := tracetest.NewInMemoryExporter()
	observer, err := otelx.NewObserver(
		otelx.WithTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans))),
		otelx.WithSystem("postgresql"),
	)
	if err != nil {
		panic(err)
	}

	search := core.Op{Name: "Search", Target: "docs"}
	scope := core.Scope{Kind: core.ScopeOperation, Op: search, Attempt: 1, Start: time.Now()}
	ctx := observer.Begin(context.Background(), scope)
	observer.Event(ctx, core.Event{Kind: core.EventRetry, Op: search, Attempt: 1, Err: errors.New("connection reset")})
	observer.End(ctx, scope, nil)

	for _, span := range spans.GetSpans() {
		fmt.Println(span.SpanKind, span.Name, span.Status.Code, span.Events[0].Name)
	}
	// Output: client Search docs Unset penstock.retry
}

// withoutCollections is a view for a service with very many collections: the
// durations of its operations have one series for all of them.
var withoutCollections = sdkmetric.NewView(
	sdkmetric.Instrument{
		Name:  "db.client.operation.duration",
		Scope: instrumentation.Scope{Name: otelx.ScopeName},
	},
	sdkmetric.Stream{AttributeFilter: attribute.NewDenyKeysFilter("db.collection.name")},
)

func Example_view() {
	reader := sdkmetric.NewManualReader()
	observer, err := otelx.NewObserver(
		otelx.WithMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader), sdkmetric.WithView(withoutCollections))),
		otelx.WithSystem("postgresql"),
	)
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	for _, collection := range []string{"books", "films", "songs"} {
		scope := core.Scope{Op: core.Op{Name: "Search", Target: collection}, Attempt: 1, Start: time.Now()}
		observer.End(observer.Begin(ctx, scope), scope, nil)
	}

	var collected metricdata.ResourceMetrics
	if err := reader.Collect(ctx, &collected); err != nil {
		panic(err)
	}
	duration := collected.ScopeMetrics[0].Metrics[0]
	for _, series := range duration.Data.(metricdata.Histogram[float64]).DataPoints {
		fmt.Println(duration.Name, series.Attributes.Encoded(attribute.DefaultEncoder()), series.Count)
	}
	// Output: db.client.operation.duration db.operation.name=Search,db.system.name=postgresql 3
}
