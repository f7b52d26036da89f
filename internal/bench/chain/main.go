// SPDX-License-Identifier: Apache-2.0

// The program measures an operation through Penstock's chain and pool beside
// other libraries, in one process and with nothing behind the connections.
// docs/benchmarks/chain.md says how to read what it prints.
package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/penstock-go/penstock/internal/bench/internal/measure"
	"github.com/penstock-go/penstock/internal/bench/internal/report"
)

func main() {
	var (
		quick    = flag.Bool("quick", false, "fewer and shorter rounds")
		only     = flag.String("only", "", "run only the cases whose name contains this")
		jsonFile = flag.String("json", "", "write the results to this file")
		markdown = flag.String("markdown", "", "put the results between the markers of this file")
	)
	flag.Parse()
	r, err := runAll(*quick, *only)
	if err == nil && *jsonFile != "" {
		err = report.WriteJSON(*jsonFile, r)
	}
	if err == nil && *markdown != "" {
		err = report.Insert(*markdown, "bench-chain", r.blocks())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// runAll measures every case, and prints each when it is done.
func runAll(quick bool, only string) (results, error) {
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
		print(found.lines())
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
		print(found.lines())
	}
	r.Budgets = budgets(r.Cases)
	for _, b := range r.Budgets {
		fmt.Println(b.Line())
	}
	if note := report.Disturbed(r.share()); note != "" {
		fmt.Println(note)
	}
	return r, nil
}

func print(lines []string) {
	for _, line := range lines {
		fmt.Println(line)
	}
}
