// SPDX-License-Identifier: Apache-2.0

// The program measures Penstock's pool beside others, in one process and with
// nothing behind the connections. docs/benchmarks/README.md says how to read
// what it prints.
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

// patience is what the whole run has for other processes. What they do in bursts
// is then measured around.
var patience measure.Patience

func main() {
	var (
		quick    = flag.Bool("quick", false, "fewer and shorter rounds")
		only     = flag.String("only", "", "run only the cases whose name contains this")
		jsonFile = flag.String("json", "", "write the results to this file")
		markdown = flag.String("markdown", "", "put the results between the markers of these files, separated by spaces")
	)
	flag.Parse()
	r, err := run(*quick, *only)
	if err == nil && *jsonFile != "" {
		err = report.WriteJSON(*jsonFile, r)
	}
	for _, file := range strings.Fields(*markdown) {
		if err == nil {
			err = report.Insert(file, "bench-pool", r.blocks())
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run measures everything, and prints each case when it is done.
func run(quick bool, only string) (results, error) {
	// The rounds are many rather than long: what disturbs one of them does not
	// reach the median.
	var (
		rounds = 15
		length = 150 * time.Millisecond
		storms = 9
		flow   = 4 * time.Second
	)
	patience = measure.Patience(5 * time.Minute)
	if quick {
		rounds, length, storms, flow = 5, 60*time.Millisecond, 3, 800*time.Millisecond
		patience = measure.Patience(5 * time.Second)
	}
	r := results{Machine: report.ThisMachine(), Quick: quick, Rounds: rounds}
	add := func(name string, measure func() (result, error)) error {
		if !strings.Contains(name, only) {
			return nil
		}
		c, err := measure()
		if err != nil {
			return err
		}
		r.Cases = append(r.Cases, c)
		for _, line := range c.lines() {
			fmt.Println(line)
		}
		return nil
	}
	for _, c := range speedCases {
		if err := add(c.name, func() (result, error) { return c.run(rounds, length) }); err != nil {
			return r, err
		}
	}
	if err := add("fairness", func() (result, error) { return runFairness(storms, length) }); err != nil {
		return r, err
	}
	if err := add("storm", func() (result, error) { return runStorm(storms) }); err != nil {
		return r, err
	}
	if err := add("waiter", func() (result, error) { return runWaiters(min(storms, 5)) }); err != nil {
		return r, err
	}
	if strings.Contains("sizing", only) {
		for _, cfg := range sizingConfigs {
			s, err := runSizing(cfg, flow)
			if err != nil {
				return r, fmt.Errorf("sizing: %w", err)
			}
			r.Sizing = append(r.Sizing, s)
			fmt.Println(s.line())
		}
	}
	if only == "" {
		r.Budgets = budgets(r.Cases)
	}
	for _, b := range r.Budgets {
		fmt.Println(b.Line())
	}
	if note := report.Disturbed(r.share()); note != "" {
		fmt.Println(note)
	}
	return r, nil
}
