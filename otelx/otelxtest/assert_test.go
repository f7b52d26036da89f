// SPDX-License-Identifier: Apache-2.0

package otelxtest_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/penstock-go/penstock/otelx"
	"github.com/penstock-go/penstock/otelx/otelxtest"
)

// traced emits the trace of an operation whose first attempt failed.
func traced(t *testing.T) *telemetry {
	t.Helper()
	e := emit(t, otelx.ScopeName)
	ctx, span := e.tracer.Start(t.Context(), "Search docs", trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(operation, poolName))
	_, connect := e.tracer.Start(t.Context(), "pool.connect", trace.WithNewRoot(), trace.WithLinks(
		trace.Link{SpanContext: span.SpanContext(), Attributes: []attribute.KeyValue{attribute.String("penstock.link", "needed_by")}},
		trace.Link{SpanContext: trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{1}})},
	))
	time.Sleep(time.Millisecond)
	connect.End()
	span.AddEvent("penstock.retry", trace.WithAttributes(attribute.Int("penstock.attempt", 1), timedOut))
	time.Sleep(time.Second)
	_, attempt := e.tracer.Start(ctx, "Search attempt", trace.WithAttributes(attribute.Int("penstock.attempt", 2)))
	time.Sleep(5 * time.Millisecond)
	attempt.End()
	span.SetStatus(codes.Error, "not loaded")
	span.End()
	return e
}

func TestTree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		spans := traced(t).spans.Ended()
		const want = `Search docs [client] error: not loaded
    db.client.connection.pool.name=main
    db.operation.name=Search
    * penstock.retry {error.type=timeout, penstock.attempt=1}
  Search attempt [internal]
      penstock.attempt=2
pool.connect [internal]
    -> Search docs {penstock.link=needed_by}
    -> (a span that is not here)
`
		if got := otelxtest.Tree(spans, otelxtest.TreeConfig{}); got != want {
			t.Errorf("Tree =\n%swant\n%s", got, want)
		}
		const timed = `Search docs [client] error: not loaded +0s for 1.006s
    db.operation.name=Search
    * penstock.retry {penstock.attempt=1} +1ms
  Search attempt [internal] +1.001s for 5ms
      penstock.attempt=2
pool.connect [internal] +0s for 1ms
    -> Search docs {penstock.link=needed_by}
    -> (a span that is not here)
`
		if got := otelxtest.Tree(spans, otelxtest.TreeConfig{Times: true, Attributes: []string{"db.operation.name", "penstock.*"}}); got != timed {
			t.Errorf("Tree =\n%swant\n%s", got, timed)
		}
		const wide = `Search docs [client] error: not loaded
    db.client.connection.pool.name=main db.operation.name=Search
    * penstock.retry {error.type=timeout, penstock.attempt=1}
  Search attempt [internal]
      penstock.attempt=2
`
		for width, want := range map[int]string{60: wide, 59: strings.Replace(wide, " db.operation", "\n    db.operation", 1)} {
			if got := otelxtest.Tree(spans, otelxtest.TreeConfig{Width: width}); !strings.HasPrefix(got, want) {
				t.Errorf("Tree with width %d =\n%swant\n%s", width, got, want)
			}
		}
	})
}

func TestAssertSpanReturnsTheSpan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		spans := traced(t).spans.Ended()
		got := otelxtest.AssertSpan(t, spans, otelxtest.Span{
			Name: "Search docs", Kind: trace.SpanKindClient, Failed: true,
			Attributes: []attribute.KeyValue{operation}, Absent: []attribute.Key{"penstock.hedge"}, Events: []string{"penstock.retry"},
		})
		if got == nil || got.Name() != "Search docs" {
			t.Errorf("AssertSpan = %v, want the operation", got)
		}
		otelxtest.AssertSpan(t, spans, otelxtest.Span{Name: "Search attempt", Parent: "Search docs"})
	})
}

func TestAssertSpanSaysWhatDiffers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		spans := traced(t).spans.Ended()
		for want, span := range map[string]otelxtest.Span{
			`span "Get docs": there is none`:                                        {Name: "Get docs"},
			`its kind is internal, want client`:                                     {Name: "Search attempt", Kind: trace.SpanKindClient},
			`its status is Error "not loaded", want failed to be false`:             {Name: "Search docs"},
			`its parent is Search docs, want pool.connect`:                          {Name: "Search attempt", Parent: "pool.connect"},
			`its parent is none that is here, want Search docs`:                     {Name: "pool.connect", Parent: "Search docs"},
			`its penstock.attempt is 2 (INT64), want 2 (STRING)`:                    {Name: "Search attempt", Attributes: []attribute.KeyValue{attribute.String("penstock.attempt", "2")}},
			`it has no error.type, want timeout`:                                    {Name: "Search attempt", Attributes: []attribute.KeyValue{timedOut}},
			`its penstock.attempt is 2, want none`:                                  {Name: "Search attempt", Absent: []attribute.Key{"penstock.attempt"}},
			`its events are ["penstock.retry"], want ["penstock.wait"]`:             {Name: "Search docs", Failed: true, Events: []string{"penstock.wait"}},
			"the spans are\nSearch docs [client] error: not loaded\n    db.client.": {Name: "pool.connect", Failed: true},
		} {
			r := &reports{TB: t}
			otelxtest.AssertSpan(r, spans, span)
			if len(r.texts) != 1 || !strings.Contains(r.texts[0], want) {
				t.Errorf("AssertSpan reported %q, want %q in it", r.texts, want)
			}
		}
	})
}

func TestAssertMetric(t *testing.T) {
	e := emit(t, otelx.ScopeName)
	e.count("penstock.timeouts", "{timeout}", 2, poolName, attribute.String("penstock.timeout.scope", "attempt"))
	e.count("penstock.timeouts", "{timeout}", 1, poolName, attribute.String("penstock.timeout.scope", "operation"))
	h, _ := e.meter.Float64Histogram("penstock.wait.duration")
	h.Record(t.Context(), 3)
	h.Record(t.Context(), 4)
	g, _ := e.meter.Int64Gauge("penstock.timeout.limit")
	g.Record(t.Context(), 7)
	rm := e.metrics()
	for _, m := range []otelxtest.Metric{
		{Name: "penstock.timeouts", Value: 3},
		{Name: "penstock.timeouts", Attributes: []attribute.KeyValue{attribute.String("penstock.timeout.scope", "attempt")}, Value: 2},
		{Name: "penstock.wait.duration", Value: 2},
		{Name: "penstock.timeout.limit", Value: 7},
	} {
		otelxtest.AssertMetric(t, rm, m)
	}
	for want, m := range map[string]otelxtest.Metric{
		`there is no metric penstock.retries, want 0; the metrics are ["penstock.timeouts" "penstock.wait.duration" "penstock.timeout.limit"]`: {Name: "penstock.retries"},
		`penstock.timeouts has no series with {penstock.timeout.scope=try}, want 0; the series are
{db.client.connection.pool.name=main, penstock.timeout.scope=attempt} 2
`: {Name: "penstock.timeouts", Attributes: []attribute.KeyValue{attribute.String("penstock.timeout.scope", "try")}},
		"penstock.timeouts{} is 3, want 4; the series are\n": {Name: "penstock.timeouts", Value: 4},
	} {
		r := &reports{TB: t}
		otelxtest.AssertMetric(r, rm, m)
		if len(r.texts) != 1 || !strings.HasPrefix(r.texts[0], want) {
			t.Errorf("AssertMetric reported %q, want %q", r.texts, want)
		}
	}
}
