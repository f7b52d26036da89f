// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/penstock-go/penstock/internal/bench/internal/measure"
	"github.com/penstock-go/penstock/internal/bench/internal/report"
)

// growthMakers are the subjects whose growth is measured.
var growthMakers = []maker{penstockMaker, failsafeMaker}

// growthCallers are the numbers of callers at once. A client has 10 connections:
// up to 10 callers are at work, the others wait.
var growthCallers = []int{1, 10, 100, 1_000, 10_000, 100_000}

// growth is what an operation costs with so many callers at once.
type growth struct {
	Callers int     `json:"callers"`
	Self    grown   `json:"penstock"`
	Peers   []grown `json:"peers"`
}

type grown struct {
	Peer    string  `json:"peer"`
	Version string  `json:"version,omitempty"`
	NS      float64 `json:"ns"`
	Ratio   float64 `json:"ratio"` // peer's time divided by Penstock's, the median of the rounds
	Heap    float64 `json:"heap"`  // bytes in use for each caller, beyond those of a goroutine that waits for a channel
	Stack   float64 `json:"stack"` // bytes in use for the stack of each caller
}

// runGrowth measures one number of callers. Time is measured in rounds, memory
// once: it differs little.
func runGrowth(callers, rounds int, length time.Duration, patience *measure.Patience) (growth, error) {
	fail := func(m maker, err error) error { return fmt.Errorf("chain/growth-%d: %s: %w", callers, m.name, err) }
	ctxs, release := callerContexts(callers)
	defer release()
	ns, err := measure.Rounds(rounds, len(growthMakers), func(i int) (float64, error) {
		patience.Await()
		runtime.GC()
		ns, err := throng(growthMakers[i], ctxs, length)
		if err != nil {
			err = fail(growthMakers[i], err)
		}
		return ns, err
	})
	if err != nil {
		return growth{}, err
	}
	clients := max(crowd/callers, 1)
	parked := func() memory {
		end := make(chan struct{})
		return occupy(clients, ctxs, end, func(int, context.Context) { <-end })
	}
	parked() // from here on the runtime has the goroutines, and uses them again
	bare := parked()
	g := growth{Callers: callers}
	same := func(v float64) float64 { return v }
	for i, m := range growthMakers {
		own, err := footprint(m, clients, ctxs)
		if err != nil {
			return growth{}, fail(m, err)
		}
		found := grown{
			Peer: m.name, Version: m.version(),
			NS:    report.ThreeDigits(measure.Median(ns[i])),
			Ratio: report.Round2(measure.RatioOf(ns[i], ns[0], same)),
			Heap:  math.Round(own.heap - bare.heap), Stack: math.Round(own.stack),
		}
		if i == 0 {
			g.Self = found
		} else {
			g.Peers = append(g.Peers, found)
		}
	}
	return g, nil
}

// callerContexts returns a context with a deadline for each caller.
func callerContexts(callers int) (ctxs []context.Context, release func()) {
	ctxs = make([]context.Context, callers)
	cancels := make([]context.CancelFunc, callers)
	for i := range ctxs {
		ctxs[i], cancels[i] = withDeadline()
		ctxs[i].Done()
	}
	return ctxs, func() {
		for _, cancel := range cancels {
			cancel()
		}
	}
}

// yielding lets other goroutines run while it has the connection, so that the
// other callers come to wait for it.
func yielding(_ context.Context, c *conn) (int, error) {
	runtime.Gosched()
	return c.value, nil
}

// tally counts without having all callers write to one place.
type tally [64]struct {
	n atomic.Int64
	_ [56]byte
}

func (t *tally) sum() int64 {
	n := int64(0)
	for i := range t {
		n += t[i].n.Load()
	}
	return n
}

// throng lets the callers run operations over and over, and returns the time for
// each operation: what passes, divided by the operations of all callers.
func throng(m maker, ctxs []context.Context, length time.Duration) (float64, error) {
	s, err := m.open(setup{work: yielding, limit: longer})
	if err != nil {
		return 0, err
	}
	defer s.close()
	var (
		done   tally
		over   atomic.Bool
		failed atomic.Pointer[error]
		all    sync.WaitGroup
	)
	for i, ctx := range ctxs {
		all.Go(func() {
			for !over.Load() {
				if err := s.turns(ctx, 1); err != nil {
					failed.Store(&err)
					over.Store(true)
				}
				done[i%len(done)].n.Add(1)
			}
		})
	}
	// Once each caller has had about one turn, all of them are there and have
	// stacks as long as they need.
	for done.sum() < int64(len(ctxs)) && !over.Load() {
		time.Sleep(time.Millisecond)
	}
	before, begin := done.sum(), time.Now()
	time.Sleep(length)
	n, took := done.sum()-before, time.Since(begin)
	over.Store(true)
	all.Wait()
	if err := failed.Load(); err != nil {
		return 0, *err
	}
	return float64(took) / float64(max(n, 1)), nil
}

// memory is what is in use for each caller.
type memory struct{ heap, stack float64 }

// crowd is how many callers there are at least while memory is measured: fewer
// come together from several clients.
const crowd = 1000

// footprint returns the memory of the callers of each client. As many as there
// are connections are at work, and the others wait.
func footprint(m maker, clients int, ctxs []context.Context) (memory, error) {
	hold := make(chan struct{})
	held := func(_ context.Context, c *conn) (int, error) {
		<-hold
		return c.value, nil
	}
	subjects := make([]subject, clients)
	for i := range subjects {
		s, err := m.open(setup{work: held, limit: longer})
		if err != nil {
			return memory{}, err
		}
		defer s.close()
		subjects[i] = s
	}
	var failed atomic.Pointer[error]
	used := occupy(clients, ctxs, hold, func(client int, ctx context.Context) {
		if err := subjects[client].turns(ctx, 1); err != nil {
			failed.Store(&err)
		}
	})
	if err := failed.Load(); err != nil {
		return memory{}, *err
	}
	return used, nil
}

// occupy lets goroutines wait until end is closed, and returns what is in use
// for each of them meanwhile.
func occupy(clients int, ctxs []context.Context, end chan struct{}, wait func(client int, ctx context.Context)) memory {
	var coming, all sync.WaitGroup
	before := inUse()
	for client := range clients {
		for _, ctx := range ctxs {
			coming.Add(1)
			all.Go(func() {
				coming.Done()
				wait(client, ctx)
			})
		}
	}
	coming.Wait()
	measure.Settle()
	after := inUse()
	close(end)
	all.Wait()
	n := float64(clients * len(ctxs))
	return memory{(after.heap - before.heap) / n, (after.stack - before.stack) / n}
}

// inUse returns the bytes in use.
func inUse() memory {
	for range 2 { // what a sync.Pool holds survives the first
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return memory{float64(m.HeapAlloc), float64(m.StackInuse)}
}
