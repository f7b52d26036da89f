// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// speedCase is a load that callers put on a pool.
type speedCase struct {
	name    string
	what    string
	conns   int
	perProc int    // callers for each processor
	work    func() // with the connection; nil is none
	asleep  bool   // the work needs no processor
	batch   int    // turns between two looks at the clock
	self    maker
	peers   []maker
}

// grind keeps a processor busy for 20 us, though not for itself alone: with
// fewer processors than connections the pool would else never be exhausted.
func grind() {
	for begin := time.Now(); time.Since(begin) < 20*time.Microsecond; {
		runtime.Gosched()
	}
}

// doze sleeps for 20 us, or for what the runtime makes of so short a sleep:
// several hundred.
func doze() { time.Sleep(20 * time.Microsecond) }

var speedCases = []speedCase{
	{"uncontended", "1 caller for each processor, 8 conns", 8, 1, nil, false, 512, penstockMaker, exclusivePeers},
	{"16-per-processor", "16 callers for each processor, 64 conns", 64, 16, nil, false, 512, penstockMaker, exclusivePeers},
	{"64-per-processor", "64 callers for each processor, 8 conns", 8, 64, nil, false, 512, penstockMaker, exclusivePeers},
	{"exhausted", "16 callers for each processor, 4 conns, each held for 20 us of work", 4, 16, grind, false, 1, penstockMaker, exclusivePeers},
	{"exhausted-asleep", "the same, held for a sleep of 20 us", 4, 16, doze, true, 1, penstockMaker, exclusivePeers},
	{"shared", "shared: 1 caller for each processor, 4 conns", 4, 1, nil, false, 512, sharedMaker, []maker{mutexMaker}},
	{"shared-16-per-processor", "shared: 16 callers for each processor, 4 conns", 4, 16, nil, false, 512, sharedMaker, []maker{mutexMaker}},
}

// sample is what one peer showed in one round.
type sample struct {
	ns, allocs float64 // for each turn
	share      float64 // of the processors that this process had, 1 being all
}

// run measures every subject of the case in turn, over and over.
func (c speedCase) run(rounds int, length time.Duration) (result, error) {
	makers := append([]maker{c.self}, c.peers...)
	samples := make([][]sample, len(makers)) // by maker, then by round
	for round := range rounds {
		for i := range makers {
			// Another one goes first in each round.
			i := (i + round) % len(makers)
			s, err := c.measure(makers[i], length)
			if err != nil {
				return result{}, fmt.Errorf("pool/%s: %s: %w", c.name, makers[i].name, err)
			}
			samples[i] = append(samples[i], s)
		}
	}
	r := result{Name: c.name, What: c.what, Unit: "ns", Self: summary(samples[0], samples[0], c.self)}
	r.Share = round2(median(slices.Concat(samples...), func(s sample) float64 { return s.share }))
	for i, m := range c.peers {
		r.Peers = append(r.Peers, summary(samples[i+1], samples[0], m))
	}
	return r, nil
}

// measure runs the load on a new pool of m's. New ones each time, because
// where a pool comes to lie in memory matters too.
func (c speedCase) measure(m maker, length time.Duration) (sample, error) {
	s, err := m.open(c.conns)
	if err != nil {
		return sample{}, err
	}
	defer s.close()
	if _, err := c.load(s, length/10); err != nil {
		return sample{}, err
	}
	for {
		await()
		runtime.GC() // what the last one left behind is not for this one to clear away
		found, err := c.load(s, length)
		if err != nil || c.asleep || !again(found.share, length) {
			return found, err
		}
	}
}

// load lets callers loose on s, and returns when they are done.
func (c speedCase) load(s subject, length time.Duration) (sample, error) {
	var (
		callers = c.perProc * runtime.GOMAXPROCS(0)
		gate    = make(chan time.Time)
		turns   atomic.Int64
		failed  atomic.Pointer[error]
		wg      sync.WaitGroup
		ctxs    = make([]context.Context, callers)
		before  runtime.MemStats
		after   runtime.MemStats
	)
	for i := range ctxs {
		// Each caller has a deadline of its own, as requests have.
		ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
		defer cancel()
		ctx.Done() // made when first asked for, which is not the pool's doing
		ctxs[i] = ctx
	}
	for _, ctx := range ctxs {
		wg.Go(func() {
			begin := <-gate
			n := 0
			for time.Since(begin) < length {
				if err := s.turns(ctx, c.batch, c.work); err != nil {
					failed.Store(&err)
					break
				}
				n += c.batch
			}
			turns.Add(int64(n))
		})
	}
	runtime.ReadMemStats(&before)
	used := cpuTime()
	begin := time.Now()
	for range callers {
		gate <- begin
	}
	wg.Wait()
	took := time.Since(begin)
	used = cpuTime() - used
	runtime.ReadMemStats(&after)
	if err := failed.Load(); err != nil {
		return sample{}, *err
	}
	n := float64(turns.Load())
	return sample{
		ns:     float64(took) / n,
		allocs: float64(after.Mallocs-before.Mallocs) / n,
		share:  float64(used) / float64(took) / float64(runtime.GOMAXPROCS(0)),
	}, nil
}

// summary is what the rounds of m come to, beside those of Penstock's.
func summary(samples, self []sample, m maker) figures {
	ratios := make([]float64, len(samples))
	for i := range ratios {
		ratios[i] = samples[i].ns / self[i].ns
	}
	return figures{
		Peer:    m.name,
		Version: m.version(),
		Value:   median(samples, func(s sample) float64 { return s.ns }),
		Allocs:  round2(median(samples, func(s sample) float64 { return s.allocs })),
		Ratio:   round2(medianOf(ratios)),
	}
}

func median(samples []sample, of func(sample) float64) float64 {
	values := make([]float64, len(samples))
	for i, s := range samples {
		values[i] = of(s)
	}
	return medianOf(values)
}

func medianOf(values []float64) float64 {
	values = slices.Sorted(slices.Values(values))
	if len(values) == 0 {
		return 0
	}
	middle := len(values) / 2
	if len(values)%2 == 1 {
		return values[middle]
	}
	return (values[middle-1] + values[middle]) / 2
}
