// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"slices"
	"strings"
	"testing"
)

var example = results{
	Rounds: 5,
	Cases: []result{
		{
			Name: "deadline", Share: 0.97,
			Self: figures{Peer: "penstock", NS: 500, Ratio: 1, Allocs: 1, Bytes: 64},
			Peers: []figures{
				{Peer: "failsafe-go", Version: "v0.9.8", NS: 3230, Ratio: 6.2, Allocs: 31, Bytes: 1432},
				{Peer: "gobreaker", NS: 600, Ratio: 1.2},
			},
		},
		{
			Name: "no-stages", Share: 0.5,
			Self:  figures{Peer: "penstock", NS: 180, Ratio: 1, Allocs: 2},
			Peers: []figures{{Peer: "parts", NS: 144, Ratio: 0.8}},
		},
	},
	Growth: []growth{{
		Callers: 1000,
		Self:    grown{Peer: "penstock", NS: 1800, Ratio: 1, Heap: 600, Stack: 8192},
		Peers:   []grown{{Peer: "failsafe-go", NS: 5400, Ratio: 3, Heap: 1550, Stack: 4096}},
	}},
}

func TestACaseIsOneLineForEachPeer(t *testing.T) {
	lines := example.Cases[0].lines()
	want := "chain/deadline penstock_ns=500 failsafe-go_ns=3230 ratio=6.20 allocs=1.0 bytes=64 failsafe-go_allocs=31.0 failsafe-go_bytes=1432"
	if len(lines) != 2 || lines[0] != want {
		t.Errorf("lines = %q, want 2, the first %q", lines, want)
	}
	want = "chain/growth-1000 penstock_ns=1800 failsafe-go_ns=5400 ratio=3.00 penstock_heap=600 failsafe-go_heap=1550 penstock_stack=8192 failsafe-go_stack=4096"
	if lines := example.Growth[0].lines(); !slices.Equal(lines, []string{want}) {
		t.Errorf("lines = %q, want %q", lines, want)
	}
}

func TestBudgetsAreTheGoalsOfTheCasesThatRan(t *testing.T) {
	var lines []string
	for _, b := range budgets(example.Cases) {
		lines = append(lines, b.Line())
	}
	want := []string{
		"budget chain/deadline failsafe-go >=10.0 got=6.2 MISSED by 38 %",
		"budget chain/deadline allocs <=1.0 got=1.0 ok",
		"budget chain/no-stages parts <=1.5 got=1.25 ok by 17 %",
		"budget chain/no-stages allocs <=1.0 got=2.0 MISSED by 100 %",
	}
	if !slices.Equal(lines, want) {
		t.Errorf("budgets = %q, want %q", lines, want)
	}
}

func TestEachGoalHasOneLimitAndAPeerOfItsCase(t *testing.T) {
	for _, c := range benchCases {
		for _, g := range c.goals {
			limits := 0
			for _, limit := range []float64{g.faster, g.slower, g.allocs} {
				if limit > 0 {
					limits++
				}
			}
			known := slices.ContainsFunc(c.peers, func(m maker) bool { return m.name == g.peer })
			if limits != 1 || known != (g.allocs == 0) {
				t.Errorf("%s: a goal with %d limits, for the peer %q", c.name, limits, g.peer)
			}
		}
	}
}

func TestTheTablesHaveARowForEachPeer(t *testing.T) {
	for name, c := range map[string]struct{ table, row string }{
		"cases":  {example.caseTable(), "| deadline | 500 ns | 1.0, 64 B | failsafe-go v0.9.8 | 3230 ns | 31.0, 1432 B | 6.20 |\n"},
		"growth": {example.growthTable(), "| 1000 | 1800 ns | 600 B, 8192 B | failsafe-go | 5400 ns | 1550 B, 4096 B | 3.00 |\n"},
	} {
		if !strings.Contains(c.table, c.row) {
			t.Errorf("%s:\n%swant the row\n%s", name, c.table, c.row)
		}
		if head, _, _ := strings.Cut(c.table, "\n"); strings.Count(head, "|") != strings.Count(c.row, "|") {
			t.Errorf("%s: the head %q has other columns than a row", name, head)
		}
	}
}

func TestTheShareIsTheSmallestOfTheCases(t *testing.T) {
	if got := example.share(); got != 0.5 {
		t.Errorf("share = %v, want 0.5", got)
	}
	if got := (results{}).share(); got != 0 {
		t.Errorf("share of nothing = %v, want 0", got)
	}
}

func TestThePageHasMarkersAndSaysWhatEachCaseIs(t *testing.T) {
	const page = "../../../docs/benchmarks/chain.md"
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range example.Blocks() {
		if marker := "<!-- " + b.Name + ": written by make bench-chain -->\n"; !strings.Contains(string(text), marker) {
			t.Errorf("%s has no %q", page, marker)
		}
	}
	for _, c := range benchCases {
		if row := "\n| " + c.name + " | "; !strings.Contains(string(text), row) {
			t.Errorf("%s has no row for %s", page, c.name)
		}
		for _, m := range c.peers {
			if row := "\n| " + m.name + " | "; !strings.Contains(string(text), row) {
				t.Errorf("%s has no row for the peer %s", page, m.name)
			}
		}
	}
}
