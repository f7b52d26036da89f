// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/penstock-go/penstock/internal/bench/internal/measure"
	"github.com/penstock-go/penstock/internal/bench/internal/report"
	"github.com/penstock-go/penstock/pool/milvus/milvustest"
)

// memoryPlan is how milvustest is measured beside a real Milvus.
type memoryPlan struct {
	rows    int
	callers []int
	rounds  int
	length  time.Duration // of one server in one round
}

// memory is how fast each server is, milvustest first and its peer, the real FLAT, second.
type memory []server

type server struct {
	Name   string  `json:"name"`
	Insert float64 `json:"insert_s"` // of all rows
	Loads  []shift `json:"loads"`
}

// shift is how fast a server is for a number of callers.
type shift struct {
	Callers int   `json:"callers"`
	Speed   speed `json:"speed"`
	// Ratio is the throughput of the first server divided by that of this one, the median
	// of the rounds.
	Ratio float64 `json:"ratio"`
}

// beside fills each server with the same rows, and lets the callers search in the servers
// in turns. addr is that of the real Milvus.
func beside(ctx context.Context, addr string, p memoryPlan) (memory, error) {
	inMemory, err := milvustest.New(milvustest.Config{Version: "v2.3.5"})
	if err != nil {
		return nil, err
	}
	defer inMemory.Close()
	flat, err := flatTable()
	if err != nil {
		return nil, err
	}
	hnsw, err := hnswTable()
	if err != nil {
		return nil, err
	}
	var (
		found    memory
		subjects []subject
	)
	defer func() {
		for _, s := range subjects {
			_ = s.close()
		}
	}()
	for _, one := range []struct {
		name, addr string
		table      table
	}{{"milvustest", inMemory.Addr(), flat}, {"Milvus 2.3.5, FLAT", addr, flat}, {"Milvus 2.3.5, HNSW", addr, hnsw}} {
		took, err := one.table.fill(ctx, one.addr, p.rows)
		if err != nil {
			return nil, fmt.Errorf("fill %s: %w", one.name, err)
		}
		s, err := openBare(ctx, one.addr, one.table)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", one.name, err)
		}
		subjects = append(subjects, s)
		found = append(found, server{Name: one.name, Insert: report.ThreeDigits(took.Seconds())})
	}
	for _, callers := range p.callers {
		var warm error // connections and caches
		for _, s := range subjects {
			_, err := load(ctx, s, callers, p.length/4)
			warm = errors.Join(warm, err)
		}
		if warm != nil {
			return nil, warm
		}
		speeds, err := measure.Rounds(p.rounds, len(subjects), func(i int) (speed, error) { return load(ctx, subjects[i], callers, p.length) })
		if err != nil {
			return nil, err
		}
		for i, s := range speeds {
			ratio := measure.RatioOf(speeds[0], s, func(s speed) float64 { return s.PerSecond })
			found[i].Loads = append(found[i].Loads, shift{callers, medians(s), ratio})
		}
	}
	return found, nil
}

// thousand is the time of 1,000 searches in seconds.
func (s shift) thousand() float64 { return 1000 / s.Speed.PerSecond }

func (m memory) lines() []string {
	var lines []string
	for _, s := range m {
		for _, l := range s.Loads {
			lines = append(lines, fmt.Sprintf("milvus/memory %s callers=%d insert=%ss thousand=%ss p50=%sms p99=%sms ratio=%.3f", s.Name, l.Callers,
				report.Short(s.Insert), report.Short(l.thousand()), report.Short(l.Speed.P50), report.Short(l.Speed.P99), l.Ratio))
		}
	}
	return lines
}

func (m memory) table() string {
	var b strings.Builder
	b.WriteString("| server | insert of all rows | callers | 1,000 searches | p50, p99 of one | ratio, the median of the rounds |\n|---|---:|---:|---:|---:|---:|\n")
	for _, s := range m {
		for _, l := range s.Loads {
			fmt.Fprintf(&b, "| %s | %s s | %d | %s s | %s, %s ms | %.3f |\n", s.Name, report.Short(s.Insert), l.Callers,
				report.Short(l.thousand()), report.Short(l.Speed.P50), report.Short(l.Speed.P99), l.Ratio)
		}
	}
	return b.String()
}

// budgets hold milvustest to the real server that is as exact.
func (m memory) budgets() []report.Budget {
	if len(m) == 0 {
		return nil
	}
	budgets := []report.Budget{report.AtMost("milvustest-insert-seconds", 1, m[0].Insert)}
	for _, l := range m[1].Loads {
		budgets = append(budgets, report.AtLeast(fmt.Sprintf("milvustest-searches-%d-callers", l.Callers), 1, report.Round3(l.Ratio)))
	}
	return budgets
}
