// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"strings"
)

// insert replaces what is between the markers of file, such as
//
//	<!-- cases: written by make bench-pool -->
//	<!-- cases: end -->
//
// A file without any of the known markers is an error.
func (r report) insert(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	blocks := []struct{ name, text string }{
		{"machine", r.machineText()},
		{"cases", r.caseTable()},
		{"budgets", r.budgetTable()},
		{"sizing", r.sizingTable()},
		{"costs", r.costText()},
		{"fairness", r.fairnessTable()},
	}
	out, found := string(text), false
	for _, b := range blocks {
		begin, end := "<!-- "+b.name+": written by make bench-pool -->\n", "<!-- "+b.name+": end -->"
		head, rest, ok := strings.Cut(out, begin)
		if !ok {
			continue
		}
		_, tail, ok := strings.Cut(rest, end)
		if !ok {
			return fmt.Errorf("%s: %q is missing", file, end)
		}
		out, found = head+begin+b.text+end+tail, true
	}
	if !found {
		return fmt.Errorf("%s: no marker", file)
	}
	return os.WriteFile(file, []byte(out), 0o644)
}

func (r report) machineText() string {
	m := r.Machine
	text := fmt.Sprintf("%s, %d processors, %s, %s; medians of %d rounds.", m.CPU, m.Processors, m.Platform, m.Go, r.Rounds)
	for _, c := range r.Cases {
		if c.Name == "uncontended" && c.Share > 0 {
			text += fmt.Sprintf(" The process had %.0f %% of the processors.", 100*c.Share)
		}
	}
	return text + "\n"
}

func (r report) caseTable() string {
	var b strings.Builder
	b.WriteString("| case | Penstock | peer | | ratio | allocations, or else as named: Penstock's, the peer's |\n|---|---:|---|---:|---:|---|\n")
	for _, c := range r.Cases {
		for _, p := range c.Peers {
			var last string
			switch c.Name {
			case "storm":
				last = fmt.Sprintf("throughput kept: %.1f %%, %.1f %%; slowest turn: %.2f ms, %.2f ms", 100*c.Self.Kept, 100*p.Kept, c.Self.LongestMS, p.LongestMS)
			case "fairness":
				last = fmt.Sprintf("median wait: %.1f µs, %.1f µs; longest: %.2f ms, %.2f ms", c.Self.P50US, p.P50US, c.Self.LongestMS, p.LongestMS)
			case "waiter":
				last = fmt.Sprintf("with parking: %s, %s bytes", short(c.Self.WithParking), short(p.WithParking))
			default:
				last = fmt.Sprintf("%s, %s", plain(c.Self.Allocs), plain(p.Allocs))
			}
			peer := p.Peer
			if p.Version != "" {
				peer += " " + p.Version
			}
			fmt.Fprintf(&b, "| %s | %s %s | %s | %s %s | %.2f | %s |\n",
				c.Name, short(c.Self.Value), c.Unit, peer, short(p.Value), c.Unit, p.Ratio, last)
		}
	}
	return b.String()
}

func (r report) budgetTable() string {
	var b strings.Builder
	b.WriteString("| budget | wanted | got | |\n|---|---|---:|---|\n")
	for _, x := range r.Budgets {
		verdict := "ok"
		if !x.OK {
			verdict = "missed"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", x.Name, x.Want, plain(x.Got), verdict)
	}
	return b.String()
}

func (r report) sizingTable() string {
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

func (r report) costText() string {
	by := map[string]result{}
	for _, c := range r.Cases {
		by[c.Name] = c
	}
	one, many, shared, waiter := by["uncontended"].Self, by["64-per-processor"].Self, by["shared"].Self, by["waiter"].Self
	return fmt.Sprintf("To acquire and release takes %s ns and %s allocations while there is a free connection, %s ns with 64 callers for each processor on 8 connections, and %s ns where connections are shared; a caller that waits allocates %s bytes.\n",
		short(one.Value), plain(one.Allocs), short(many.Value), short(shared.Value), short(waiter.Value))
}

func (r report) fairnessTable() string {
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
