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
	Levels  []level         `json:"levels"`
	Outages []survival      `json:"outages"`
	Memory  memory          `json:"memory"`
	Budgets []report.Budget `json:"budgets"`
}

// Blocks are the parts of the page that a run writes.
func (r results) Blocks() []report.Block {
	return []report.Block{
		{Name: "machine", Text: r.Machine.Text(r.Rounds, 0)},
		{Name: "levels", Text: r.levelTable()},
		{Name: "outages", Text: r.outageTable()},
		{Name: "memory", Text: r.Memory.table()},
		{Name: "budgets", Text: report.BudgetTable(r.Budgets)},
	}
}

func (r results) levelTable() string {
	var b strings.Builder
	b.WriteString("| callers | Penstock, searches in a second | p50, p99 | bare SDK, searches in a second | p50, p99 | ratio, the median of the rounds |\n")
	b.WriteString("|---:|---:|---:|---:|---:|---:|\n")
	for _, l := range r.Levels {
		fmt.Fprintf(&b, "| %d | %s | %s, %s ms | %s | %s, %s ms | %.3f |\n", l.Callers,
			report.Short(l.Ours.PerSecond), report.Short(l.Ours.P50), report.Short(l.Ours.P99),
			report.Short(l.Bare.PerSecond), report.Short(l.Bare.P50), report.Short(l.Bare.P99), l.Ratio)
	}
	return b.String()
}

func (r results) outageTable() string {
	var b strings.Builder
	b.WriteString("| the server is | client | searches | failed | longest search | first success after the server answers |\n")
	b.WriteString("|---|---|---:|---|---:|---:|\n")
	for _, o := range r.Outages {
		for _, s := range []struct {
			name string
			seen
		}{{"Penstock", o.Ours}, {"bare SDK", o.Bare}} {
			fmt.Fprintf(&b, "| %s: %s | %s | %d | %s | %.2f s | %.2f s |\n", o.Outage, o.What, s.name, s.Searches, s.failures(), s.Longest, s.First)
		}
	}
	return b.String()
}
