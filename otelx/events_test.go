// SPDX-License-Identifier: Apache-2.0

package otelx_test

import (
	"context"
	"fmt"
	"reflect"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/otelx"
)

func TestRetriesAreEventsOfTheOperationFromAnywhereWithin(t *testing.T) {
	h := newHarness(t, standard()...)
	e := core.Event{Kind: core.EventRetry, Op: search, Attempt: 1, Delay: 500 * time.Millisecond, Err: errBackend}
	h.operation(t.Context(), search, func(ctx context.Context) error {
		h.Event(ctx, e)
		h.within(ctx, core.Scope{Kind: core.ScopeAttempt, Op: search, Attempt: 2}, func(ctx context.Context) error {
			h.Event(ctx, e)
			ctx, user := h.tp.Tracer("user").Start(ctx, "stage")
			defer user.End()
			h.Event(ctx, e)
			return nil
		})
		return nil
	})

	events := h.span("Search docs").Events()
	if len(events) != 3 || len(h.span("Search attempt").Events()) != 0 || len(h.span("stage").Events()) != 0 {
		t.Fatalf("%d events on the operation, want all 3", len(events))
	}
	want := attrs{"penstock.attempt": int64(1), "penstock.retry.delay": 0.5, "error.type": "65535", "penstock.error.message": "segment not loaded"}
	if got := asMap(events[0].Attributes); events[0].Name != "penstock.retry" || !reflect.DeepEqual(got, want) {
		t.Errorf("event %q %v, want %v", events[0].Name, got, want)
	}
}

func TestRetriesAreCountedWhenTheAttemptIsMade(t *testing.T) {
	want := attrs{"db.client.connection.pool.name": "main", "db.operation.name": "Search", "error.type": "65535"}
	for name, traced := range map[string]bool{"with spans": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, standard()...)
			if !traced {
				o, err := otelx.NewObserver(append(standard(), otelx.WithMeterProvider(h.mp))...)
				if err != nil {
					t.Fatal(err)
				}
				h.Observer = o
			}
			h.operation(t.Context(), search, func(ctx context.Context) error {
				h.Event(ctx, core.Event{Kind: core.EventRetry, Op: search, Attempt: 1, Delay: time.Second, Err: errBackend})
				if points := h.sum("penstock.retries"); len(points) != 0 {
					t.Errorf("penstock.retries = %v before the attempt, want none", points)
				}
				h.within(ctx, core.Scope{Kind: core.ScopeAttempt, Op: search, Attempt: 2, Cause: errBackend}, succeed)
				return nil
			})
			points := h.sum("penstock.retries")
			if len(points) != 1 || points[0].Value != 1 || !reflect.DeepEqual(asMap(points[0].Attributes.ToSlice()), want) {
				t.Errorf("penstock.retries = %v, want one with %v", points, want)
			}
		})
	}
}

func TestAnAnswerIsNoFailure(t *testing.T) {
	missing := typedError{"not_found", "404", "no such document"}
	h := newHarness(t, standard()...)
	outer := core.Scope{Kind: core.ScopeOperation, Op: search, Attempt: 1, Start: time.Now()}
	ctx := h.Begin(t.Context(), outer)
	attempt := core.Scope{Kind: core.ScopeAttempt, Op: search, Attempt: 2, Start: time.Now(), Cause: errBackend}
	within := h.Begin(ctx, attempt)
	attempt.Answered, outer.Answered = true, true
	h.End(within, attempt, missing)
	h.End(ctx, outer, missing)
	h.operation(t.Context(), core.Op{Name: "Delete"}, failWith(missing)) // the same error, as a failure

	for _, name := range []string{"Search docs", "Search attempt"} {
		span := h.span(name)
		got := asMap(span.Attributes())
		if _, ok := got["error.type"]; ok || got["penstock.answer"] != "not_found" || got["db.response.status_code"] != "404" {
			t.Errorf("%s has %v, want the answer and no error.type", name, got)
		}
		if span.Status() != (sdktrace.Status{}) {
			t.Errorf("%s has status %v, want none", name, span.Status())
		}
	}
	for _, p := range h.histogram("db.client.operation.duration") {
		got := asMap(p.Attributes.ToSlice())
		want := attrs{"penstock.answer": "not_found"}
		if got["db.operation.name"] == "Delete" {
			want = attrs{"error.type": "not_found"}
		}
		for _, key := range []attribute.Key{"penstock.answer", "error.type"} {
			if got[key] != want[key] {
				t.Errorf("%s of the measurement of %v = %v, want %v", key, got["db.operation.name"], got[key], want[key])
			}
		}
	}
}

func TestEndOfRetriesSaysHowAndAfterHowMany(t *testing.T) {
	h := newHarness(t, standard()...)
	for _, e := range []core.Event{
		{Kind: core.EventRetryEnd, Op: search, Attempt: 3, Outcome: "recovered"},
		{Kind: core.EventRetryEnd, Op: search, Attempt: 1, Outcome: "not_retryable", Err: errBackend},
	} {
		h.operation(t.Context(), search, func(ctx context.Context) error {
			h.Event(ctx, e)
			return e.Err
		})
	}
	spans := h.spans.Ended()
	first, second := asMap(spans[0].Attributes()), asMap(spans[1].Attributes())
	if first["penstock.retry.outcome"] != "recovered" || first["penstock.retry.attempts"] != int64(3) {
		t.Errorf("after three attempts: %v", first)
	}
	if _, ok := second["penstock.retry.attempts"]; ok || second["penstock.retry.outcome"] != "not_retryable" {
		t.Errorf("after one attempt: %v", second)
	}
	if points := h.sum("penstock.retry.outcomes"); len(points) != 2 {
		t.Errorf("penstock.retry.outcomes = %v, want two series", points)
	}
}

func TestRejectionLinksToTheOperationThatOpenedTheBreaker(t *testing.T) {
	h := newHarness(t)
	var opener any
	h.operation(t.Context(), core.Op{Name: "Insert"}, func(ctx context.Context) error {
		opener = h.Ref(ctx, core.Scope{})
		h.Event(ctx, core.Event{Kind: core.EventReject, Name: "breaker", From: "open", Ref: opener}) // its own: no link
		return nil
	})
	open := typedError{errorType: "circuit_open", text: "circuit breaker open"}
	h.operation(t.Context(), search, func(ctx context.Context) error {
		h.Event(ctx, core.Event{Kind: core.EventReject, Name: "breaker", From: "open", Delay: 30 * time.Second, Ref: opener, Err: open})
		return open
	})

	span, first := h.span("Search docs"), h.span("Insert")
	if links := first.Links(); len(links) != 0 {
		t.Errorf("links to itself: %v", links)
	}
	links := span.Links()
	if len(links) != 1 || !links[0].SpanContext.Equal(first.SpanContext()) || asMap(links[0].Attributes)["penstock.link"] != "opened_by" {
		t.Errorf("links = %v, want one to %v", links, first.SpanContext())
	}
	got := asMap(span.Attributes())
	if got["error.type"] != "circuit_open" || got["penstock.circuit_breaker.state"] != "open" || got["penstock.retry_after"] != 30.0 {
		t.Errorf("attributes = %v", got)
	}
}

func TestRejectionByOtherStagesAddsNothingToTheError(t *testing.T) {
	h := newHarness(t)
	h.operation(t.Context(), search, func(ctx context.Context) error {
		h.Event(ctx, core.Event{Kind: core.EventReject, Name: "health", Ref: 1})
		return nil
	})
	span := h.span("Search docs")
	if want := []string{"db.collection.name", "db.operation.name", "db.system.name"}; !reflect.DeepEqual(keys(asMap(span.Attributes())), want) || len(span.Links()) != 0 {
		t.Errorf("attributes = %v, links = %v", span.Attributes(), span.Links())
	}
}

func TestMovesAreCountedEvenOutsideOfOperations(t *testing.T) {
	h := newHarness(t, standard()...)
	h.Event(t.Context(), core.Event{Kind: core.EventTransition, Name: "breaker", From: "open", To: "half_open"})
	h.operation(t.Context(), search, func(ctx context.Context) error {
		h.Event(ctx, core.Event{Kind: core.EventTransition, Name: "keyed", From: "open", To: "half_open", Outcome: "health_probe"})
		h.Event(ctx, core.Event{Kind: core.EventTransition, Name: "breaker", From: "half_open", To: "closed"})
		return nil
	})

	events := h.span("Search docs").Events()
	half := attrs{
		"penstock.circuit_breaker.name": "keyed", "penstock.circuit_breaker.from": "open", "penstock.circuit_breaker.to": "half_open",
		"penstock.circuit_breaker.reason": "health_probe",
	}
	if len(events) != 2 || !reflect.DeepEqual(asMap(events[0].Attributes), half) {
		t.Fatalf("events = %v", events)
	}
	events = events[1:]
	want := attrs{"penstock.circuit_breaker.name": "breaker", "penstock.circuit_breaker.from": "half_open", "penstock.circuit_breaker.to": "closed"}
	if len(events) != 1 || events[0].Name != "penstock.circuit_breaker.transition" || !reflect.DeepEqual(asMap(events[0].Attributes), want) {
		t.Errorf("events = %v", events)
	}
	points := h.sum("penstock.circuit_breaker.transitions")
	if len(points) != 3 {
		t.Fatalf("penstock.circuit_breaker.transitions = %v, want three series", points)
	}
	for _, p := range points {
		got := asMap(p.Attributes.ToSlice())
		if p.Value != 1 || got["penstock.circuit_breaker.name"] == "" || got["db.client.connection.pool.name"] != "main" {
			t.Errorf("%v = %d", got, p.Value)
		}
	}
}

func TestTimeoutSaysWhichLimitAndHowLong(t *testing.T) {
	h := newHarness(t, standard()...)
	timeout := &core.TimeoutError{Limit: 10 * time.Second}
	h.operation(t.Context(), search, func(ctx context.Context) error {
		h.Event(ctx, core.Event{Kind: core.EventTimeout, Outcome: "attempt", Limit: 10 * time.Second})
		return timeout
	})
	got := asMap(h.span("Search docs").Attributes())
	if got["error.type"] != "timeout" || got["penstock.timeout.scope"] != "attempt" || got["penstock.timeout.duration"] != 10.0 {
		t.Errorf("attributes = %v", got)
	}
	if points := h.sum("penstock.timeouts"); len(points) != 1 || points[0].Value != 1 || asMap(points[0].Attributes.ToSlice())["penstock.timeout.scope"] != "attempt" {
		t.Errorf("penstock.timeouts = %v", points)
	}
}

func TestEventsOfNestedOperationsLandOnTheirOwnSpan(t *testing.T) {
	// The inner client's operation has a span, has none because its sampler says
	// no, or belongs to an observer that does not trace: never may its events
	// land on the outer operation's span.
	dropInner := samplerFunc(func(p sdktrace.SamplingParameters) sdktrace.SamplingDecision {
		if p.Name == "Inner" {
			return sdktrace.Drop
		}
		return sdktrace.RecordAndSample
	})
	metricsOnly, err := otelx.NewObserver()
	if err != nil {
		t.Fatal(err)
	}
	inner := core.Op{Name: "Inner"}
	tests := map[string]struct {
		sampler  sdktrace.Sampler
		observer func(*harness) *otelx.Observer
		spans    int
	}{
		"own span":       {sdktrace.AlwaysSample(), func(h *harness) *otelx.Observer { return h.Observer }, 2},
		"dropped":        {dropInner, func(h *harness) *otelx.Observer { return h.Observer }, 1},
		"does not trace": {sdktrace.AlwaysSample(), func(*harness) *otelx.Observer { return metricsOnly }, 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			h := newSampledHarness(t, tt.sampler)
			h.operation(t.Context(), search, func(ctx context.Context) error {
				o := tt.observer(h)
				s := core.Scope{Kind: core.ScopeOperation, Op: inner, Attempt: 1, Start: time.Now()}
				ctx = o.Begin(ctx, s)
				o.Event(ctx, core.Event{Kind: core.EventRetry, Op: inner, Attempt: 1, Err: errPlain})
				o.End(ctx, s, errPlain)
				return nil
			})
			outer := h.span("Search docs")
			if len(h.names()) != tt.spans || len(outer.Events()) != 0 || outer.Status() != (sdktrace.Status{}) {
				t.Errorf("spans = %q, events of the outer = %v, status = %v", h.names(), outer.Events(), outer.Status())
			}
		})
	}
}

func TestRefOutsideOfOperationsIsTheSpanAround(t *testing.T) {
	h := newHarness(t)
	if got := h.Ref(t.Context(), core.Scope{}); got != nil {
		t.Errorf("Ref = %v, want nil", got)
	}
	ctx, span := h.tp.Tracer("user").Start(t.Context(), "job")
	defer span.End()
	sc := span.SpanContext()
	if got, want := fmt.Sprint(h.Ref(ctx, core.Scope{})), sc.TraceID().String()+"-"+sc.SpanID().String(); got != want {
		t.Errorf("Ref = %v, want %v", got, want)
	}
	if h.Ref(ctx, core.Scope{}) != h.Ref(ctx, core.Scope{}) {
		t.Error("two references to the same span differ")
	}
}
