// SPDX-License-Identifier: Apache-2.0

// The program measures Penstock beside the bare SDK on a real Milvus, which it starts, and
// milvustest beside that Milvus.
// docs/benchmarks/milvus.md says how to read what it prints.
package main

import (
	"context"
	"fmt"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/penstock-go/penstock/internal/bench/internal/report"
	"github.com/penstock-go/penstock/internal/servers"
)

func main() { report.Main("bench-milvus", run) }

// plan is how long things are measured.
type plan struct {
	callers        []int
	rounds         int
	length         time.Duration // of one subject in one round
	healthy, calm  time.Duration // load before an outage, and after the recovery from it
	stopped        time.Duration // how long a stopped server is stopped
	rows           int
	table          table
	outagesInTurn  []outage
	recoveryAtMost time.Duration
	memory         memoryPlan
}

// run measures everything, and prints each part when it is done.
func run(quick bool, only string) (report.Results, error) {
	hnsw, err := hnswTable()
	if err != nil {
		return nil, err
	}
	p := plan{
		callers: []int{1, 5, 10, 20, 30, 40, 60, 80}, // the levels of VectorDBBench
		rounds:  9, length: 3 * time.Second,
		healthy: 5 * time.Second, calm: 5 * time.Second, stopped: 20 * time.Second,
		rows: 10_000, table: hnsw, outagesInTurn: outages, recoveryAtMost: 3 * time.Minute,
		memory: memoryPlan{rows: 100_000, callers: []int{1, 8}, rounds: 3, length: 5 * time.Second},
	}
	if quick {
		p.callers, p.rounds, p.length = []int{1, 20, 80}, 3, time.Second
		p.healthy, p.calm, p.stopped = 2*time.Second, time.Second, 5*time.Second
		p.outagesInTurn = outages[len(outages)-1:]
		p.memory.rounds, p.memory.length = 1, 2*time.Second
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	r := results{Machine: report.ThisMachine(), Quick: quick, Rounds: p.rounds}
	if strings.Contains("memory", only) {
		err := servers.With(ctx, func(t testing.TB) (err error) {
			r.Memory, err = beside(ctx, servers.StartMilvus(t).Addr(), p.memory)
			return err
		})
		if err != nil {
			return r, fmt.Errorf("milvustest beside Milvus: %w", err)
		}
		report.Print(r.Memory.lines())
	}
	if strings.Contains("levels", only) || strings.Contains("outages", only) {
		err := servers.With(ctx, func(t testing.TB) error { return r.measure(ctx, servers.StartMilvus(t), p, only) })
		if err != nil {
			return r, err
		}
	}
	for _, l := range r.Levels {
		r.Budgets = append(r.Budgets, report.AtLeast(fmt.Sprintf("throughput-%d-callers", l.Callers), 0.97, report.Round3(l.Ratio)))
	}
	r.Budgets = append(r.Budgets, r.Memory.budgets()...)
	report.PrintBudgets(r.Budgets, 0)
	return r, nil
}

// measure measures Penstock beside the bare SDK on a Milvus that is empty.
func (r *results) measure(ctx context.Context, m *servers.Milvus, p plan, only string) error {
	if _, err := p.table.fill(ctx, m.Addr(), p.rows); err != nil {
		return fmt.Errorf("fill the server: %w", err)
	}
	if strings.Contains("levels", only) {
		for _, callers := range p.callers {
			l, err := measureLevel(ctx, m.Addr(), callers, p)
			if err != nil {
				return fmt.Errorf("%d callers: %w", callers, err)
			}
			r.Levels = append(r.Levels, l)
			report.Print(l.lines())
		}
	}
	if strings.Contains("outages", only) {
		for _, o := range p.outagesInTurn {
			s, err := survive(ctx, m, o, p)
			if err != nil {
				return fmt.Errorf("%s: %w", o.name, err)
			}
			r.Outages = append(r.Outages, s)
			report.Print(s.lines())
		}
	}
	return nil
}
