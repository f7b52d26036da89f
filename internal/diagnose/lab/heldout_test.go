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

// signs say by which spans each held-out fault can be recognized.
var signs = map[string]func(sdktrace.ReadOnlySpan) bool{
	"undecodable_answer": func(s sdktrace.ReadOnlySpan) bool {
		return failed(s) == "_OTHER" && strings.Contains(s.Status().Description, "decode row")
	},
	"slow_token_stage": func(s sdktrace.ReadOnlySpan) bool {
		return slices.ContainsFunc(s.Events(), func(e sdktrace.Event) bool {
			return e.Name == "penstock.wait" && slices.Contains(e.Attributes, attribute.String("penstock.stage", "token"))
		})
	},
	"distrustful_check": func(s sdktrace.ReadOnlySpan) bool { // a dial that an operation waits for, and that works
		return s.Name() == "pool.connect" && failed(s) == "" && len(s.Links()) > 0
	},
	"expired_certificate": func(s sdktrace.ReadOnlySpan) bool {
		return failed(s) != "" && strings.Contains(s.Status().Description, "certificate has expired")
	},
	"queue_full": func(s sdktrace.ReadOnlySpan) bool {
		return failed(s) == "1302" && strings.HasPrefix(s.Name(), "Insert ")
	},
}

// failed returns the error.type of a span.
func failed(s sdktrace.ReadOnlySpan) string {
	for _, a := range s.Attributes() {
		if a.Key == "error.type" {
			return a.Value.AsString()
		}
	}
	return ""
}

func TestEachHeldOutFaultShowsInItsTraces(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes some seconds")
	}
	collector := otelxtest.NewCollector(t)
	o := options(t, collector.HTTP)
	results, err := lab.Run(t.Context(), lab.Plan(lab.HeldOut(), 1, 1), o)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range results {
		sign, ok := signs[r.Kind]
		if !ok || r.Named {
			t.Errorf("%s: a sign: %t, named %t, want a sign and no name", r.Kind, ok, r.Named)
			continue
		}
		before, after := 0, 0
		for _, s := range collector.Spans() {
			switch {
			case !slices.Contains(s.Resource().Attributes(), attribute.String("service.name", r.Service)) || !sign(s):
			case s.EndTime().Before(r.Broken):
				before++
			default:
				after++
			}
		}
		// On a busy machine an operation may wait for a dial before the fault, too.
		if after < 2 || before*5 > after {
			t.Errorf("%s: %d spans show it before the fault and %d after, want hardly any and some", r.Kind, before, after)
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
