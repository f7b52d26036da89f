// SPDX-License-Identifier: Apache-2.0

package lab_test

import (
	"slices"
	"testing"

	"github.com/penstock-go/penstock/internal/diagnose/lab"
)

var parts = []string{"caller", "stage", "pool", "transport", "backend"}

func TestEveryFaultHasANameAndAPart(t *testing.T) {
	named, well, others := lab.Rows()
	if len(named) != 24 {
		t.Errorf("%d faults, want 24", len(named))
	}
	seen := map[string]bool{lab.Healthy: true, "unknown": true}
	for _, r := range slices.Concat(named, others) {
		if seen[r.Kind] || r.Kind == "" {
			t.Errorf("kind %q: the name is taken, or empty", r.Kind)
		}
		seen[r.Kind] = true
		if !slices.Contains(parts, r.Part) {
			t.Errorf("%s is in part %q, want one of %q", r.Kind, r.Part, parts)
		}
	}
	for _, r := range well {
		if r.Kind != lab.Healthy || r.Part != "" {
			t.Errorf("a healthy service is %q in part %q", r.Kind, r.Part)
		}
	}
}

// settings are what a seed decides, as far as it can be compared.
func settings(s *lab.Service) any {
	type route struct {
		method, path, op string
		weight           int
		collection       string
	}
	var routes []route
	for _, r := range s.Routes {
		routes = append(routes, route{r.Method, r.Path, r.Op, r.Weight, r.Manners().Collection})
	}
	pool := s.Milvus.Pool
	return []any{s.Latency, s.Load.Rate(), s.Collections, routes, pool.MinSize, pool.MaxSize, pool.MaxLifetime,
		s.Client.Chain.Bulkhead != nil, s.Client.Chain.RateLimit != nil, s.Client.Chain.Breaker.RecoveryTimeout}
}

func TestASeedDecidesTheService(t *testing.T) {
	for _, kind := range append(lab.Kinds(), lab.Healthy) {
		of := func(seed uint64) any { return settings(lab.Prepared(lab.Case{Kind: kind, Seed: seed})) }
		if a, b := of(3), of(3); !equal(a, b) {
			t.Errorf("%s: the same seed made %v and %v", kind, a, b)
		}
		if a, b := of(3), of(6); equal(a, b) {
			t.Errorf("%s: two seeds made %v", kind, a)
		}
	}
}

func TestEveryRouteAsksACollectionOfTheServer(t *testing.T) {
	for _, kind := range append(lab.Kinds(), lab.Healthy) {
		s := lab.Prepared(lab.Case{Kind: kind, Seed: 1})
		for _, r := range s.Routes {
			if c := r.Manners().Collection; !slices.Contains(s.Collections, c) {
				t.Errorf("%s: %s asks %q before the fault, the server has %q", kind, r.Path, c, s.Collections)
			}
		}
	}
}

func TestPlanRunsEachKindWithEachSeed(t *testing.T) {
	got := lab.Plan([]string{"a", "b"}, 4, 2)
	want := []lab.Case{{Kind: "a", Seed: 4}, {Kind: "b", Seed: 4}, {Kind: "a", Seed: 5}, {Kind: "b", Seed: 5}}
	if !slices.Equal(got, want) {
		t.Errorf("Plan = %v, want %v", got, want)
	}
}
