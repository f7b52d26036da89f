// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/penstock-go/penstock/internal/bench/internal/measure"
	"github.com/penstock-go/penstock/internal/bench/internal/report"
)

// waits is how long callers waited for a connection.
type waits struct{ p50, p99, longest time.Duration }

// runFairness measures how evenly an exhausted pool makes its callers wait. The
// work and the connections are the same for all, and so the mean wait: what
// differs is who waits for whom.
func runFairness(rounds int, length time.Duration) (result, error) {
	const (
		conns   = 4
		perProc = 16
	)
	makers := append([]maker{penstockMaker}, exclusivePeers...)
	found, err := measure.Rounds(rounds, len(makers), func(i int) (waits, error) {
		w, err := queue(makers[i], conns, perProc*runtime.GOMAXPROCS(0), length)
		if err != nil {
			err = fmt.Errorf("pool/fairness: %s: %w", makers[i].name, err)
		}
		return w, err
	})
	if err != nil {
		return result{}, err
	}
	r := result{
		Name: "fairness",
		What: fmt.Sprintf("the wait that 99 of 100 do not exceed: %d callers for each processor, %d conns, 20 us of work", perProc, conns),
		Unit: "ns",
	}
	for i, m := range makers {
		median := func(of func(waits) time.Duration) float64 {
			return measure.MedianOf(found[i], func(w waits) float64 { return float64(of(w)) })
		}
		f := figures{
			Peer: m.name, Version: m.version(),
			Value:     median(func(w waits) time.Duration { return w.p99 }),
			Ratio:     report.Round2(measure.RatioOf(found[i], found[0], func(w waits) float64 { return float64(max(w.p99, 1)) })),
			P50US:     report.Round2(median(func(w waits) time.Duration { return w.p50 }) / 1e3),
			LongestMS: report.Round2(median(func(w waits) time.Duration { return w.longest }) / 1e6),
		}
		if i == 0 {
			r.Self = f
		} else {
			r.Peers = append(r.Peers, f)
		}
	}
	return r, nil
}

func queue(m maker, conns, callers int, length time.Duration) (waits, error) {
	s, err := m.open(conns)
	if err != nil {
		return waits{}, err
	}
	defer s.close()
	patience.Await()
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	defer cancel()
	var (
		mu     sync.Mutex
		all    []time.Duration
		failed error
		wg     sync.WaitGroup
		begin  = time.Now()
	)
	for range callers {
		wg.Go(func() {
			var own []time.Duration
			for now := begin; now.Sub(begin) < length; now = time.Now() {
				release, err := s.acquire(ctx)
				if err != nil {
					mu.Lock()
					defer mu.Unlock()
					failed = err
					return
				}
				own = append(own, time.Since(now))
				grind()
				release()
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, own...)
		})
	}
	wg.Wait()
	slices.Sort(all)
	n := len(all)
	if failed != nil || n == 0 {
		return waits{}, failed
	}
	return waits{p50: all[n/2], p99: all[n*99/100], longest: all[n-1]}, nil
}
