// SPDX-License-Identifier: Apache-2.0

package main

import (
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
	Growth  []growth        `json:"growth"`
	Budgets []report.Budget `json:"budgets"`
}

// result is one case: Penstock's figures and those of its peers.
type result struct {
	Name  string    `json:"case"`
	What  string    `json:"what"`
	Self  figures   `json:"penstock"`
	Peers []figures `json:"peers"`
	Share float64   `json:"share,omitempty"` // of the processors that the process had
}

// figures are the medians of one subject, for each operation.
type figures struct {
	Peer    string  `json:"peer"`
	Version string  `json:"version,omitempty"`
	NS      float64 `json:"ns"`
	Ratio   float64 `json:"ratio"` // peer's time divided by Penstock's, the median of the rounds
	Allocs  float64 `json:"allocs"`
	Bytes   float64 `json:"bytes"`
}

// peer returns the figures of a peer, zero if it is not in the case.
func (r result) peer(name string) figures {
	for _, p := range r.Peers {
		if p.Peer == name {
			return p
		}
	}
	return figures{}
}

// lines are the lines of the output, one for each peer.
func (r result) lines() []string {
	var lines []string
	for _, p := range r.Peers {
		lines = append(lines, fmt.Sprintf("chain/%s penstock_ns=%s %s_ns=%s ratio=%.2f allocs=%s bytes=%.0f %s_allocs=%s %s_bytes=%.0f",
			r.Name, report.Short(r.Self.NS), p.Peer, report.Short(p.NS), p.Ratio,
			report.Plain(r.Self.Allocs), r.Self.Bytes, p.Peer, report.Plain(p.Allocs), p.Peer, p.Bytes))
	}
	return lines
}

func (g growth) lines() []string {
	var lines []string
	for _, p := range g.Peers {
		lines = append(lines, fmt.Sprintf("chain/growth-%d penstock_ns=%s %s_ns=%s ratio=%.2f penstock_heap=%.0f %s_heap=%.0f penstock_stack=%.0f %s_stack=%.0f",
			g.Callers, report.Short(g.Self.NS), p.Peer, report.Short(p.NS), p.Ratio,
			g.Self.Heap, p.Peer, p.Heap, g.Self.Stack, p.Peer, p.Stack))
	}
	return lines
}

// share returns the smallest share of the processors that a case had; 0 is not
// known.
func (r results) share() float64 {
	least := 0.0
	for _, c := range r.Cases {
		if c.Share > 0 && (least == 0 || c.Share < least) {
			least = c.Share
		}
	}
	return least
}

// Blocks are the parts of the page that a run writes.
func (r results) Blocks() []report.Block {
	return []report.Block{
		{Name: "machine", Text: r.Machine.Text(r.Rounds, r.share())},
		{Name: "cases", Text: r.caseTable()},
		{Name: "growth", Text: r.growthTable()},
		{Name: "budgets", Text: report.BudgetTable(r.Budgets)},
	}
}

func (r results) caseTable() string {
	var b strings.Builder
	b.WriteString("| case | Penstock, median | allocations | peer | its median | its allocations | ratio, the median of the rounds |\n")
	b.WriteString("|---|---:|---:|---|---:|---:|---:|\n")
	for _, c := range r.Cases {
		for _, p := range c.Peers {
			fmt.Fprintf(&b, "| %s | %s ns | %s | %s | %s ns | %s | %.2f |\n",
				c.Name, report.Short(c.Self.NS), c.Self.allocated(), p.title(), report.Short(p.NS), p.allocated(), p.Ratio)
		}
	}
	return b.String()
}

func (f figures) allocated() string {
	return fmt.Sprintf("%s, %.0f B", report.Plain(f.Allocs), f.Bytes)
}
func (f figures) title() string { return strings.TrimSpace(f.Peer + " " + f.Version) }

func (r results) growthTable() string {
	var b strings.Builder
	b.WriteString("| callers | Penstock, median | heap and stack for each caller | peer | its median | its heap and stack | ratio, the median of the rounds |\n")
	b.WriteString("|---:|---:|---:|---|---:|---:|---:|\n")
	for _, g := range r.Growth {
		for _, p := range g.Peers {
			fmt.Fprintf(&b, "| %d | %s ns | %s | %s | %s ns | %s | %.2f |\n",
				g.Callers, report.Short(g.Self.NS), g.Self.memory(), strings.TrimSpace(p.Peer+" "+p.Version), report.Short(p.NS), p.memory(), p.Ratio)
		}
	}
	return b.String()
}

func (g grown) memory() string { return fmt.Sprintf("%.0f B, %.0f B", g.Heap, g.Stack) }
