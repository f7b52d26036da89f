// SPDX-License-Identifier: Apache-2.0

package otelx_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/otelx"
)

// An observer is given to the client and its pool; what is called here by hand
// is then called by the stages of the chain.
func Example() {
	spans := tracetest.NewInMemoryExporter()
	observer, err := otelx.NewObserver(
		otelx.WithTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans))),
		otelx.WithSystem("milvus"),
	)
	if err != nil {
		panic(err)
	}

	search := core.Op{Name: "Search", Target: "docs"}
	scope := core.Scope{Kind: core.KindOperation, Op: search, Attempt: 1, Start: time.Now()}
	ctx := observer.Begin(context.Background(), scope)
	observer.Event(ctx, core.Event{Kind: core.EventRetry, Op: search, Attempt: 1, Err: errors.New("connection reset")})
	observer.End(ctx, scope, nil)

	for _, span := range spans.GetSpans() {
		fmt.Println(span.SpanKind, span.Name, span.Status.Code, span.Events[0].Name)
	}
	// Output: client Search docs Unset penstock.retry
}
