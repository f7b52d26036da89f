// SPDX-License-Identifier: Apache-2.0

package otelx_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/contract/emitted"
	"github.com/penstock-go/penstock/otelx"
)

func succeed(context.Context) error { return nil }

func failWith(err error) func(context.Context) error {
	return func(context.Context) error { return err }
}

func TestSuccessfulOperationIsOneClientSpanWithoutStatus(t *testing.T) {
	emitted.Allow(t, "team")
	h := newHarness(t, append(standard(), otelx.WithAttributes(attribute.String("team", "search")))...)
	h.operation(t.Context(), search, succeed)

	span := h.span("Search docs")
	if got := span.SpanKind(); got != trace.SpanKindClient {
		t.Errorf("kind = %v, want client", got)
	}
	if got := span.Status(); got != (sdktrace.Status{}) {
		t.Errorf("status = %v, want unset", got)
	}
	want := attrs{
		"db.system.name": "vectordb", "db.operation.name": "Search", "db.collection.name": "docs", "db.namespace": "library",
		"server.address": "db.internal", "server.port": int64(19531), "db.client.connection.pool.name": "main",
		"peer.service": "vectordb", "service.peer.name": "vectordb", "team": "search",
	}
	if got := asMap(span.Attributes()); !reflect.DeepEqual(got, want) {
		t.Errorf("attributes = %v, want %v", got, want)
	}
	scope := span.InstrumentationScope()
	if scope.Name != otelx.ScopeName || scope.SchemaURL != semconv.SchemaURL {
		t.Errorf("scope = %v", scope)
	}
}

func TestAttributesAreThereWhenTheSamplerDecides(t *testing.T) {
	var seen []attribute.KeyValue
	h := newSampledHarness(t, samplerFunc(func(p sdktrace.SamplingParameters) sdktrace.SamplingDecision {
		seen = p.Attributes
		return sdktrace.RecordAndSample
	}), standard()...)
	h.operation(t.Context(), search, succeed)
	for _, key := range []attribute.Key{"db.system.name", "db.operation.name", "db.collection.name", "db.namespace", "server.address", "server.port"} {
		if _, ok := asMap(seen)[key]; !ok {
			t.Errorf("the sampler did not see %s", key)
		}
	}
}

func TestFailedOperationSaysWhy(t *testing.T) {
	long := strings.Repeat("é", 300)
	tests := []struct {
		name  string
		err   error
		attrs attrs
		text  string
	}{
		{"backend's code", fmt.Errorf("search: %w", errBackend), attrs{"error.type": "65535", "db.response.status_code": "65535"}, "search: segment not loaded"},
		{"unknown", errPlain, attrs{"error.type": "_OTHER"}, "plain"},
		{"canceled", context.Canceled, attrs{"error.type": "canceled"}, "context canceled"},
		{"panic", core.ErrPanic, attrs{"error.type": "panic"}, "operation panicked"},
		{"text is the type", typedError{"circuit_open", "", "circuit_open"}, attrs{"error.type": "circuit_open"}, ""},
		{"text begins with the type", typedError{"circuit_open", "", "circuit_open: wait"}, attrs{"error.type": "circuit_open"}, "wait"},
		{"long text", errors.New(long), attrs{"error.type": "_OTHER"}, strings.Repeat("é", 255) + "…"},
		{"text just short enough", errors.New(long[:512]), attrs{"error.type": "_OTHER"}, long[:512]},
		{"not UTF-8", errors.New("a\xffb"), attrs{"error.type": "_OTHER"}, "a\uFFFDb"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newHarness(t)
			h.operation(t.Context(), core.Op{Name: "Search"}, failWith(tt.err))
			span := h.span("Search")
			if got, want := span.Status(), (sdktrace.Status{Code: codes.Error, Description: tt.text}); got != want {
				t.Errorf("status = %v, want %v", got, want)
			}
			if n := utf8.RuneCountInString(span.Status().Description); n > 256 {
				t.Errorf("description has %d runes", n)
			}
			want := attrs{"db.system.name": "_OTHER", "db.operation.name": "Search"}
			for k, v := range tt.attrs {
				want[k] = v
			}
			if got := asMap(span.Attributes()); !reflect.DeepEqual(got, want) {
				t.Errorf("attributes = %v, want %v", got, want)
			}
		})
	}
}

func TestSpanNameFallsBackToWhatIsKnown(t *testing.T) {
	emitted.NamesOnly(t)
	server, namespace := otelx.WithServer("db", 1234), otelx.WithNamespace("library")
	tests := []struct {
		op   core.Op
		opts []otelx.Option
		want string
	}{
		{search, []otelx.Option{server, namespace}, "Search docs"},
		{core.Op{Name: "Flush"}, []otelx.Option{server, namespace}, "Flush library"},
		{core.Op{Name: "Flush"}, []otelx.Option{server}, "Flush db:1234"},
		{core.Op{Name: "Flush"}, []otelx.Option{otelx.WithServer("::1", 1234)}, "Flush [::1]:1234"},
		{core.Op{Name: "Flush"}, []otelx.Option{otelx.WithServer("db", 0)}, "Flush db"},
		{core.Op{Name: "Flush"}, nil, "Flush"},
		{core.Op{Target: "docs"}, nil, "docs"},
		{core.Op{}, []otelx.Option{otelx.WithSystem("vectordb")}, "vectordb"},
	}
	for _, tt := range tests {
		h := newHarness(t, tt.opts...)
		h.operation(t.Context(), tt.op, succeed)
		if got := h.names(); len(got) != 1 || got[0] != tt.want {
			t.Errorf("%v: spans = %q, want %q", tt.op, got, tt.want)
		}
	}
}

func TestOptionsShapeTheAttributes(t *testing.T) {
	system := otelx.WithSystem("vectordb")
	tests := []struct {
		name   string
		opts   []otelx.Option
		want   attrs
		absent []attribute.Key
	}{
		{"default port", []otelx.Option{otelx.WithServer("db", 5432), otelx.WithDefaultPort(5432)}, attrs{"server.address": "db"}, []attribute.Key{"server.port"}},
		{"other than the default port", []otelx.Option{otelx.WithServer("db", 5433), otelx.WithDefaultPort(5432)}, attrs{"server.port": int64(5433)}, nil},
		{"no default port", []otelx.Option{otelx.WithServer("db", 5432)}, attrs{"server.port": int64(5432)}, nil},
		{"pool name by default", []otelx.Option{otelx.WithServer("db", 5432), otelx.WithDefaultPort(5432), otelx.WithNamespace("library")},
			attrs{"db.client.connection.pool.name": "db:5432/library"}, nil},
		{"no pool name", nil, nil, []attribute.Key{"db.client.connection.pool.name", "server.address"}},
		{"peer by name", []otelx.Option{system, otelx.WithPeerService("vectors")}, attrs{"peer.service": "vectors", "service.peer.name": "vectors"}, nil},
		{"peer left out", []otelx.Option{system, otelx.WithPeerService("-")}, nil, []attribute.Key{"peer.service", "service.peer.name"}},
		{"peer of no system", nil, attrs{"db.system.name": "_OTHER"}, []attribute.Key{"peer.service", "service.peer.name"}},
		{"ours win over the user's", []otelx.Option{system, otelx.WithAttributes(attribute.String("db.system.name", "x"))}, attrs{"db.system.name": "vectordb"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newHarness(t, tt.opts...)
			h.operation(t.Context(), search, succeed)
			got := asMap(h.span("Search docs").Attributes())
			for k, v := range tt.want {
				if got[k] != v {
					t.Errorf("%s = %v, want %v", k, got[k], v)
				}
			}
			for _, k := range tt.absent {
				if v, ok := got[k]; ok {
					t.Errorf("%s = %v, want none", k, v)
				}
			}
		})
	}
}

func TestBadOptionsAreRefusedTogether(t *testing.T) {
	_, err := otelx.NewObserver(otelx.WithServer("db", -1), otelx.WithDefaultPort(65536), otelx.WithAttributes(attribute.KeyValue{}), nil)
	for _, part := range []string{"WithServer", "WithDefaultPort", "WithAttributes"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("NewObserver = %v, want it to name %s", err, part)
		}
	}
}

func TestDurationOfSpanAndMeasurementAgree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, standard()...)
		h.operation(t.Context(), search, func(context.Context) error {
			time.Sleep(250 * time.Millisecond)
			return nil
		})
		span := h.span("Search docs")
		if got := span.EndTime().Sub(span.StartTime()); got != 250*time.Millisecond {
			t.Errorf("span took %v", got)
		}
		if got := h.histogram("db.client.operation.duration"); len(got) != 1 || got[0].Sum != 0.25 || got[0].Count != 1 {
			t.Errorf("db.client.operation.duration = %v", got)
		}
	})
}

func TestOperationUnderUnsampledParentIsMeasuredButNotStarted(t *testing.T) {
	asked := 0
	sampler := samplerFunc(func(sdktrace.SamplingParameters) sdktrace.SamplingDecision {
		asked++
		return sdktrace.RecordAndSample
	})
	unsampled := trace.ContextWithSpanContext(t.Context(), trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{1}, SpanID: trace.SpanID{1},
	}))

	h := newSampledHarness(t, sampler)
	h.operation(unsampled, search, func(ctx context.Context) error {
		if ctx != unsampled {
			t.Error("Begin made a context for nothing")
		}
		if ref := h.Ref(ctx, core.Scope{}); ref != nil {
			t.Errorf("Ref = %v, want nil", ref)
		}
		return nil
	})
	if asked != 0 || len(h.names()) != 0 {
		t.Errorf("the sampler was asked %d times, spans = %q", asked, h.names())
	}
	if got := h.histogram("db.client.operation.duration"); len(got) != 1 || got[0].Count != 1 {
		t.Errorf("measurements = %v, want one", got)
	}

	h = newSampledHarness(t, sampler, otelx.WithStartUnsampled(true))
	h.operation(unsampled, search, succeed)
	if asked != 1 || len(h.names()) != 1 {
		t.Errorf("with the option, the sampler was asked %d times, spans = %q", asked, h.names())
	}
}

func TestMeasurementCarriesAnExemplarOfTheSpan(t *testing.T) {
	h := newHarness(t)
	h.operation(t.Context(), search, succeed)
	points := h.histogram("db.client.operation.duration")
	if len(points) != 1 || len(points[0].Exemplars) != 1 {
		t.Fatalf("points = %v, want one with one exemplar", points)
	}
	id := h.span("Search docs").SpanContext().SpanID()
	if got := trace.SpanID(points[0].Exemplars[0].SpanID); got != id {
		t.Errorf("exemplar of span %v, want %v", got, id)
	}
}

func TestObserverWithoutProvidersIsNotEnabledAndHarmless(t *testing.T) {
	o, err := otelx.NewObserver(otelx.WithTracerProvider(nil), otelx.WithMeterProvider(nil))
	if err != nil {
		t.Fatal(err)
	}
	if o.Enabled() {
		t.Error("Enabled = true, want false")
	}
	s := core.Scope{Op: search, Start: time.Now()}
	ctx := o.Begin(t.Context(), s)
	o.Event(ctx, core.Event{Kind: core.EventRetry, Op: search, Err: errPlain})
	o.End(ctx, s, errPlain)
	if ctx != t.Context() {
		t.Error("Begin made a context for nothing")
	}
	if err := o.Close(t.Context()); err != nil {
		t.Errorf("Close = %v", err)
	}
}

// samplerFunc is a sampler made of a function.
type samplerFunc func(sdktrace.SamplingParameters) sdktrace.SamplingDecision

func (f samplerFunc) ShouldSample(p sdktrace.SamplingParameters) sdktrace.SamplingResult {
	return sdktrace.SamplingResult{Decision: f(p), Tracestate: trace.SpanContextFromContext(p.ParentContext).TraceState()}
}

func (f samplerFunc) Description() string { return "test" }

func TestTheSecondRunOfAHedgedOperationIsMarked(t *testing.T) {
	h := newHarness(t, standard()...)
	second := search
	second.Hedge = true
	for _, op := range []core.Op{search, second} {
		h.operation(t.Context(), op, succeed)
	}
	spans := h.spans.Ended()
	for i, want := range []any{nil, true} {
		if got := asMap(spans[i].Attributes())["penstock.hedge"]; got != want || spans[i].Name() != "Search docs" {
			t.Errorf("penstock.hedge of %q = %v, want %v", spans[i].Name(), got, want)
		}
	}
	// One series of metrics counts both.
	if got := len(h.histogram("db.client.operation.duration")); got != 1 {
		t.Errorf("%d series, want 1", got)
	}
}
