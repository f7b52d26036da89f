// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"math"
	"os"
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

func TestACaseIsOneLineForEachPeer(t *testing.T) {
	r := result{Name: "uncontended", Unit: "ns", Self: figures{Value: 12.34}, Peers: []figures{{Peer: "puddle", Value: 1234, Ratio: 100, Allocs: 2}, {Peer: "sql"}}}
	lines := r.lines()
	want := "pool/uncontended penstock_ns=12.3 puddle_ns=1230 ratio=100.00 allocs=0.0 puddle_allocs=2.0"
	if len(lines) != 2 || lines[0] != want {
		t.Errorf("lines = %q, want 2, the first %q", lines, want)
	}
}

func TestBudgetsSayWhatIsMissed(t *testing.T) {
	cases := []result{{Name: "uncontended", Peers: []figures{{Peer: "sql", Ratio: 9}, {Peer: "puddle", Ratio: 5.5}}}, {Name: "storm", Self: figures{Kept: 0.5}}}
	var lines []string
	for _, b := range budgets(cases) {
		lines = append(lines, b.Line())
	}
	for _, want := range []string{"budget pool/uncontended >=5.0 got=5.5 ok by 10 %", "budget pool/storm >=0.9 got=0.5 MISSED by 44 %"} {
		if !slices.Contains(lines, want) {
			t.Errorf("budgets = %q, want %q among them", lines, want)
		}
	}
}

func TestThePagesHaveMarkersForEachBlock(t *testing.T) {
	var pages strings.Builder
	for _, file := range []string{"../../../docs/benchmarks/README.md", "../../../docs/pool.md"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		pages.Write(text)
	}
	for _, b := range (results{}).Blocks() {
		if marker := "<!-- " + b.Name + ": written by make bench-pool -->\n"; !strings.Contains(pages.String(), marker) {
			t.Errorf("no page has %q", marker)
		}
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
