// SPDX-License-Identifier: Apache-2.0

// The program measures an operation through Penstock's chain and pool beside
// other libraries, in one process and with nothing behind the connections.
// docs/benchmarks/chain.md says how to read what it prints.
package main

import (
	"strings"
	"time"

	"github.com/penstock-go/penstock/internal/bench/internal/measure"
	"github.com/penstock-go/penstock/internal/bench/internal/report"
)

func main() { report.Main("bench-chain", runAll) }

// runAll measures every case, and prints each when it is done.
func runAll(quick bool, only string) (report.Results, error) {
	// The rounds are many rather than long: what disturbs one of them does not
	// reach the median. They are odd, so that the median is one of them.
	rounds, length, throngs, patience := 15, 150*time.Millisecond, 5, measure.Patience(5*time.Minute)
	if quick {
		rounds, length, throngs, patience = 5, 50*time.Millisecond, 3, measure.Patience(5*time.Second)
	}
	r := results{Machine: report.ThisMachine(), Quick: quick, Rounds: rounds}
	for _, c := range benchCases {
		if !strings.Contains(c.name, only) {
			continue
		}
		found, err := c.run(rounds, length, &patience)
		if err != nil {
			return r, err
		}
		r.Cases = append(r.Cases, found)
		report.Print(found.lines())
	}
	for _, callers := range growthCallers {
		if !strings.Contains("growth", only) {
			break
		}
		rounds := throngs
		if quick && callers > 1000 {
			rounds = 1 // to gather them takes longer than to measure
		}
		found, err := runGrowth(callers, rounds, length, &patience)
		if err != nil {
			return r, err
		}
		r.Growth = append(r.Growth, found)
		report.Print(found.lines())
	}
	r.Budgets = budgets(r.Cases)
	report.PrintBudgets(r.Budgets, r.share())
	return r, nil
}
