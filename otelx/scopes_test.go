// SPDX-License-Identifier: Apache-2.0

package otelx_test

import (
	"context"
	"errors"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/otelx"
	"github.com/penstock-go/penstock/pool"
)

func TestFurtherAttemptIsAnInternalSpanWithin(t *testing.T) {
	h := newHarness(t, standard()...)
	h.operation(t.Context(), search, func(ctx context.Context) error {
		h.within(ctx, core.Scope{Kind: core.ScopeAttempt, Op: search, Attempt: 2, Delay: 1500 * time.Millisecond}, failWith(errBackend))
		return nil
	})

	attempt, op := h.span("Search attempt"), h.span("Search docs")
	if attempt.Parent().SpanID() != op.SpanContext().SpanID() {
		t.Error("the attempt is not a child of its operation")
	}
	if got := attempt.SpanKind(); got != trace.SpanKindInternal {
		t.Errorf("kind = %v, want internal", got)
	}
	want := attrs{
		"penstock.attempt": int64(2), "penstock.retry.delay": 1.5, "db.client.connection.pool.name": "main",
		"error.type": "65535", "db.response.status_code": "65535",
	}
	if got := asMap(attempt.Attributes()); !reflect.DeepEqual(got, want) {
		t.Errorf("attributes = %v, want %v", got, want)
	}
	if got := attempt.Status().Code; got != codes.Error {
		t.Errorf("status of the attempt = %v, want error", got)
	}
	if got := op.Status().Code; got != codes.Unset {
		t.Errorf("status of the operation = %v, want unset", got)
	}
	if _, ok := asMap(op.Attributes())["error.type"]; ok {
		t.Error("an operation that recovered has an error.type")
	}
}

func TestSuccessfulAttemptHasNoErrorType(t *testing.T) {
	h := newHarness(t)
	h.operation(t.Context(), search, func(ctx context.Context) error {
		h.within(ctx, core.Scope{Kind: core.ScopeAttempt, Op: search, Attempt: 2}, succeed)
		return nil
	})
	span := h.span("Search attempt")
	if _, ok := asMap(span.Attributes())["error.type"]; ok || span.Status() != (sdktrace.Status{}) {
		t.Errorf("attributes = %v, status = %v", span.Attributes(), span.Status())
	}
}

func TestAttemptOfOperationWithoutSpanEndsNobodysSpan(t *testing.T) {
	h := newSampledHarness(t, samplerFunc(func(p sdktrace.SamplingParameters) sdktrace.SamplingDecision {
		if p.Kind == trace.SpanKindClient {
			return sdktrace.Drop
		}
		return sdktrace.RecordAndSample
	}))
	ctx, user := h.tp.Tracer("user").Start(t.Context(), "request")
	h.operation(ctx, search, func(ctx context.Context) error {
		h.within(ctx, core.Scope{Kind: core.ScopeAttempt, Op: search, Attempt: 2}, succeed)
		h.within(ctx, core.Scope{Kind: core.ScopeProbe}, succeed)
		return nil
	})
	if got := h.names(); len(got) != 0 || !user.IsRecording() {
		t.Errorf("ended spans = %q, user's still recording = %v", got, user.IsRecording())
	}
}

func TestAcquireSpanOnlyIfItTookTimeOrFailed(t *testing.T) {
	errPool := typedError{errorType: "pool_timeout", text: "pool exhausted"}
	tests := []struct {
		name string
		took time.Duration
		err  error
		want bool
	}{
		{"short", time.Millisecond - 1, nil, false},
		{"long", time.Millisecond, nil, true},
		{"failed", 0, errPool, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHarness(t, standard()...)
				start := time.Now()
				h.operation(t.Context(), search, func(ctx context.Context) error {
					h.within(ctx, core.Scope{Kind: core.ScopeAcquire, Op: search, Name: "pool-1"}, func(context.Context) error {
						time.Sleep(tt.took)
						return tt.err
					})
					return nil
				})

				want := attrs{"db.client.connection.pool.name": "pool-1"}
				if tt.err != nil {
					want["error.type"] = "pool_timeout"
				}
				points := h.histogram("db.client.connection.wait_time")
				if len(points) != 1 || points[0].Sum != tt.took.Seconds() || !reflect.DeepEqual(asMap(points[0].Attributes.ToSlice()), want) {
					t.Errorf("db.client.connection.wait_time = %v", points)
				}
				if !tt.want {
					if got := h.names(); len(got) != 1 {
						t.Errorf("spans = %q, want the operation alone", got)
					}
					return
				}
				span := h.span("pool.acquire")
				if span.Parent().SpanID() != h.span("Search docs").SpanContext().SpanID() {
					t.Error("the wait is not a child of its operation")
				}
				if !span.StartTime().Equal(start) || span.EndTime().Sub(start) != tt.took {
					t.Errorf("from %v to %v, want from %v for %v", span.StartTime(), span.EndTime(), start, tt.took)
				}
				if got := asMap(span.Attributes()); !reflect.DeepEqual(got, want) {
					t.Errorf("attributes = %v, want %v", got, want)
				}
				if got, want := span.Status().Code == codes.Error, tt.err != nil; got != want {
					t.Errorf("status is an error: %v, want %v", got, want)
				}
			})
		})
	}
}

func TestWaitOutsideOfAnyTraceStartsNone(t *testing.T) {
	h := newHarness(t)
	h.within(t.Context(), core.Scope{Kind: core.ScopeAcquire, Name: "p"}, failWith(errPlain))
	if got := h.names(); len(got) != 0 {
		t.Errorf("spans = %q, want none", got)
	}
	if got := h.histogram("db.client.connection.wait_time"); len(got) != 1 {
		t.Errorf("measurements = %v, want one", got)
	}
}

func TestConnectIsATraceOfItsOwnLinkedToWhoNeededIt(t *testing.T) {
	h := newHarness(t, standard()...)
	var cause any
	h.operation(t.Context(), search, func(ctx context.Context) error {
		cause = h.Ref(ctx, core.Scope{})
		h.within(ctx, core.Scope{Kind: core.ScopeConnect, Name: "pool-1", Ref: cause}, func(ctx context.Context) error {
			_, inner := h.tp.Tracer("driver").Start(ctx, "handshake")
			inner.End()
			return nil
		})
		return nil
	})

	op, connect := h.span("Search docs"), h.span("pool.connect")
	if want := (otelx.Ref{TraceID: op.SpanContext().TraceID(), SpanID: op.SpanContext().SpanID()}); cause != any(want) {
		t.Errorf("Ref = %v, want %v", cause, want)
	}
	if connect.Parent().IsValid() || connect.SpanContext().TraceID() == op.SpanContext().TraceID() {
		t.Error("the dial is part of the operation's trace")
	}
	links := connect.Links()
	if len(links) != 1 || !links[0].SpanContext.Equal(op.SpanContext()) || asMap(links[0].Attributes)["penstock.link"] != "needed_by" {
		t.Errorf("links = %v, want one to %v", links, op.SpanContext())
	}
	want := attrs{"server.address": "db.internal", "server.port": int64(19531), "db.client.connection.pool.name": "pool-1"}
	if got := asMap(connect.Attributes()); !reflect.DeepEqual(got, want) {
		t.Errorf("attributes = %v, want %v", got, want)
	}
	if h.span("handshake").Parent().SpanID() != connect.SpanContext().SpanID() {
		t.Error("what the driver traces is not within the dial")
	}
}

func TestFailedConnectIsMarkedAndMeasured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, standard()...)
		refused := typedError{errorType: "connect_error", text: "connection refused"}
		for _, err := range []error{nil, refused} {
			h.within(t.Context(), core.Scope{Kind: core.ScopeConnect, Name: "pool-1", Ref: "not ours"}, func(context.Context) error {
				time.Sleep(2 * time.Second)
				return err
			})
		}
		failed := h.spans.Ended()[1]
		if failed.Status() != (sdktrace.Status{Code: codes.Error, Description: "connection refused"}) || asMap(failed.Attributes())["error.type"] != "connect_error" {
			t.Errorf("status = %v, attributes = %v", failed.Status(), failed.Attributes())
		}
		points := h.histogram("db.client.connection.create_time")
		if len(points) != 2 {
			t.Fatalf("%d series, want 2", len(points))
		}
		for _, p := range points {
			if p.Sum != 2 || p.Count != 1 {
				t.Errorf("%v: %d measurements of %v s in all", p.Attributes, p.Count, p.Sum)
			}
		}
	})
}

func TestProbesHaveNoSpan(t *testing.T) {
	h := newHarness(t, standard()...)
	h.within(t.Context(), core.Scope{Kind: core.ScopeProbe}, failWith(errors.New("down")))
	if got := h.names(); len(got) != 0 {
		t.Errorf("spans = %q, want none", got)
	}
}

func TestEveryScopePairsWhateverTheTrace(t *testing.T) {
	// Begin and End in every kind of trace, nested, must end what they began.
	for name, sampler := range map[string]sdktrace.Sampler{"always": sdktrace.AlwaysSample(), "never": sdktrace.NeverSample()} {
		t.Run(name, func(t *testing.T) {
			h := newSampledHarness(t, sampler, standard()...)
			kinds := []core.ScopeKind{core.ScopeOperation, core.ScopeAttempt, core.ScopeAcquire, core.ScopeConnect, core.ScopeProbe}
			for _, outer := range kinds {
				h.within(t.Context(), core.Scope{Kind: outer, Op: search, Attempt: 1}, func(ctx context.Context) error {
					for _, inner := range kinds {
						h.within(ctx, core.Scope{Kind: inner, Op: search, Attempt: 2}, failWith(errPlain))
					}
					return nil
				})
			}
			if started, ended := len(h.spans.Started()), len(h.spans.Ended()); started != ended {
				t.Errorf("%d spans started, %d ended", started, ended)
			}
		})
	}
}

func TestAnExhaustedPoolNamesTheHoldersOnTheOperation(t *testing.T) {
	holders := pool.Holders{{Operation: "Search", Target: "docs", Held: 12300 * time.Millisecond, Trace: "4bf9"}, {Held: time.Second}}
	for name, row := range map[string]struct {
		err  error
		want []string
	}{
		"a timeout":  {&pool.AcquireError{Waited: time.Second, Holders: holders}, []string{"Search docs since 12.3s trace 4bf9; unknown operation since 1s"}},
		"a cancel":   {&pool.AcquireError{Waited: time.Second, Holders: holders, Err: context.Canceled}, nil},
		"no holders": {&pool.AcquireError{Waited: time.Second}, nil},
		"a dial":     {&pool.DialError{Err: errBackend}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			for _, ctx := range []context.Context{t.Context(), unsampled(t.Context())} { // the latter is evidence
				h := newHarness(t, standard()...)
				h.run(ctx, search, func(r *run) error {
					h.within(r.ctx, core.Scope{Kind: core.ScopeAcquire, Name: "main"}, failWith(row.err))
					r.event(core.Event{Kind: core.EventWait, Name: "pool", Delay: time.Second, Err: row.err})
					return row.err
				})
				var got []string
				for _, e := range h.span("Search docs").Events() {
					if e.Name == "penstock.pool.exhausted" {
						got = append(got, asMap(e.Attributes)["penstock.connection.holders"].(string))
					}
				}
				if !reflect.DeepEqual(got, row.want) {
					t.Errorf("holders %q, want %q", got, row.want)
				}
			}
		})
	}
}

func TestAFailedPingIsATraceOfItsOwn(t *testing.T) {
	h := newHarness(t, standard()...)
	h.within(t.Context(), core.Scope{Kind: core.ScopeValidate, Name: "main", Conn: 3}, failWith(errBackend))
	h.within(t.Context(), core.Scope{Kind: core.ScopeValidate, Name: "main"}, succeed)
	span := h.span("pool.validate")
	want := attrs{"db.client.connection.pool.name": "main", "penstock.connection.number": int64(3), "error.type": "65535", "db.response.status_code": "65535"}
	if got := asMap(span.Attributes()); !reflect.DeepEqual(got, want) || span.Parent().IsValid() || span.Status().Code != codes.Error {
		t.Errorf("span has %v, parent %v and status %v", got, span.Parent(), span.Status())
	}
}

func TestTheTraceOfAContextIsKnownSampledOrNot(t *testing.T) {
	h := newHarness(t)
	id := trace.TraceID{1}
	for _, flags := range []trace.TraceFlags{0, trace.FlagsSampled} {
		ctx := trace.ContextWithSpanContext(t.Context(), trace.NewSpanContext(trace.SpanContextConfig{TraceID: id, SpanID: trace.SpanID{2}, TraceFlags: flags}))
		if got := h.TraceID(ctx); got != id.String() {
			t.Errorf("TraceID = %q, want %v", got, id)
		}
	}
	if got := h.TraceID(t.Context()); got != "" {
		t.Errorf("TraceID = %q without a trace", got)
	}
}
