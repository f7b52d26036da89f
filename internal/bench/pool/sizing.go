// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/penstock-go/penstock/internal/bench/internal/report"
	"github.com/penstock-go/penstock/pool"
)

const (
	arrivals = 2000 // a second, at random times
	service  = 5 * time.Millisecond
)

// sizing is how callers fare with a pool of one size: they come at random, by
// a rate that does not depend on how they fare, and hold a connection for a
// random time.
type sizing struct {
	Mode     string  `json:"mode"`
	Max      int     `json:"max"`     // connections
	Sharing  int     `json:"sharing"` // callers on each, at most
	Target   int     `json:"target,omitempty"`
	Rate     float64 `json:"rate"`        // callers that came, a second
	HeldMS   float64 `json:"held_ms"`     // how long they had a connection, on average
	Busy     float64 `json:"busy"`        // rate times held: how many had one at once, on average
	Conns    int     `json:"conns"`       // that there were in the end
	Foretold float64 `json:"foretold"`    // share of the callers that have to wait, by Erlang's formula
	Waited   float64 `json:"waited"`      // share of the callers that did
	P50MS    float64 `json:"wait_p50_ms"` // of all callers
	P99MS    float64 `json:"wait_p99_ms"`
	Timeouts uint64  `json:"timeouts"` // callers that got none within AcquireTimeout
}

func (s sizing) line() string {
	name := fmt.Sprintf("%s-%d", s.Mode, s.Max)
	if s.Mode == pool.Shared.String() {
		name += fmt.Sprintf("x%d", s.Sharing)
	}
	return fmt.Sprintf("sizing/%s rate=%.0f held_ms=%.2f busy=%.1f conns=%d foretold=%.3f waited=%.3f wait_p50_ms=%.2f wait_p99_ms=%.2f timeouts=%d",
		name, s.Rate, s.HeldMS, s.Busy, s.Conns, s.Foretold, s.Waited, s.P50MS, s.P99MS, s.Timeouts)
}

// sizingConfigs are for 2,000 callers a second that hold a connection for some
// 5 ms: ten at once.
var sizingConfigs = []pool.Config{
	{MaxSize: 10},
	{MaxSize: 12},
	{MaxSize: 14},
	{MaxSize: 16},
	{MaxSize: 20},
	{MaxSize: 30},
	{Mode: pool.Shared, MaxSize: 1, TargetSharing: 12, MaxSharing: 12},
	{Mode: pool.Shared, MaxSize: 4, TargetSharing: 4, MaxSharing: 12},
	{Mode: pool.Shared, MaxSize: 4},
}

func runSizing(cfg pool.Config, length time.Duration) (sizing, error) {
	p, err := pool.New(factory{}, cfg)
	if err != nil {
		return sizing{}, err
	}
	defer p.Close(context.Background())
	if err := p.Start(context.Background()); err != nil {
		return sizing{}, err
	}
	patience.Await()
	var (
		chance = rand.New(rand.NewPCG(1, 2)) // the same callers for each size
		mu     sync.Mutex
		waits  []time.Duration
		held   time.Duration
		all    sync.WaitGroup
		begin  = time.Now()
		next   time.Duration // when the next caller comes
	)
	for next < length {
		time.Sleep(next - time.Since(begin))
		for next <= time.Since(begin) {
			hold := time.Duration(chance.ExpFloat64() * float64(service))
			all.Go(func() {
				came := time.Now()
				lease, err := p.Acquire(context.Background())
				got := time.Now()
				if err == nil {
					time.Sleep(hold)
					lease.Release()
				}
				had := time.Since(got)
				mu.Lock()
				defer mu.Unlock()
				waits = append(waits, got.Sub(came))
				held += had
			})
			next += time.Duration(chance.ExpFloat64() * float64(time.Second) / arrivals)
		}
	}
	came := time.Since(begin)
	all.Wait()

	stats := p.Stats()
	slices.Sort(waits)
	s := sizing{
		Mode:     cfg.Mode.String(),
		Max:      stats.Max,
		Sharing:  1,
		Rate:     float64(len(waits)) / came.Seconds(),
		HeldMS:   report.Round2(held.Seconds() * 1e3 / float64(len(waits))),
		Conns:    stats.Idle + stats.InUse,
		P50MS:    report.Round2(waits[len(waits)/2].Seconds() * 1e3),
		P99MS:    report.Round2(waits[len(waits)*99/100].Seconds() * 1e3),
		Timeouts: stats.Timeouts,
	}
	if cfg.Mode == pool.Shared {
		inForce, err := cfg.Effective()
		if err != nil {
			return sizing{}, err
		}
		s.Sharing, s.Target = inForce.MaxSharing, inForce.TargetSharing
	}
	s.Busy = report.Round2(s.Rate * s.HeldMS / 1e3)
	s.Rate = math.Round(s.Rate)
	s.Foretold = report.Round3(erlangC(s.Max*s.Sharing, s.Busy))
	// A caller that did not have to wait has a connection within microseconds;
	// what is above is a wait, or the scheduler of a machine that is busy.
	waited, _ := slices.BinarySearch(waits, 100*time.Microsecond)
	s.Waited = report.Round3(float64(len(waits)-waited) / float64(len(waits)))
	return s, nil
}

// erlangC is the share of callers that have to wait for one of n places, when
// busy of them are taken on average.
func erlangC(n int, busy float64) float64 {
	if busy >= float64(n) {
		return 1
	}
	blocked := 1.0 // Erlang's formula B, which has the easier recursion
	for k := 1; k <= n; k++ {
		blocked = busy * blocked / (float64(k) + busy*blocked)
	}
	return blocked / (1 - busy/float64(n)*(1-blocked))
}
