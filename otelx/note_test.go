// SPDX-License-Identifier: Apache-2.0

package otelx_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/contract/emitted"
	"github.com/penstock-go/penstock/otelx"
)

// fakeNote is what an adapter says.
type fakeNote struct {
	span   []attribute.KeyValue
	metric attribute.KeyValue
	rows   int64
}

func (n *fakeNote) SpanAttributes() []attribute.KeyValue { return n.span }
func (n *fakeNote) MetricAttribute() attribute.KeyValue  { return n.metric }
func (n *fakeNote) ReturnedRows() (int64, bool)          { return n.rows, n.rows > 0 }

// noted ends an operation with a note.
func (h *harness) noted(ctx context.Context, note any, err error) {
	s := core.Scope{Kind: core.ScopeOperation, Op: search, Attempt: 1, Start: time.Now()}
	ctx = h.Begin(ctx, s)
	s.Note = note
	h.End(ctx, s, err)
}

func TestWhatTheAdapterSaysIsOnTheSpanAndInTheDuration(t *testing.T) {
	emitted.Allow(t, "level", "n")
	h := newHarness(t, append(standard(), otelx.WithReturnedRows())...)
	n := &fakeNote{[]attribute.KeyValue{attribute.String("level", "\xff"), attribute.Int("n", 2)}, attribute.String("level", "strong"), 7}
	h.noted(t.Context(), n, nil)
	if got := asMap(h.span("Search docs").Attributes()); got["level"] != "\uFFFD" || got["n"] != int64(2) {
		t.Errorf("the span has %v", got)
	}
	h.noted(t.Context(), n, errBackend)
	h.noted(t.Context(), nil, nil)
	var with, failed, without int
	for _, p := range h.histogram("db.client.operation.duration") {
		m := asMap(p.Attributes.ToSlice())
		switch {
		case m["level"] == "strong" && m["error.type"] != nil:
			failed++
		case m["level"] == "strong":
			with++
		case m["level"] == nil:
			without++
		}
	}
	if with != 1 || failed != 1 || without != 1 {
		t.Errorf("%d series with the level, %d of failures, %d without; want 1 each", with, failed, without)
	}
	if m := h.metrics()["db.client.response.returned_rows"]; m.Unit != "{row}" {
		t.Errorf("returned rows are measured in %q", m.Unit)
	}
}

func TestANoteAddsABoundedNumberOfSeries(t *testing.T) {
	emitted.Allow(t, "level")
	h := newHarness(t, standard()...)
	for i := range 1000 {
		h.noted(t.Context(), &fakeNote{metric: attribute.String("level", fmt.Sprint(i))}, nil)
	}
	if n := len(h.histogram("db.client.operation.duration")); n != 17 {
		t.Errorf("%d series, want 16 and one for the rest", n)
	}
}

func TestANoteIsMeasuredWithoutAllocation(t *testing.T) {
	emitted.Allow(t, "level")
	h := newSampledHarness(t, sdktrace.NeverSample(), standard()...)
	o, err := otelx.NewObserver(append(standard(), otelx.WithMeterProvider(h.mp), otelx.WithReturnedRows())...)
	if err != nil {
		t.Fatal(err)
	}
	s := core.Scope{Kind: core.ScopeOperation, Op: search, Attempt: 1, Start: time.Now(), Note: &fakeNote{metric: attribute.String("level", "strong"), rows: 3}}
	ctx := t.Context()
	if n := testing.AllocsPerRun(1000, func() { o.End(o.Begin(ctx, s), s, nil) }); n != 0 {
		t.Errorf("an operation with a note costs %v allocations, want 0", n)
	}
}

func TestTheFunctionOfAttributesIsCalledForSpansThatAreWritten(t *testing.T) {
	emitted.Allow(t, "tenant", "empty")
	type tenant struct{}
	calls := 0
	fn := func(ctx context.Context, op core.Op) []attribute.KeyValue {
		calls++
		return []attribute.KeyValue{
			attribute.String("tenant", ctx.Value(tenant{}).(string)), attribute.String("db.operation.name", "forged"), {Key: "empty"},
		}
	}
	ctx := context.WithValue(t.Context(), tenant{}, "a")
	h := newHarness(t, append(standard(), otelx.WithAttributesFunc(fn))...)
	h.noted(ctx, nil, errPlain)
	span := h.span("Search docs")
	if got := asMap(span.Attributes()); got["tenant"] != "a" || got["db.operation.name"] != "Search" || calls != 1 {
		t.Errorf("%d calls, the span has %v", calls, got)
	}
	unsampled := newSampledHarness(t, sdktrace.NeverSample(), append(standard(), otelx.WithAttributesFunc(fn))...)
	unsampled.noted(ctx, nil, errPlain)
	if calls != 1 {
		t.Error("the function is called for a span that is not written")
	}
}

func TestAPanicInTheFunctionOfAttributesLosesNothingElse(t *testing.T) {
	for name, fail := range map[string]func(){"panic": func() { panic("bad") }, "runtime error": func() { _ = new(fakeNote).span[0] }} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			h := newHarness(t, append(standard(), otelx.WithLogger(slog.New(slog.NewTextHandler(&log, nil))),
				otelx.WithAttributesFunc(func(context.Context, core.Op) []attribute.KeyValue { fail(); return nil }))...)
			h.noted(t.Context(), nil, errBackend)
			if got := h.span("Search docs"); got.Status().Code != codes.Error || asMap(got.Attributes())["error.type"] != "65535" {
				t.Errorf("the span is %v with %v", got.Status(), got.Attributes())
			}
			h.noted(t.Context(), nil, nil)
			if n := strings.Count(log.String(), "the function of attributes panicked"); n != 1 {
				t.Errorf("%d records, want one:\n%s", n, log.String())
			}
			panics := h.sum("penstock.panics")
			if len(panics) != 1 || panics[0].Value != 2 || asMap(panics[0].Attributes.ToSlice())["penstock.function"] != "AttributesFunc" {
				t.Errorf("panics %v, want two of AttributesFunc", panics)
			}
		})
	}
}

func TestAnnotateOutsideOfAnOperationDoesNothing(t *testing.T) {
	otelx.Annotate(t.Context(), attribute.String("tenant", "a"))
}
