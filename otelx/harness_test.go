// SPDX-License-Identifier: Apache-2.0

package otelx_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/contract/emitted"
	"github.com/penstock-go/penstock/otelx"
)

var search = core.Op{Name: "Search", Target: "docs", Safety: core.ReadOnly}

// harness is an observer with an SDK in memory behind it.
type harness struct {
	*otelx.Observer
	t      testing.TB
	tp     *sdktrace.TracerProvider
	mp     *sdkmetric.MeterProvider
	spans  *tracetest.SpanRecorder
	reader *sdkmetric.ManualReader
}

// standard are the options that an adapter gives.
func standard() []otelx.Option {
	return []otelx.Option{
		otelx.WithSystem("vectordb"),
		otelx.WithNamespace("library"),
		otelx.WithServer("db.internal", 19531),
		otelx.WithPoolName("main"),
	}
}

func newHarness(t testing.TB, opts ...otelx.Option) *harness {
	t.Helper()
	return newSampledHarness(t, sdktrace.AlwaysSample(), opts...)
}

func newSampledHarness(t testing.TB, sampler sdktrace.Sampler, opts ...otelx.Option) *harness {
	t.Helper()
	h := &harness{t: t, spans: emitted.Spans(t), reader: emitted.Reader(t)}
	h.tp = sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(h.spans), sdktrace.WithSampler(sampler))
	h.mp = sdkmetric.NewMeterProvider(sdkmetric.WithReader(h.reader))
	o, err := otelx.NewObserver(append([]otelx.Option{otelx.WithTracerProvider(h.tp), otelx.WithMeterProvider(h.mp)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	h.Observer = o
	return h
}

// within runs f in a scope, as a stage or the pool does.
func (h *harness) within(ctx context.Context, s core.Scope, f func(context.Context) error) {
	if s.Start.IsZero() {
		s.Start = time.Now()
	}
	ctx = h.Begin(ctx, s)
	h.End(ctx, s, f(ctx))
}

// operation runs f in the scope of an operation.
func (h *harness) operation(ctx context.Context, op core.Op, f func(context.Context) error) {
	h.within(ctx, core.Scope{Kind: core.ScopeOperation, Op: op, Attempt: 1}, f)
}

// span returns the only span that ended under name.
func (h *harness) span(name string) sdktrace.ReadOnlySpan {
	h.t.Helper()
	var found []sdktrace.ReadOnlySpan
	for _, s := range h.spans.Ended() {
		if s.Name() == name {
			found = append(found, s)
		}
	}
	if len(found) != 1 {
		h.t.Fatalf("%d spans %q, want 1; there are %q", len(found), name, h.names())
	}
	return found[0]
}

func (h *harness) names() []string {
	var names []string
	for _, s := range h.spans.Ended() {
		names = append(names, s.Name())
	}
	return names
}

// metrics returns all that was measured, by name.
func (h *harness) metrics() map[string]metricdata.Metrics {
	h.t.Helper()
	var rm metricdata.ResourceMetrics
	if err := h.reader.Collect(context.Background(), &rm); err != nil {
		h.t.Fatal(err)
	}
	byName := map[string]metricdata.Metrics{}
	for _, scope := range rm.ScopeMetrics {
		for _, m := range scope.Metrics {
			byName[m.Name] = m
		}
	}
	return byName
}

// durations returns the data points of a histogram.
func (h *harness) histogram(name string) []metricdata.HistogramDataPoint[float64] {
	h.t.Helper()
	m, ok := h.metrics()[name]
	if !ok {
		return nil
	}
	data, ok := m.Data.(metricdata.Histogram[float64])
	if !ok {
		h.t.Fatalf("%s is a %T", name, m.Data)
	}
	return data.DataPoints
}

// sum returns the data points of a counter.
func (h *harness) sum(name string) []metricdata.DataPoint[int64] {
	h.t.Helper()
	m, ok := h.metrics()[name]
	if !ok {
		return nil
	}
	data, ok := m.Data.(metricdata.Sum[int64])
	if !ok {
		h.t.Fatalf("%s is a %T", name, m.Data)
	}
	return data.DataPoints
}

// attrs are attributes as a map, for comparison.
type attrs = map[attribute.Key]any

func asMap(kvs []attribute.KeyValue) attrs {
	m := attrs{}
	for _, kv := range kvs {
		m[kv.Key] = kv.Value.AsInterface()
	}
	return m
}

func keys(m attrs) []string {
	var ks []string
	for k := range m {
		ks = append(ks, string(k))
	}
	slices.Sort(ks)
	return ks
}

// typedError is an error of a backend, with a type and a code.
type typedError struct{ errorType, code, text string }

func (e typedError) Error() string              { return e.text }
func (e typedError) ErrorType() string          { return e.errorType }
func (e typedError) ResponseStatusCode() string { return e.code }

var (
	errBackend = typedError{"65535", "65535", "segment not loaded"}
	errPlain   = errors.New("plain")
)
