// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestEverySubjectLendsAndTakesBack(t *testing.T) {
	for _, m := range append([]maker{penstockMaker, sharedMaker, mutexMaker}, exclusivePeers...) {
		s, err := m.open(2)
		if err != nil {
			t.Fatalf("%s: %v", m.name, err)
		}
		if err := s.turns(t.Context(), 10, func() {}); err != nil {
			t.Errorf("%s: turns = %v", m.name, err)
		}
		release, err := s.acquire(t.Context())
		if err != nil {
			t.Errorf("%s: acquire = %v", m.name, err)
		} else {
			release()
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if m.name != "channel" { // which picks at random
			if err := s.turns(ended, 1, nil); err == nil {
				t.Errorf("%s: turns of an ended context = nil", m.name)
			}
		}
		s.close()
	}
}

func TestMedianIsTheMiddleOrTheMeanOfTheMiddleTwo(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   float64
	}{{nil, 0}, {[]float64{3, 1, 2}, 2}, {[]float64{4, 1, 3, 2}, 2.5}} {
		if got := medianOf(c.values); got != c.want {
			t.Errorf("medianOf(%v) = %v, want %v", c.values, got, c.want)
		}
	}
}

func TestACaseIsOneLineForEachPeer(t *testing.T) {
	r := result{Name: "uncontended", Unit: "ns", Self: figures{Value: 12.34}, Peers: []figures{{Peer: "puddle", Value: 1234, Ratio: 100, Allocs: 2}, {Peer: "sql"}}}
	lines := r.lines()
	want := "pool/uncontended penstock_ns=12.3 puddle_ns=1230 ratio=100.00 allocs=0.0 puddle_allocs=2.0"
	if len(lines) != 2 || lines[0] != want {
		t.Errorf("lines = %q, want 2, the first %q", lines, want)
	}
}

func TestBudgetsSayWhatIsMissed(t *testing.T) {
	cases := []result{{Name: "uncontended", Peers: []figures{{Peer: "sql", Ratio: 9}, {Peer: "puddle", Ratio: 3.5}}}, {Name: "storm", Self: figures{Kept: 0.5}}}
	var lines []string
	for _, b := range budgets(cases) {
		lines = append(lines, b.line())
	}
	for _, want := range []string{"budget pool/uncontended >=3.0 got=3.5 ok", "budget pool/storm >=0.9 got=0.5 MISSED"} {
		if !slices.Contains(lines, want) {
			t.Errorf("budgets = %q, want %q among them", lines, want)
		}
	}
}

func TestMarkdownGoesBetweenItsMarkersOnly(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x.md")
	text := "before\n<!-- budgets: written by make bench-pool -->\nold\n<!-- budgets: end -->\nafter\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	r := report{Budgets: []budget{{"pool/x", ">=3.0", 4, true}}}
	for range 2 { // the second time changes nothing
		if err := r.insert(file); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Replace(text, "old\n", r.budgetTable(), 1)
	if string(got) != want {
		t.Errorf("file = %q, want %q", got, want)
	}
	if err := os.WriteFile(file, []byte("no marker"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := r.insert(file); err == nil {
		t.Error("insert without a marker = nil")
	}
}

func TestEveryCaseRuns(t *testing.T) {
	for _, c := range speedCases {
		r, err := c.run(1, time.Millisecond)
		if err != nil || len(r.lines()) != len(c.peers) {
			t.Errorf("%s: %d lines, error %v", c.name, len(r.lines()), err)
		}
	}
}

func TestErlangsFormulaKnowsItsTables(t *testing.T) {
	for _, c := range []struct {
		n    int
		busy float64
		want float64
	}{{1, 0.5, 0.5}, {2, 1, 1.0 / 3}, {10, 8, 0.409}, {5, 5, 1}, {5, 9, 1}} {
		if got := erlangC(c.n, c.busy); math.Abs(got-c.want) > 0.001 {
			t.Errorf("erlangC(%d, %v) = %.4f, want %.4f", c.n, c.busy, got, c.want)
		}
	}
}
