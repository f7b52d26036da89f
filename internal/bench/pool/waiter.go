// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"

	"github.com/penstock-go/penstock/internal/bench/internal/measure"
	"github.com/penstock-go/penstock/internal/bench/internal/report"
)

const waiters = 10_000

// footprint is what each of many blocked callers takes of the memory.
type footprint struct {
	own float64 // bytes that the pool allocated
	all float64 // bytes with what the runtime parks a goroutine with, beyond a wait for one channel
}

// runWaiters measures what a blocked caller costs in memory.
func runWaiters(rounds int) (result, error) {
	makers := []maker{penstockMaker, puddleMaker}
	r := result{
		Name: "waiter",
		What: fmt.Sprintf("bytes allocated for a blocked caller, of %d", waiters),
		Unit: "bytes",
	}
	found := make([][]footprint, len(makers))
	for range rounds {
		for i, m := range makers {
			f, err := measureWaiters(m)
			if err != nil {
				return result{}, fmt.Errorf("pool/waiter: %s: %w", m.name, err)
			}
			found[i] = append(found[i], f)
		}
	}
	for i, m := range makers {
		var own, all, ratios []float64
		for k, f := range found[i] {
			own, all = append(own, f.own), append(all, f.all)
			ratios = append(ratios, f.own/found[0][k].own)
		}
		f := figures{
			Peer: m.name, Version: m.version(),
			Value: measure.Median(own), WithParking: report.Round2(measure.Median(all)), Ratio: report.Round2(measure.Median(ratios)),
		}
		if i == 0 {
			r.Self = f
		} else {
			r.Peers = append(r.Peers, f)
		}
	}
	return r, nil
}

func measureWaiters(m maker) (footprint, error) {
	// What is counted is what was ever allocated, so nothing is collected
	// meanwhile.
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	elsewhere := func(ctx context.Context) { <-ctx.Done() }
	parked := func(ctx context.Context) {
		select { // as many cases as a wait has at most
		case <-ctx.Done():
		case <-make(chan int):
		case <-make(chan int):
		}
	}
	crowd(parked) // so that there are goroutines to be used again
	runtime.GC()  // the runtime lets go of what it parks goroutines with
	none := crowd(elsewhere)
	runtime.GC()
	all, err := crowdAt(m)
	if err != nil {
		return footprint{}, err
	}
	crowd(parked) // now it has enough of that for all
	bare := crowd(elsewhere)
	own, err := crowdAt(m)
	return footprint{own: own - bare, all: all - none}, err
}

// crowdAt is crowd at a pool of m's that has no free connection. It is a new
// pool, which has nothing left from those who waited before.
func crowdAt(m maker) (float64, error) {
	s, err := m.open(1)
	if err != nil {
		return 0, err
	}
	defer s.close()
	release, err := s.acquire(context.Background())
	if err != nil {
		return 0, err
	}
	defer release()
	return crowd(func(ctx context.Context) {
		if release, err := s.acquire(ctx); err == nil {
			release()
		}
	}), nil
}

// crowd lets many goroutines block in wait, and returns how many bytes were
// allocated for each of them.
func crowd(wait func(context.Context)) float64 {
	ctx, cancel := context.WithCancel(context.Background())
	var (
		before, after runtime.MemStats
		coming, all   sync.WaitGroup
	)
	ctx.Done()
	coming.Add(waiters)
	runtime.ReadMemStats(&before)
	for range waiters {
		all.Go(func() {
			coming.Done()
			wait(ctx)
		})
	}
	coming.Wait()
	measure.Settle()
	runtime.ReadMemStats(&after)
	cancel()
	all.Wait()
	return float64(after.TotalAlloc-before.TotalAlloc) / waiters
}
