// SPDX-License-Identifier: Apache-2.0

package otelxtest_test

import (
	"context"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/penstock-go/penstock/otelx"
	"github.com/penstock-go/penstock/otelx/otelxtest"
)

// telemetry makes telemetry by hand, in the scope of package otelx.
type telemetry struct {
	t      *testing.T
	tracer trace.Tracer
	meter  metric.Meter
	spans  *tracetest.SpanRecorder
	reader *sdkmetric.ManualReader
}

func emit(t *testing.T, scope string) *telemetry {
	t.Helper()
	e := &telemetry{t: t, spans: tracetest.NewSpanRecorder(), reader: sdkmetric.NewManualReader()}
	e.tracer = sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(e.spans)).Tracer(scope)
	e.meter = sdkmetric.NewMeterProvider(sdkmetric.WithReader(e.reader)).Meter(scope)
	return e
}

func (e *telemetry) metrics() (rm metricdata.ResourceMetrics) {
	e.t.Helper()
	if err := e.reader.Collect(context.Background(), &rm); err != nil {
		e.t.Fatal(err)
	}
	return rm
}

// findings returns what a check of the telemetry finds.
func (e *telemetry) findings(cfg otelxtest.Config) []otelxtest.Finding {
	e.t.Helper()
	c, err := otelxtest.New(cfg)
	if err != nil {
		e.t.Fatal(err)
	}
	c.Spans(e.spans.Ended()...)
	c.Metrics(e.metrics())
	return c.Findings()
}

// operation starts the span of an operation that has what it must have, and kvs.
func (e *telemetry) operation(kvs ...attribute.KeyValue) trace.Span {
	_, span := e.tracer.Start(context.Background(), "Search docs", trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
		attribute.String("db.system.name", "vectordb"), attribute.String("db.operation.name", "Search"),
	), trace.WithAttributes(kvs...))
	return span
}

// count adds n to a counter of Penstock's.
func (e *telemetry) count(name, unit string, n int64, kvs ...attribute.KeyValue) {
	e.t.Helper()
	c, err := e.meter.Int64Counter(name, metric.WithUnit(unit))
	if err != nil {
		e.t.Fatal(err)
	}
	c.Add(context.Background(), n, metric.WithAttributes(kvs...))
}

var (
	poolName  = attribute.String("db.client.connection.pool.name", "main")
	operation = attribute.String("db.operation.name", "Search")
	timedOut  = attribute.String("error.type", "timeout")
	badUTF8   = "docs-\xff"
)

func TestCheckFindsWhatDiffers(t *testing.T) {
	for name, tt := range map[string]struct {
		emit func(*telemetry)
		want string // "" is no finding
	}{
		"healthy": {func(e *telemetry) {
			span := e.operation(poolName, timedOut, attribute.String("peer.service", "vectordb"))
			span.AddEvent("penstock.retry", trace.WithAttributes(attribute.Int("penstock.attempt", 1), attribute.Float64("penstock.retry.delay", 1), timedOut))
			span.AddLink(trace.Link{SpanContext: span.SpanContext(), Attributes: []attribute.KeyValue{attribute.String("penstock.link", "opened_by")}})
			span.End()
			e.count("penstock.retries", "{retry}", 1, poolName, operation, timedOut)
		}, ""},
		"span": {func(e *telemetry) {
			_, span := e.tracer.Start(e.t.Context(), "pool.conect")
			span.End()
		}, "span pool.conect: missing_span: no registry defines a span of this name and kind internal"},
		"kind of span": {func(e *telemetry) {
			_, span := e.tracer.Start(e.t.Context(), "Search docs")
			span.End()
		}, "span Search docs: missing_span"},
		"attribute": {func(e *telemetry) { e.operation(attribute.String("app.tenant", "a")).End() },
			"span penstock.operation: missing_attribute: app.tenant is in no registry"},
		"attribute of another signal": {func(e *telemetry) { e.operation(attribute.Int("penstock.attempt", 1)).End() },
			"span penstock.operation: unexpected_attribute: penstock.attempt is defined, but not for this signal"},
		"deprecated attribute": {func(e *telemetry) { e.operation(attribute.String("db.statement", "x")).End() },
			"span penstock.operation: deprecated: db.statement is deprecated: use db.query.text"},
		"type": {func(e *telemetry) { e.operation(attribute.String("server.port", "1")).End() },
			"span penstock.operation: type_mismatch: server.port is string, want int"},
		"enumerated value": {func(e *telemetry) { e.operation(attribute.String("penstock.timeout.scope", "try")).End() },
			`span penstock.operation: undefined_enum_variant: penstock.timeout.scope is "try", want one of ["attempt" "operation"]`},
		"required": {func(e *telemetry) {
			_, span := e.tracer.Start(e.t.Context(), "Search docs", trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(operation))
			span.End()
		}, "span penstock.operation: required_attribute_not_present: db.system.name is required"},
		"text": {func(e *telemetry) { e.operation(attribute.String("error.type", "dial tcp: refused")).End() },
			`span penstock.operation: not_a_word: error.type is "dial tcp: refused"`},
		"id": {func(e *telemetry) {
			e.operation(attribute.String("db.response.status_code", "4bf92f3577b34da6a3ce929d0e0e4736")).End()
		}, "span penstock.operation: not_a_word: db.response.status_code is"},
		"bytes": {func(e *telemetry) { e.operation(attribute.String("db.collection.name", badUTF8)).End() },
			"span penstock.operation: invalid_utf8: the value of db.collection.name is no valid UTF-8"},
		"length": {func(e *telemetry) {
			e.operation(attribute.String("db.collection.name", strings.Repeat("ä", 257))).End()
		},
			"span penstock.operation: too_long: the value of db.collection.name has 257 characters, at most 256 are allowed"},
		"event": {func(e *telemetry) {
			span := e.operation()
			span.AddEvent("penstock.retried")
			span.End()
		}, "event penstock.retried: missing_event"},
		"attribute of an event": {func(e *telemetry) {
			span := e.operation()
			span.AddEvent("penstock.wait", trace.WithAttributes(attribute.String("penstock.stage", "retry")))
			span.End()
		}, "event penstock.wait: required_attribute_not_present: penstock.wait.duration is required"},
		"link": {func(e *telemetry) {
			span := e.operation()
			span.AddLink(trace.Link{SpanContext: span.SpanContext(), Attributes: []attribute.KeyValue{attribute.String("penstock.link", "needed_by")}})
			span.End()
		}, `span penstock.operation: undefined_enum_variant: penstock.link is "needed_by", want one of ["opened_by"]`},
		"metric": {func(e *telemetry) { e.count("penstock.retrys", "{retry}", 1) },
			"metric penstock.retrys: missing_metric"},
		"metric of the conventions": {func(e *telemetry) { e.count("db.client.connections.timeouts", "{timeout}", 1) },
			"metric db.client.connections.timeouts: deprecated: it is deprecated: use db.client.connection.timeouts"},
		"unit": {func(e *telemetry) { e.count("penstock.retries", "1", 1, operation) },
			`metric penstock.retries: unit_mismatch: its unit is "1", want "{retry}"`},
		"instrument": {func(e *telemetry) {
			c, _ := e.meter.Int64UpDownCounter("penstock.retries", metric.WithUnit("{retry}"))
			c.Add(e.t.Context(), 1, metric.WithAttributes(operation))
		}, "metric penstock.retries: unexpected_instrument: its instrument is updowncounter, want counter"},
		"unbounded": {func(e *telemetry) {
			for i := range 102 {
				e.count("penstock.retries", "{retry}", 1, attribute.String("db.operation.name", fmt.Sprint("Search", i)))
			}
		}, "metric penstock.retries: unbounded_values: db.operation.name has more than 101 different values"},
		"overflow of the SDK": {func(e *telemetry) {
			e.count("penstock.retries", "{retry}", 1, attribute.Bool("otel.metric.overflow", true))
		}, "metric penstock.retries: unbounded_values: the SDK has folded series"},
	} {
		t.Run(name, func(t *testing.T) {
			e := emit(t, otelx.ScopeName)
			tt.emit(e)
			findings := e.findings(otelxtest.Config{})
			if tt.want == "" {
				if len(findings) > 0 {
					t.Errorf("Findings = %v, want none", findings)
				}
				return
			}
			if len(findings) != 1 || !strings.HasPrefix(findings[0].String(), tt.want) {
				t.Errorf("Findings = %v, want one that begins with %q", findings, tt.want)
			}
		})
	}
}

// TestCheckReportsToTheTest is the use in a test of an application.
func TestCheckReportsToTheTest(t *testing.T) {
	e := emit(t, otelx.ScopeName)
	for range 3 {
		e.operation(attribute.String("app.tenant", "a")).End()
	}
	r := &reports{TB: t}
	otelxtest.Check(r, otelxtest.Config{}, e.spans.Ended(), e.metrics())
	if len(r.texts) != 1 || !strings.Contains(r.texts[0], "app.tenant") || !strings.Contains(r.texts[0], "(3 times)") {
		t.Errorf("Check reported %q, want app.tenant once", r.texts)
	}
	otelxtest.Check(t, otelxtest.Config{Allow: []string{"app.*"}}, e.spans.Ended(), e.metrics())
}

// reports is a test that keeps what it is told.
type reports struct {
	testing.TB
	texts []string
}

func (r *reports) Helper()                   {}
func (r *reports) Error(args ...any)         { r.texts = append(r.texts, fmt.Sprint(args...)) }
func (r *reports) Errorf(f string, a ...any) { r.texts = append(r.texts, fmt.Sprintf(f, a...)) }
func (r *reports) Fatalf(f string, a ...any) { r.texts = append(r.texts, fmt.Sprintf(f, a...)) }

func TestCheckLeavesOtherScopesAlone(t *testing.T) {
	e := emit(t, "example.com/app")
	e.operation(attribute.String("app.tenant", "a")).End()
	e.count("app.jobs", "{job}", 1)
	if findings := e.findings(otelxtest.Config{}); len(findings) > 0 {
		t.Errorf("Findings = %v, want none", findings)
	}
	if findings := e.findings(otelxtest.Config{Scopes: []string{"example.com/app"}}); len(findings) != 2 {
		t.Errorf("Findings = %v, want one for app.tenant and one for app.jobs", findings)
	}
}

func TestARegistryOfTheApplicationIsChecked(t *testing.T) {
	own := fstest.MapFS{"app.yaml": {Data: []byte(`file_format: definition/2
metrics:
  - name: app.jobs
    instrument: counter
    unit: "{job}"
    brief: The number of jobs.
    stability: development
    attributes:
      - ref: db.operation.name
        requirement_level: required
        annotations:
          penstock: {max_values: 2}
`)}}
	cfg := otelxtest.Config{Registries: []fs.FS{own}, Scopes: []string{"example.com/app"}}
	e := emit(t, "example.com/app")
	e.count("app.jobs", "{job}", 1, operation)
	if findings := e.findings(cfg); len(findings) > 0 {
		t.Errorf("Findings = %v, want none", findings)
	}
	for _, name := range []string{"Get", "Insert"} {
		e.count("app.jobs", "{job}", 1, attribute.String("db.operation.name", name))
	}
	if findings := e.findings(cfg); len(findings) != 1 || findings[0].ID != "unbounded_values" {
		t.Errorf("Findings = %v, want unbounded_values", findings)
	}
}

func TestCoverageCountsWhatWasMeasured(t *testing.T) {
	e := emit(t, otelx.ScopeName)
	e.count("penstock.timeouts", "{timeout}", 0, attribute.String("penstock.timeout.scope", "operation"))
	e.count("penstock.timeouts", "{timeout}", 1, attribute.String("penstock.timeout.scope", "attempt"))
	c, err := otelxtest.New(otelxtest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	all := c.Coverage()
	if len(all.Seen) > 0 || !slices.Contains(all.Missing, "metric penstock.timeouts") {
		t.Errorf("%d items are seen before anything was emitted", len(all.Seen))
	}
	c.Metrics(e.metrics())
	seen := c.Coverage()
	want := []string{"metric penstock.timeouts", "metric penstock.timeouts penstock.timeout.scope", "value penstock.timeout.scope=attempt"}
	if !slices.Equal(seen.Seen, want) {
		t.Errorf("Seen = %q, want %q", seen.Seen, want)
	}
	if len(seen.Missing) != len(all.Missing)-len(want) || !slices.Contains(seen.Missing, "value penstock.timeout.scope=operation") {
		t.Errorf("%d items are missing, want %d with the value that no operation had", len(seen.Missing), len(all.Missing)-len(want))
	}
}
