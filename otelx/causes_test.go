// SPDX-License-Identifier: Apache-2.0

package otelx_test

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/penstock-go/penstock/core"
)

// rejected rejects an operation with e, and returns the attributes of its span that say
// why.
func (h *harness) rejected(e core.Event) attrs {
	h.t.Helper()
	e.Kind = core.EventReject
	h.operation(h.t.Context(), search, func(ctx context.Context) error {
		h.Event(ctx, e)
		return typedError{errorType: "circuit_open", text: "open"}
	})
	ended := h.spans.Ended()
	got := asMap(ended[len(ended)-1].Attributes())
	for key := range got {
		if !strings.HasPrefix(string(key), "penstock.") {
			delete(got, key)
		}
	}
	return got
}

func TestARejectionSaysWhatIsBehindIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t)
		begin := time.Now()
		time.Sleep(time.Minute)
		refused := typedError{errorType: "connect_error", text: "connection refused"}
		open := core.Event{Name: "breaker", From: "open", Cause: refused, CausedAt: begin}
		base := attrs{
			"penstock.circuit_breaker.state": "open", "penstock.circuit_breaker.reopened": int64(0),
			"penstock.cause.type": "connect_error", "penstock.cause.message": "connection refused", "penstock.cause.age": 60.0,
		}
		with := func(more attrs) attrs {
			all := attrs{}
			for _, m := range []attrs{base, more} {
				for k, v := range m {
					all[k] = v
				}
			}
			return all
		}
		check := func(name string, e core.Event, want attrs) {
			t.Helper()
			if got := h.rejected(e); !reflect.DeepEqual(got, want) {
				t.Errorf("%s: %v, want %v", name, got, want)
			}
		}
		check("not probed yet", open, base)

		own := open
		own.Reopened, own.Probe, own.ProbedAt = 2, errPlain, begin.Add(40*time.Second)
		check("its own probe failed", own, with(attrs{
			"penstock.circuit_breaker.reopened": int64(2), "penstock.probe.result": "_OTHER", "penstock.probe.message": "plain", "penstock.probe.age": 20.0,
		}))
		own.Probe = nil
		check("its own probe succeeded", own, with(attrs{
			"penstock.circuit_breaker.reopened": int64(2), "penstock.probe.result": "ok", "penstock.probe.age": 20.0,
		}))

		// The monitor probes also while the breaker does not.
		health := core.Scope{Kind: core.ScopeProbe, Name: "health"}
		probe := func(err error) { h.End(h.Begin(t.Context(), health), health, err) }
		probe(refused)
		time.Sleep(time.Second)
		base["penstock.cause.age"] = 61.0
		failed := attrs{"penstock.probe.result": "connect_error", "penstock.probe.message": "connection refused", "penstock.probe.age": 1.0}
		check("the monitor's probe failed", open, with(failed))
		probe(context.Canceled)
		check("the monitor's probe was given up", open, with(failed))
		own.ProbedAt = time.Now()
		check("its own probe is newer", own, with(attrs{
			"penstock.circuit_breaker.reopened": int64(2), "penstock.probe.result": "ok", "penstock.probe.age": 0.0,
		}))
		probe(nil)
		check("the monitor's probe succeeded", open, with(attrs{"penstock.probe.result": "ok", "penstock.probe.age": 0.0}))
		time.Sleep(time.Second)
		later := open
		later.CausedAt = time.Now()
		base["penstock.cause.age"] = 0.0
		check("the monitor's probe was before", later, base)

		check("a bulkhead", core.Event{Name: "bulkhead", MaxConcurrent: 8}, attrs{"penstock.bulkhead.limit": int64(8)})
		check("a limiter", core.Event{Name: "ratelimit", Rate: 2.5, Delay: time.Second},
			attrs{"penstock.ratelimit.limit": 2.5, "penstock.retry_after": 1.0})
	})
}

func TestTransitionsAndRetriesHaveTheTextOfTheirCause(t *testing.T) {
	h := newHarness(t)
	h.operation(t.Context(), search, func(ctx context.Context) error {
		for _, e := range []core.Event{
			{Kind: core.EventTransition, Name: "breaker", From: "half_open", To: "open", Err: errPlain, Cause: errBackend}, // a probe failed
			{Kind: core.EventTransition, Name: "breaker", From: "half_open", To: "closed", Cause: errBackend},
			{Kind: core.EventHealth, From: "down", To: "up", Cause: errBackend},
			{Kind: core.EventRetry, Err: errBackend},
		} {
			h.Event(ctx, e)
		}
		return nil
	})
	for i, want := range []attrs{
		{"penstock.cause.type": "_OTHER", "penstock.cause.message": "plain"},
		{"penstock.cause.type": "65535", "penstock.cause.message": "segment not loaded"},
		{"penstock.cause.type": "65535", "penstock.cause.message": "segment not loaded"},
		{"error.type": "65535", "penstock.error.message": "segment not loaded"},
	} {
		e := h.span("Search docs").Events()[i]
		got := asMap(e.Attributes)
		for key, value := range want {
			if got[key] != value {
				t.Errorf("event %s has %v = %v, want %v", e.Name, key, got[key], value)
			}
		}
	}
}

func TestAFailedOperationSaysItsLimits(t *testing.T) {
	h := newHarness(t, standard()...)
	start := time.Now()
	scope := core.Scope{Kind: core.ScopeOperation, Op: search, Start: start}
	end := func(err error, more core.Scope) {
		ended := more
		ended.Kind, ended.Op, ended.Start = scope.Kind, scope.Op, scope.Start
		h.End(h.Begin(t.Context(), scope), ended, err)
	}
	all := core.Scope{Deadline: start.Add(250 * time.Millisecond), AttemptLimit: time.Second, OperationLimit: time.Minute}
	end(context.DeadlineExceeded, all)
	end(context.DeadlineExceeded, core.Scope{Deadline: start.Add(-time.Second)})
	end(errBackend, core.Scope{})
	end(errors.Join(errBackend, context.DeadlineExceeded), all) // it failed with the first
	for i, want := range []attrs{
		{"penstock.deadline": 0.25, "penstock.timeout.attempt": 1.0, "penstock.timeout.operation": 60.0},
		{"penstock.deadline": 0.0, "penstock.timeout.attempt": nil, "penstock.timeout.operation": nil},
		{"penstock.deadline": nil, "penstock.timeout.attempt": nil, "penstock.timeout.operation": nil},
	} {
		got := asMap(h.spans.Ended()[i].Attributes())
		for key, value := range want {
			if got[key] != value {
				t.Errorf("operation %d has %v = %v, want %v", i, key, got[key], value)
			}
		}
	}
	points := h.histogram("penstock.deadline.duration")
	if len(points) != 1 || points[0].Count != 2 || points[0].Sum != 0.25 {
		t.Fatalf("penstock.deadline.duration = %v, want the two that the deadline ended", points)
	}
	want := attribute.NewSet(attribute.String("db.client.connection.pool.name", "main"), attribute.String("db.operation.name", "Search"))
	if !points[0].Attributes.Equals(&want) {
		t.Errorf("attributes %v, want %v", points[0].Attributes, want)
	}
}
