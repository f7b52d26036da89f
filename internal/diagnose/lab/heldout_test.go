// SPDX-License-Identifier: Apache-2.0

package lab_test

import (
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/penstock-go/penstock/internal/diagnose/lab"
	"github.com/penstock-go/penstock/otelx/otelxtest"
)

func TestOneFaultIsHeldOutInEachPart(t *testing.T) {
	_, _, heldOut := lab.Rows()
	var of []string
	for _, r := range heldOut {
		of = append(of, r.Part)
	}
	if !slices.Equal(of, parts) {
		t.Errorf("held out are faults in the parts %q, want %q", of, parts)
	}
}

// signs say by which spans each held-out fault can be recognized, and which share of the
// requests fails, or has its work done again: least is half of it or less, because there
// are few requests.
var signs = map[string]struct {
	least float64
	shows func(sdktrace.ReadOnlySpan) bool
}{
	"wrong_dimension": {0.1, func(s sdktrace.ReadOnlySpan) bool {
		return text(s, "error.type") == "invalid_request" && strings.Contains(s.Status().Description, "vector dim 8 not match")
	}},
	"attempt_limit_too_short": {0.2, func(s sdktrace.ReadOnlySpan) bool {
		limit := value(s.Attributes(), "penstock.timeout.duration").AsFloat64()
		return text(s, "error.type") == "timeout" && limit > 0 && limit < 0.05
	}},
	"closed_pool": {0.4, func(s sdktrace.ReadOnlySpan) bool { return text(s, "error.type") == "pool_closed" }},
	"resetting_firewall": {0.05, func(s sdktrace.ReadOnlySpan) bool {
		const reset = "connection reset by peer"
		return strings.Contains(s.Status().Description, reset) || slices.ContainsFunc(s.Events(), func(e sdktrace.Event) bool {
			return e.Name == "penstock.retry" && strings.Contains(value(e.Attributes, "penstock.error.message").AsString(), reset)
		})
	}},
	"reloading_collection": {0.2, func(s sdktrace.ReadOnlySpan) bool {
		return text(s, "error.type") == "103" && strings.Contains(s.Status().Description, "not fully loaded")
	}},
}

// text returns an attribute of a span, "" if it has none of that key.
func text(s sdktrace.ReadOnlySpan, key attribute.Key) string {
	return value(s.Attributes(), key).AsString()
}

func value(kvs []attribute.KeyValue, key attribute.Key) (v attribute.Value) {
	for _, kv := range kvs {
		if kv.Key == key {
			v = kv.Value
		}
	}
	return v
}

func TestEachHeldOutFaultShowsWithEachSeed(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes some seconds")
	}
	collector := otelxtest.NewCollector(t)
	o := options(t, collector.HTTP)
	results, err := lab.Run(t.Context(), lab.Plan(lab.HeldOut(), 1, 5), o)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range results {
		sign, ok := signs[r.Kind]
		if !ok || r.Named {
			t.Errorf("%s: a sign: %t, named %t, want a sign and no name", r.Kind, ok, r.Named)
			continue
		}
		if noticed := max(r.After.Failed, r.After.Repeated); float64(noticed) < sign.least*float64(r.After.Requests) {
			t.Errorf("%s, seed %d: after the fault %+v, want that %v of the requests notice it", r.Kind, r.Seed, r.After, sign.least)
		}
		// Repeated does not count here: a busy machine may be the reason.
		if r.Before.Failed > 0 {
			t.Errorf("%s, seed %d: before the fault %+v, want no failure", r.Kind, r.Seed, r.Before)
		}
		before, after := 0, 0
		for _, s := range collector.Spans() {
			switch {
			case !slices.Contains(s.Resource().Attributes(), attribute.String("service.name", r.Service)) || !sign.shows(s):
			case s.EndTime().Before(r.Broken):
				before++
			default:
				after++
			}
		}
		if after < 2 || before > 0 {
			t.Errorf("%s, seed %d: %d spans show it before the fault and %d after, want none and some", r.Kind, r.Seed, before, after)
		}
	}
}

func TestAHeldOutFaultIsDecidedByItsSeed(t *testing.T) {
	for _, kind := range lab.HeldOut() {
		of := func(seed uint64) any { return settings(lab.Prepared(lab.Case{Kind: kind, Seed: seed})) }
		if a, b := of(3), of(3); !equal(a, b) {
			t.Errorf("%s: the same seed made %v and %v", kind, a, b)
		}
	}
}
