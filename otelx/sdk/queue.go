// SPDX-License-Identifier: Apache-2.0

package sdk

import (
	"cmp"
	"context"
	"log/slog"
	"os"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/semconv/v1.43.0/otelconv"
)

// scopeName is the name of the meter that reports what the SDK dropped.
const scopeName = "github.com/penstock-go/penstock/otelx/sdk"

// spanQueue is the SDK's batch processor, and counts the spans that were exported or
// dropped. The batch processor drops spans too, but keeps the number to itself: it
// reports to the global meter provider alone, and only as an experiment.
type spanQueue struct {
	batch  sdktrace.SpanProcessor
	logger *slog.Logger
	limit  int64 // most spans that wait

	waiting  atomic.Int64 // spans given to batch whose export has not begun
	dropped  atomic.Int64
	exported atomic.Int64
	failed   atomic.Int64 // spans whose export failed

	told   limiter
	toldOf atomic.Int64 // value of dropped in the last record
}

// spareFlushes is the room in the batch processor's queue that spans do not use. A
// flush takes a place.
const spareFlushes = 16

func newSpanQueue(exporter sdktrace.SpanExporter, logger *slog.Logger) *spanQueue {
	q := &spanQueue{logger: logger}
	q.batch = sdktrace.NewBatchSpanProcessor(countingExporter{exporter, q}, func(o *sdktrace.BatchSpanProcessorOptions) {
		// The limit applies to q.waiting, which counts at least what is in the queue.
		// So the queue itself never overflows.
		q.limit = int64(o.MaxQueueSize)
		o.MaxQueueSize += spareFlushes
	})
	return q
}

// OnStart implements [sdktrace.SpanProcessor].
func (q *spanQueue) OnStart(ctx context.Context, s sdktrace.ReadWriteSpan) { q.batch.OnStart(ctx, s) }

// OnEnd implements [sdktrace.SpanProcessor]. It does not wait for the exporter.
func (q *spanQueue) OnEnd(s sdktrace.ReadOnlySpan) {
	if !s.SpanContext().IsSampled() {
		return
	}
	if q.waiting.Add(1) <= q.limit {
		q.batch.OnEnd(s)
		return
	}
	q.waiting.Add(-1)
	dropped := q.dropped.Add(1)
	if _, ok := q.told.pass(); ok {
		q.logger.Warn("spans are dropped, because the queue for export is full: is the collector slow? "+
			"Else raise OTEL_BSP_MAX_QUEUE_SIZE or sample less",
			"spans", dropped-q.toldOf.Swap(dropped), "queue", q.limit)
	}
}

// Shutdown implements [sdktrace.SpanProcessor].
func (q *spanQueue) Shutdown(ctx context.Context) error { return q.batch.Shutdown(ctx) }

// ForceFlush implements [sdktrace.SpanProcessor].
func (q *spanQueue) ForceFlush(ctx context.Context) error { return q.batch.ForceFlush(ctx) }

// countingExporter tells its queue what became of spans.
type countingExporter struct {
	sdktrace.SpanExporter
	queue *spanQueue
}

// ExportSpans implements [sdktrace.SpanExporter].
func (e countingExporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	n := int64(len(spans))
	e.queue.waiting.Add(-n)
	err := e.SpanExporter.ExportSpans(ctx, spans)
	if err != nil {
		e.queue.failed.Add(n)
	} else {
		e.queue.exported.Add(n)
	}
	return err
}

// observe makes meters report the counts, from zero on, under the names of the
// semantic conventions.
func (q *spanQueue) observe(meters metric.MeterProvider) error {
	meter := meters.Meter(scopeName, metric.WithSchemaURL(semconv.SchemaURL))
	processed, err := otelconv.NewSDKProcessorSpanProcessedObservable(meter)
	if err != nil {
		return err
	}
	exported, err := otelconv.NewSDKExporterSpanExportedObservable(meter)
	if err != nil {
		return err
	}
	processor := component(string(otelconv.ComponentTypeBatchingSpanProcessor))
	full := metric.WithAttributes(semconv.ErrorTypeKey.String("queue_full"))
	exporter := component(exporterType())
	failed := metric.WithAttributes(semconv.ErrorTypeOther)
	_, err = meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		done, lost := q.exported.Load(), q.failed.Load()
		o.ObserveInt64(processed.Inst(), done+lost, processor)
		o.ObserveInt64(processed.Inst(), q.dropped.Load(), processor, full)
		o.ObserveInt64(exported.Inst(), done, exporter)
		o.ObserveInt64(exported.Inst(), lost, exporter, failed)
		return nil
	}, processed.Inst(), exported.Inst())
	return err
}

func component(kind string) metric.MeasurementOption {
	return metric.WithAttributeSet(attribute.NewSet(
		semconv.OTelComponentTypeKey.String(kind),
		semconv.OTelComponentName(kind+"/0"),
	))
}

// exporterType returns the type of the exporter of spans that the environment names.
func exporterType() string {
	exporter := cmp.Or(os.Getenv("OTEL_TRACES_EXPORTER"), "otlp")
	switch {
	case exporter != "otlp":
		return exporter + "_span_exporter"
	case os.Getenv(otlpVariable("TRACES", "PROTOCOL")) == "grpc":
		return string(otelconv.ComponentTypeOtlpGRPCSpanExporter)
	default:
		return string(otelconv.ComponentTypeOtlpHTTPSpanExporter)
	}
}
