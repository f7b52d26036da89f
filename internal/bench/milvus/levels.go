// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/penstock-go/penstock/internal/bench/internal/measure"
	"github.com/penstock-go/penstock/internal/bench/internal/report"
)

// level is how much both subjects do for a number of callers.
type level struct {
	Callers int   `json:"callers"`
	Ours    speed `json:"penstock"`
	Bare    speed `json:"bare_sdk"`
	// Ratio is Penstock's throughput divided by the bare SDK's, the median of the
	// rounds.
	Ratio float64 `json:"ratio"`
}

// speed are the medians of the rounds of one subject.
type speed struct {
	PerSecond float64 `json:"per_second"`
	P50       float64 `json:"p50_ms"`
	P99       float64 `json:"p99_ms"`
}

func (l level) lines() []string {
	return []string{fmt.Sprintf("milvus/%d-callers penstock=%s/s p50=%sms p99=%sms bare_sdk=%s/s p50=%sms p99=%sms ratio=%.3f",
		l.Callers, report.Short(l.Ours.PerSecond), report.Short(l.Ours.P50), report.Short(l.Ours.P99),
		report.Short(l.Bare.PerSecond), report.Short(l.Bare.P50), report.Short(l.Bare.P99), l.Ratio)}
}

// measureLevel measures both subjects in turns.
func measureLevel(ctx context.Context, addr string, callers int, p plan) (level, error) {
	ours, bare, err := open(ctx, addr, p.table)
	if err != nil {
		return level{}, err
	}
	subjects := []subject{ours, bare}
	for _, s := range subjects { // connections and caches
		if _, err := load(ctx, s, callers, p.length/4); err != nil {
			return level{}, errors.Join(err, ours.close(), bare.close())
		}
	}
	found, err := measure.Rounds(p.rounds, len(subjects), func(i int) (speed, error) { return load(ctx, subjects[i], callers, p.length) })
	if err := errors.Join(err, ours.close(), bare.close()); err != nil {
		return level{}, err
	}
	return level{
		Callers: callers, Ours: medians(found[0]), Bare: medians(found[1]),
		Ratio: measure.RatioOf(found[0], found[1], func(s speed) float64 { return s.PerSecond }),
	}, nil
}

func medians(samples []speed) speed {
	return speed{
		PerSecond: measure.MedianOf(samples, func(s speed) float64 { return s.PerSecond }),
		P50:       measure.MedianOf(samples, func(s speed) float64 { return s.P50 }),
		P99:       measure.MedianOf(samples, func(s speed) float64 { return s.P99 }),
	}
}

// load lets the callers search one after the other, each for itself. Every search has to
// succeed.
func load(ctx context.Context, s subject, callers int, length time.Duration) (speed, error) {
	var (
		mu    sync.Mutex
		took  []time.Duration // guarded by mu
		fault error           // guarded by mu
		all   sync.WaitGroup
	)
	begin := time.Now()
	for caller := range callers {
		all.Go(func() {
			random := rand.New(rand.NewPCG(uint64(caller), 2))
			var mine []time.Duration
			var err error
			for time.Since(begin) < length && err == nil {
				v := vector(random)
				start := time.Now()
				err = s.search(ctx, caller, v)
				mine = append(mine, time.Since(start))
			}
			mu.Lock()
			defer mu.Unlock()
			took = append(took, mine...)
			fault = errors.Join(fault, err)
		})
	}
	all.Wait()
	passed := time.Since(begin)
	if fault != nil {
		return speed{}, fmt.Errorf("%s: %w", s.name, fault)
	}
	slices.Sort(took)
	at := func(q float64) float64 { return took[int(q*float64(len(took)-1))].Seconds() * 1000 }
	return speed{PerSecond: float64(len(took)) / passed.Seconds(), P50: at(0.5), P99: at(0.99)}, nil
}
