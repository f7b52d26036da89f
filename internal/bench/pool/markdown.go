// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"

	"github.com/penstock-go/penstock/internal/bench/internal/report"
)

// Blocks are the parts of the pages that a run writes.
func (r results) Blocks() []report.Block {
	return []report.Block{
		{Name: "machine", Text: r.Machine.Text(r.Rounds, r.share())},
		{Name: "cases", Text: r.caseTable()},
		{Name: "budgets", Text: report.BudgetTable(r.Budgets)},
		{Name: "sizing", Text: r.sizingTable()},
		{Name: "costs", Text: r.costText()},
		{Name: "fairness", Text: r.fairnessTable()},
	}
}

func (r results) caseTable() string {
	var b strings.Builder
	b.WriteString("| case | Penstock, median | peer | its median | ratio, the median of the rounds | allocations, or else as named: Penstock's, the peer's |\n|---|---:|---|---:|---:|---|\n")
	for _, c := range r.Cases {
		for _, p := range c.Peers {
			var last string
			switch c.Name {
			case "storm":
				last = fmt.Sprintf("throughput kept: %.1f %%, %.1f %%; slowest turn: %.2f ms, %.2f ms", 100*c.Self.Kept, 100*p.Kept, c.Self.LongestMS, p.LongestMS)
			case "fairness":
				last = fmt.Sprintf("median wait: %.1f µs, %.1f µs; longest: %.2f ms, %.2f ms", c.Self.P50US, p.P50US, c.Self.LongestMS, p.LongestMS)
			case "waiter":
				last = fmt.Sprintf("with parking: %s, %s bytes", report.Short(c.Self.WithParking), report.Short(p.WithParking))
			default:
				last = fmt.Sprintf("%s, %s", report.Plain(c.Self.Allocs), report.Plain(p.Allocs))
			}
			peer := p.Peer
			if p.Version != "" {
				peer += " " + p.Version
			}
			fmt.Fprintf(&b, "| %s | %s %s | %s | %s %s | %.2f | %s |\n",
				c.Name, report.Short(c.Self.Value), c.Unit, peer, report.Short(p.Value), c.Unit, p.Ratio, last)
		}
	}
	return b.String()
}

func (r results) sizingTable() string {
	var b strings.Builder
	b.WriteString("| lending | MaxSize | TargetSharing, MaxSharing | places | busy places (rate × held) | conns in the end | must wait, by formula | had to wait | wait p50 | wait p99 |\n|---|---:|---|---:|---:|---:|---:|---:|---:|---:|\n")
	for _, s := range r.Sizing {
		sharing := ""
		if s.Target > 0 {
			sharing = fmt.Sprintf("%d, %d", s.Target, s.Sharing)
		}
		fmt.Fprintf(&b, "| %s | %d | %s | %d | %.1f | %d | %.1f %% | %.1f %% | %.2f ms | %.2f ms |\n",
			s.Mode, s.Max, sharing, s.Max*s.Sharing, s.Busy, s.Conns, 100*s.Foretold, 100*s.Waited, s.P50MS, s.P99MS)
	}
	return b.String()
}

func (r results) costText() string {
	by := map[string]result{}
	for _, c := range r.Cases {
		by[c.Name] = c
	}
	one, many, shared, waiter := by["uncontended"].Self, by["64-per-processor"].Self, by["shared"].Self, by["waiter"].Self
	return fmt.Sprintf("To acquire and release takes %s ns and %s allocations while there is a free connection, %s ns with 64 callers for each processor on 8 connections, and %s ns where connections are shared; a caller that waits allocates %s bytes.\n",
		report.Short(one.Value), report.Plain(one.Allocs), report.Short(many.Value), report.Short(shared.Value), report.Short(waiter.Value))
}

func (r results) fairnessTable() string {
	var b strings.Builder
	b.WriteString("| pool | median wait | 99 of 100 wait at most | longest wait |\n|---|---:|---:|---:|\n")
	for _, c := range r.Cases {
		if c.Name != "fairness" {
			continue
		}
		for _, f := range append([]figures{c.Self}, c.Peers...) {
			fmt.Fprintf(&b, "| %s | %.3f ms | %.3f ms | %.3f ms |\n", f.Peer, f.P50US/1e3, f.Value/1e6, f.LongestMS)
		}
	}
	return b.String()
}
