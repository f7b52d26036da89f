// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/semconv/v1.43.0/dbconv"
	"go.opentelemetry.io/otel/trace"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
)

// providers are where telemetry goes.
type providers struct {
	tracers trace.TracerProvider
	meters  metric.MeterProvider
}

// processor drops spans, so that nothing is measured behind them.
type processor struct{}

func (processor) OnStart(context.Context, sdktrace.ReadWriteSpan) {}
func (processor) OnEnd(sdktrace.ReadOnlySpan)                     {}
func (processor) Shutdown(context.Context) error                  { return nil }
func (processor) ForceFlush(context.Context) error                { return nil }

// sdk is OpenTelemetry's SDK. Every span without a parent is sampled; the
// metrics are collected on demand, which is never.
func sdk() providers {
	return providers{
		sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.AlwaysSample())), sdktrace.WithSpanProcessor(processor{})),
		sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader())),
	}
}

// noop is OpenTelemetry switched off.
func noop() providers {
	return providers{tracenoop.NewTracerProvider(), metricnoop.NewMeterProvider()}
}

// unsampled returns ctx within a span that another process did not sample.
func unsampled(ctx context.Context) context.Context {
	return trace.ContextWithRemoteSpanContext(ctx, trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{1}, SpanID: trace.SpanID{1}, Remote: true,
	}))
}

const connNumber attribute.Key = "penstock.connection.number"

var handMaker = maker{"by-hand", "", openByHand}

// openByHand is a span and a histogram as one writes them by hand, around the
// work alone: without a chain and without a pool. Names and attributes are
// Penstock's, and made once.
func openByHand(s setup) (subject, error) {
	p := s.telemetry()
	tracer := p.tracers.Tracer("by-hand")
	duration, err := dbconv.NewClientOperationDuration(p.meters.Meter("by-hand"),
		metric.WithExplicitBucketBoundaries(.001, .005, .01, .05, .1, .5, 1, 5, 10))
	if err != nil {
		return subject{}, err
	}
	var (
		histogram = duration.Inst()
		common    = []attribute.KeyValue{
			attribute.String("db.system.name", "bench"),
			attribute.String("db.operation.name", search.Name),
			attribute.String("db.collection.name", search.Target),
			attribute.String("server.address", "backend.example"),
			attribute.String("db.client.connection.pool.name", "docs"),
		}
		start = []trace.SpanStartOption{
			trace.WithSpanKind(trace.SpanKindClient),
			trace.WithAttributes(append([]attribute.KeyValue{
				attribute.String("peer.service", "bench"),
				attribute.String("service.peer.name", "bench"),
			}, common...)...),
		}
		end    = []attribute.KeyValue{connNumber.Int(1)} // known when the work has a connection
		record = []metric.RecordOption{metric.WithAttributeSet(attribute.NewSet(common...))}
		name   = search.Name + " " + search.Target
		c      = &conn{value: 1}
	)
	return byHandSubject(s, func(ctx context.Context) (int, error) {
		begin := time.Now()
		ctx, span := tracer.Start(ctx, name, start...)
		defer span.End()
		result, err := s.work(ctx, c)
		if err != nil {
			span.SetStatus(codes.Error, err.Error())
		}
		span.SetAttributes(end...)
		histogram.Record(ctx, time.Since(begin).Seconds(), record...)
		return result, err
	}), nil
}
