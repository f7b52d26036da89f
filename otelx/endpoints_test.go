// SPDX-License-Identifier: Apache-2.0

package otelx_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/otelx"
)

var endpointMetrics = []string{
	"penstock.endpoint.state", "penstock.endpoint.in_flight", "penstock.endpoint.ejections", "penstock.endpoint.latency",
}

func TestTheFiguresOfEndpoints(t *testing.T) {
	h := newHarness(t, standard()...)
	figures := otelx.Figures{Endpoints: []otelx.EndpointFigures{
		{Pool: "main", Address: "10.0.0.1:19530", InFlight: 3, Latency: 20 * time.Millisecond, Ejections: map[string]uint64{"slow": 0}},
		{Pool: "main", Address: "10.0.0.2:19530", Ejected: true, Ejections: map[string]uint64{"slow": 2}},
	}}
	if err := h.RegisterFigures("main", func() otelx.Figures { return figures }); err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for name, n := range values(h.metrics(), endpointMetrics...) {
		got[name] = n
	}
	if len(got) != 2+4+2+2 {
		t.Errorf("metrics = %v, want ten series", got)
	}
	var states, flying, ejections, latency float64
	for name, n := range got {
		switch {
		case strings.HasPrefix(name, "endpoint.state"):
			states += n
		case strings.HasPrefix(name, "endpoint.in_flight"):
			flying += n
		case strings.HasPrefix(name, "endpoint.ejections"):
			ejections += n
		case strings.HasPrefix(name, "endpoint.latency"):
			latency += n
		}
	}
	if states != 2 || flying != 3 || ejections != 2 || latency != 0.02 {
		t.Errorf("metrics = %v, want one state of each endpoint, 3 in flight, 2 ejections and 20 ms", got)
	}
	if err := h.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := values(h.metrics(), endpointMetrics...); len(got) != 4 {
		t.Errorf("after Close: %v, want the counts alone", got)
	}
}

func TestAnEjectionIsOnTheSpanOfTheOperation(t *testing.T) {
	h := newHarness(t, standard()...)
	h.operation(t.Context(), core.Op{Name: "Search"}, func(ctx context.Context) error {
		h.EndpointChanged(ctx, "10.0.0.1:19530", "ejected", "consecutive_failures", core.ErrConnection)
		return nil
	})
	h.EndpointChanged(t.Context(), "10.0.0.1:19530", "in", "probe", nil) // of no operation
	events := h.span("Search library").Events()
	if len(events) != 1 {
		t.Fatalf("events = %v, want one", events)
	}
	event := events[0]
	want := map[string]any{
		"server.address": "10.0.0.1", "server.port": int64(19530), "penstock.endpoint.state": "ejected",
		"penstock.endpoint.reason": "consecutive_failures",
	}
	if event.Name != "penstock.endpoint.changed" {
		t.Errorf("event = %s", event.Name)
	}
	for _, kv := range event.Attributes {
		if v, ok := want[string(kv.Key)]; ok && v != kv.Value.AsInterface() {
			t.Errorf("%s = %v, want %v", kv.Key, kv.Value.AsInterface(), v)
		}
		delete(want, string(kv.Key))
	}
	if len(want) > 0 {
		t.Errorf("the event lacks %v", want)
	}
}
