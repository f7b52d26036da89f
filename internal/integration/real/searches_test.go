// SPDX-License-Identifier: Apache-2.0

package real

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/internal/servers"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/middleware/retry"
	"github.com/penstock-go/penstock/otelx/sdk"
	"github.com/penstock-go/penstock/pool"
)

// searches returns the searches for traces that the documents recommend.
func searches(t *testing.T) []string {
	t.Helper()
	var found []string
	for page, pattern := range map[string]string{
		"README.md":         "(?m)^\\| `([^`]*=[^`]*)` \\|",
		"docs/telemetry.md": "search for\\s`([^`]+)`",
	} {
		text, err := os.ReadFile("../../../" + page)
		if err != nil {
			t.Fatal(err)
		}
		matches := regexp.MustCompile(pattern).FindAllStringSubmatch(string(text), -1)
		if len(matches) == 0 {
			t.Errorf("%s recommends no search", page)
		}
		for _, m := range matches {
			found = append(found, m[1])
		}
	}
	return found
}

// jaegerClient returns a client whose spans go to j, and a function that exports
// them and returns those that ended.
func jaegerClient(t *testing.T, j *servers.Jaeger, service string, classify core.Classifier, chain middleware.Config) (*penstock.Client[int], func() []sdktrace.ReadOnlySpan) {
	t.Helper()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", j.OTLPEndpoint())
	t.Setenv("OTEL_METRICS_EXPORTER", "none")
	spans := tracetest.NewSpanRecorder()
	telemetry, err := sdk.Setup(t.Context(), sdk.Config{ServiceName: service, SpanProcessors: []sdktrace.SpanProcessor{spans}})
	if err != nil {
		t.Fatal(err)
	}
	c, err := penstock.Open(t.Context(), penstock.Backend[int]{
		Factory: struct{ pool.Factory[int] }{&coretest.Factory[int]{}}, Classifier: classify, System: "milvus",
	}, penstock.Config{Chain: chain, TracerProvider: telemetry.TracerProvider()})
	if err != nil {
		t.Fatal(err)
	}
	return c, func() []sdktrace.ReadOnlySpan {
		t.Helper()
		if err := errors.Join(c.Close(t.Context()), telemetry.Shutdown(t.Context())); err != nil {
			t.Fatal(err)
		}
		return spans.Ended()
	}
}

func TestEachSearchThatADocumentRecommendsFindsItsSpans(t *testing.T) {
	const service = "penstock-quickstart"
	j := servers.StartJaeger(t)
	missing, down := errors.New("not found"), errors.New("down")
	c, export := jaegerClient(t, j, service, func(err error) core.Class {
		if errors.Is(err, missing) {
			return core.Answered("not_found")
		}
		return core.DeadConn("UNAVAILABLE")
	}, middleware.Config{
		Breaker: breaker.Config{FailureThreshold: 1},
		Retry:   retry.Config{MaxRetries: 1, Interval: time.Millisecond},
	})
	search := core.Op{Name: "Search", Target: "digits", Safety: core.ReadOnly}
	unsampled := oteltrace.ContextWithSpanContext(t.Context(), oteltrace.NewSpanContext(oteltrace.SpanContextConfig{
		TraceID: oteltrace.TraceID{1}, SpanID: oteltrace.SpanID{1}, Remote: true,
	}))
	for _, row := range []struct {
		ctx  context.Context
		ends []error
		want error
	}{
		{t.Context(), []error{missing}, missing},     // an answer
		{t.Context(), []error{down, nil}, nil},       // recovered
		{unsampled, []error{down, down}, down},       // failed, and opened the breaker: evidence
		{t.Context(), []error{nil}, breaker.ErrOpen}, // rejected
	} {
		_, err := core.Do(row.ctx, c, search, func(context.Context, int) (int, error) {
			end := row.ends[0]
			row.ends = row.ends[1:]
			return 0, end
		})
		if !errors.Is(err, row.want) {
			t.Fatalf("Do = %v, want %v", err, row.want)
		}
	}
	export()

	for _, tags := range searches(t) {
		traces := find(t, j, service, tags)
		if len(traces) == 0 {
			t.Errorf("Jaeger finds nothing by %s", tags)
		}
		for _, trace := range traces {
			if !hasSpan(trace, tags) {
				t.Errorf("the search %s finds trace %s, which has no such span", tags, trace.ID)
			}
		}
	}
	for _, trace := range find(t, j, service, "error.type=circuit_open") {
		if refs := trace.Spans[0].References; len(refs) != 1 || refs[0].Type != "FOLLOWS_FROM" {
			t.Errorf("the rejected operation refers to %v, want a link to the one that opened the breaker", refs)
		}
	}
}

// find returns the traces that Jaeger finds by the tags, written as in its search.
func find(t *testing.T, j *servers.Jaeger, service, tags string) []*servers.Trace {
	t.Helper()
	wanted := map[string]string{}
	for _, tag := range strings.Fields(tags) {
		key, value, _ := strings.Cut(tag, "=")
		wanted[key] = value
	}
	encoded, err := json.Marshal(wanted)
	if err != nil {
		t.Fatal(err)
	}
	query := url.Values{"service": {service}, "tags": {string(encoded)}, "limit": {"100"}}
	var traces []*servers.Trace
	for _, id := range traceIDs(j.Context(), t, j, query) {
		trace, err := j.Trace(j.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		traces = append(traces, trace)
	}
	return traces
}

// hasSpan reports whether a span of the trace has all the tags.
func hasSpan(trace *servers.Trace, tags string) bool {
	for _, span := range trace.Spans {
		all := true
		for _, tag := range strings.Fields(tags) {
			key, value, _ := strings.Cut(tag, "=")
			all = all && span.Tag(key) == value
		}
		if all {
			return true
		}
	}
	return false
}

func TestJaegerTakesSpansWithAnyStrings(t *testing.T) {
	j := servers.StartJaeger(t)
	for name, s := range map[string]string{
		"bad bytes":          "docs-\xff\xfe",
		"very long":          strings.Repeat("long", 2500),
		"control characters": "a\x00b\x1b[31mc\nd\x7f",
	} {
		c, export := jaegerClient(t, j, "strings", func(error) core.Class { return core.Answered(s) }, middleware.Config{})
		_, err := core.Do(t.Context(), c, core.Op{Name: s, Target: s}, func(context.Context, int) (int, error) { return 0, errors.New(s) })
		if err == nil {
			t.Fatal("Do = nil")
		}
		for _, span := range export() {
			trace, err := j.Trace(j.Context(), span.SpanContext().TraceID().String())
			if err != nil {
				t.Fatalf("%s: span %q: %v", name, span.Name(), err)
			}
			if got := trace.Spans[0].Name; got != span.Name() || !utf8.ValidString(got) {
				t.Errorf("%s: Jaeger has span %q, want %q", name, got, span.Name())
			}
		}
	}
}
