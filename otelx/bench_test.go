// SPDX-License-Identifier: Apache-2.0

package otelx_test

import (
	"context"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/otelx"
)

// byHand is what a careful user would write: one span and one histogram with
// the attributes that the observer gives, made beforehand.
type byHand struct {
	tracer   trace.Tracer
	duration metric.Float64Histogram
	start    []trace.SpanStartOption
	record   []metric.RecordOption
}

func newByHand(h *harness) *byHand {
	common := []attribute.KeyValue{
		attribute.String("db.system.name", "vectordb"), attribute.String("db.operation.name", "Search"), attribute.String("db.collection.name", "docs"),
		attribute.String("db.namespace", "library"), attribute.String("server.address", "db.internal"), attribute.Int("server.port", 19531),
		attribute.String("db.client.connection.pool.name", "main"),
	}
	span := append([]attribute.KeyValue{
		attribute.String("peer.service", "vectordb"), attribute.String("service.peer.name", "vectordb"),
	}, common...)
	duration, err := h.mp.Meter("by hand").Float64Histogram("by_hand.duration", metric.WithUnit("s"),
		metric.WithExplicitBucketBoundaries(.001, .005, .01, .05, .1, .5, 1, 5, 10))
	if err != nil {
		h.t.Fatal(err)
	}
	return &byHand{
		tracer:   h.tp.Tracer("by hand"),
		duration: duration,
		start:    []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(span...)},
		record:   []metric.RecordOption{metric.WithAttributeSet(attribute.NewSet(common...))},
	}
}

func (b *byHand) run(ctx context.Context) {
	start := time.Now()
	ctx, span := b.tracer.Start(ctx, "Search docs", b.start...)
	b.duration.Record(ctx, time.Since(start).Seconds(), b.record...)
	span.End()
}

// discard is a span processor that does nothing.
type discard struct{}

func (discard) OnStart(context.Context, sdktrace.ReadWriteSpan) {}
func (discard) OnEnd(sdktrace.ReadOnlySpan)                     {}
func (discard) Shutdown(context.Context) error                  { return nil }
func (discard) ForceFlush(context.Context) error                { return nil }

func BenchmarkOperation(b *testing.B) {
	unsampled := trace.ContextWithSpanContext(context.Background(), trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{1}, SpanID: trace.SpanID{1},
	}))
	for _, bb := range []struct {
		name string
		ctx  context.Context
	}{{"sampled", context.Background()}, {"unsampled", unsampled}} {
		h := &harness{
			t:  b,
			tp: sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(discard{})),
			mp: sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader())),
		}
		o, err := otelx.NewObserver(append(standard(), otelx.WithTracerProvider(h.tp), otelx.WithMeterProvider(h.mp))...)
		if err != nil {
			b.Fatal(err)
		}
		hand := newByHand(h)
		b.Run(bb.name+"/by_hand", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				hand.run(bb.ctx)
			}
		})
		b.Run(bb.name+"/observer", func(b *testing.B) {
			b.ReportAllocs()
			var state any
			for b.Loop() {
				s := core.Scope{Kind: core.ScopeOperation, Op: search, Attempt: 1, Start: time.Now(), State: &state}
				o.End(o.Begin(bb.ctx, s), s, nil)
			}
		})
	}
}

// BenchmarkEvidence is the cost of operations that are not sampled and do not go well.
func BenchmarkEvidence(b *testing.B) {
	ctx := unsampled(context.Background())
	for _, bb := range []struct {
		name      string
		perSecond int
		events    int
		err       error
	}{
		{"off", otelx.NoEvidence, 0, errBackend},
		{"waited", 1, 1, nil},
		{"left_out", 1, 0, errBackend},
		{"left_out_after_events", 1, 3, errBackend},
		{"exported", 1 << 20, 0, errBackend},
		{"exported_after_events", 1 << 20, 3, errBackend},
	} {
		b.Run(bb.name, func(b *testing.B) {
			o, err := otelx.NewObserver(append(standard(), otelx.WithEvidence(bb.perSecond),
				otelx.WithTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(discard{}), sdktrace.WithSampler(one()))),
				otelx.WithMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader()))))...)
			if err != nil {
				b.Fatal(err)
			}
			var state any
			b.ReportAllocs()
			for b.Loop() {
				s := core.Scope{Kind: core.ScopeOperation, Op: search, Attempt: 1, Start: time.Now(), State: &state}
				within := o.Begin(ctx, s)
				for range bb.events {
					o.Event(within, core.Event{Kind: core.EventWait, Name: "pool", Op: search, Delay: time.Microsecond, State: &state})
				}
				o.End(within, s, bb.err)
			}
		})
	}
}
