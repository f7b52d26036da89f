// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/penstock-go/penstock/internal/bench/internal/measure"
	"github.com/penstock-go/penstock/internal/bench/internal/report"
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

// run measures every subject of the case in turn, over and over.
func (c speedCase) run(rounds int, length time.Duration) (result, error) {
	makers := append([]maker{c.self}, c.peers...)
	samples, err := measure.Rounds(rounds, len(makers), func(i int) (measure.Sample, error) {
		s, err := c.measure(makers[i], length)
		if err != nil {
			err = fmt.Errorf("pool/%s: %s: %w", c.name, makers[i].name, err)
		}
		return s, err
	})
	if err != nil {
		return result{}, err
	}
	r := result{Name: c.name, What: c.what, Unit: "ns", Self: summary(samples[0], samples[0], c.self)}
	r.Share = report.Round2(measure.MedianOf(slices.Concat(samples...), func(s measure.Sample) float64 { return s.Share }))
	for i, m := range c.peers {
		r.Peers = append(r.Peers, summary(samples[i+1], samples[0], m))
	}
	return r, nil
}

// measure runs the load on a new pool of m's. New ones each time, because
// where a pool comes to lie in memory matters too.
func (c speedCase) measure(m maker, length time.Duration) (measure.Sample, error) {
	s, err := m.open(c.conns)
	if err != nil {
		return measure.Sample{}, err
	}
	defer s.close()
	if _, err := c.load(s, length/10); err != nil {
		return measure.Sample{}, err
	}
	for {
		patience.Await()
		runtime.GC() // what the last one left behind is not for this one to clear away
		found, err := c.load(s, length)
		if err != nil || c.asleep || !patience.Again(found.Share, length) {
			return found, err
		}
	}
}

// load lets callers loose on s, and returns when they are done.
func (c speedCase) load(s subject, length time.Duration) (measure.Sample, error) {
	load := measure.Load{Callers: c.perProc * runtime.GOMAXPROCS(0), Length: length, Batch: c.batch}
	ctxs := make([]context.Context, load.Callers)
	for i := range ctxs {
		// Each caller has a deadline of its own, as requests have.
		ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
		defer cancel()
		ctx.Done() // made when first asked for, which is not the pool's doing
		ctxs[i] = ctx
	}
	return load.Run(func(caller, n int) error { return s.turns(ctxs[caller], n, c.work) })
}

// summary is what the rounds of m come to, beside those of Penstock's.
func summary(samples, self []measure.Sample, m maker) figures {
	ns := func(s measure.Sample) float64 { return s.NS }
	return figures{
		Peer:    m.name,
		Version: m.version(),
		Value:   measure.MedianOf(samples, ns),
		Allocs:  report.Round2(measure.MedianOf(samples, func(s measure.Sample) float64 { return s.Allocs })),
		Ratio:   report.Round2(measure.RatioOf(samples, self, ns)),
	}
}
