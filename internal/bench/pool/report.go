// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/penstock-go/penstock/internal/bench/internal/report"
)

// results is what a run found out.
type results struct {
	Machine report.Machine  `json:"machine"`
	Quick   bool            `json:"quick"`
	Rounds  int             `json:"rounds"`
	Cases   []result        `json:"cases"`
	Sizing  []sizing        `json:"sizing"`
	Budgets []report.Budget `json:"budgets"`
}

// result is one case: Penstock's figures and those of its peers.
type result struct {
	Name  string    `json:"case"`
	What  string    `json:"what"`
	Unit  string    `json:"unit"` // ns, or bytes
	Self  figures   `json:"penstock"`
	Peers []figures `json:"peers"`
	// Share of the processors that the process had. Callers that sleep need
	// little, the others take what they get.
	Share float64 `json:"share,omitempty"`
}

// figures are the medians of one peer in one case. What a case does not
// measure is absent.
type figures struct {
	Peer    string  `json:"peer,omitempty"`
	Version string  `json:"version,omitempty"`
	Value   float64 `json:"value"`           // for each acquire and release, or each waiter
	Ratio   float64 `json:"ratio,omitempty"` // peer's to Penstock's, the median of the rounds
	Allocs  float64 `json:"allocs"`

	Kept      float64 `json:"kept,omitempty"`       // storm: the live caller's throughput, as a share of that before
	LongestMS float64 `json:"longest_ms,omitempty"` // storm: the live caller's slowest turn; fairness: the longest wait
	LastedMS  float64 `json:"lasted_ms,omitempty"`  // storm: until the last of the others was gone

	P50US float64 `json:"p50_us,omitempty"` // fairness: the median wait

	WithParking float64 `json:"with_parking,omitempty"` // waiter: with what the runtime parks the goroutine with
}

func (r result) lines() []string {
	var lines []string
	for _, peer := range r.Peers {
		var b strings.Builder
		fmt.Fprintf(&b, "pool/%s penstock_%s=%s %s_%s=%s ratio=%.2f", r.Name,
			r.Unit, report.Short(r.Self.Value), peer.Peer, r.Unit, report.Short(peer.Value), peer.Ratio)
		switch r.Name {
		case "storm":
			fmt.Fprintf(&b, " penstock_kept=%.3f %s_kept=%.3f penstock_longest_ms=%.2f %s_longest_ms=%.2f",
				r.Self.Kept, peer.Peer, peer.Kept, r.Self.LongestMS, peer.Peer, peer.LongestMS)
		case "fairness":
			fmt.Fprintf(&b, " penstock_p50_us=%.1f %s_p50_us=%.1f penstock_longest_ms=%.2f %s_longest_ms=%.2f",
				r.Self.P50US, peer.Peer, peer.P50US, r.Self.LongestMS, peer.Peer, peer.LongestMS)
		case "waiter":
			fmt.Fprintf(&b, " penstock_with_parking=%s %s_with_parking=%s",
				report.Short(r.Self.WithParking), peer.Peer, report.Short(peer.WithParking))
		default:
			fmt.Fprintf(&b, " allocs=%s %s_allocs=%s", report.Plain(r.Self.Allocs), peer.Peer, report.Plain(peer.Allocs))
		}
		lines = append(lines, b.String())
	}
	return lines
}

// share returns the share of the processors that the run had, as far as the
// case shows it whose callers take what they get; 0 is not known.
func (r results) share() float64 {
	for _, c := range r.Cases {
		if c.Name == "uncontended" {
			return c.Share
		}
	}
	return 0
}

// budgets compares what was found with what the design asks for.
func budgets(cases []result) []report.Budget {
	var (
		list []report.Budget
		by   = map[string]result{}
	)
	for _, c := range cases {
		by[c.Name] = c
	}
	atLeast := func(name string, want, got float64) {
		list = append(list, report.AtLeast("pool/"+name, want, got))
	}
	atMost := func(name string, want, got float64) {
		list = append(list, report.AtMost("pool/"+name, want, got))
	}
	ratio := func(name, peer string) float64 {
		for _, p := range by[name].Peers {
			if p.Peer == peer {
				return p.Ratio
			}
		}
		return 0
	}
	atLeast("uncontended", 5, ratio("uncontended", "puddle"))
	atLeast("64-per-processor", 10, ratio("64-per-processor", "puddle"))
	atLeast("exhausted", 1, ratio("exhausted", "puddle"))
	atLeast("exhausted-asleep", 1, ratio("exhausted-asleep", "puddle"))
	atMost("allocs", 0, max(by["uncontended"].Self.Allocs, by["shared"].Self.Allocs))
	atLeast("storm", 0.9, by["storm"].Self.Kept)
	atLeast("storm-beside-control", 0.9, ratio("storm", "control"))
	atMost("waiter", 300, report.Round2(by["waiter"].Self.Value))
	return list
}

// version returns the version of m's module, "" if it has none of its own.
func (m maker) version() string { return report.Version(m.module) }

// MarshalJSON leaves out the digits that only change from run to run.
func (f figures) MarshalJSON() ([]byte, error) {
	type bare figures
	f.Value = report.ThreeDigits(f.Value)
	return json.Marshal(bare(f))
}
