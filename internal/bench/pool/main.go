// SPDX-License-Identifier: Apache-2.0

// The program measures Penstock's pool beside others, in one process and with
// nothing behind the connections. docs/benchmarks/README.md says how to read
// what it prints.
package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/penstock-go/penstock/internal/bench/internal/measure"
	"github.com/penstock-go/penstock/internal/bench/internal/report"
)

// patience is what the whole run has for other processes. What they do in bursts
// is then measured around.
var patience measure.Patience

func main() { report.Main("bench-pool", run) }

// run measures everything, and prints each case when it is done.
func run(quick bool, only string) (report.Results, error) {
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
		report.Print(c.lines())
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
	report.PrintBudgets(r.Budgets, r.share())
	return r, nil
}
