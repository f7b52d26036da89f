// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const workers = 16

// classified is the result of classifying all kept digits.
type classified struct {
	correct, total int
	took           time.Duration
	latencies      []time.Duration // sorted
}

func (c classified) accuracy() float64   { return float64(c.correct) / float64(c.total) }
func (c classified) throughput() float64 { return float64(c.total) / c.took.Seconds() }

// quantile returns the latency that the share q of the searches did not exceed.
func (c classified) quantile(q float64) time.Duration {
	return c.latencies[min(int(q*float64(len(c.latencies))), len(c.latencies)-1)]
}

// classify searches for the neighbours of each digit, with several workers, and
// lets the neighbours vote.
func classify(ctx context.Context, c client, digits []digit) (classified, error) {
	out := classified{total: len(digits), latencies: make([]time.Duration, len(digits))}
	var (
		next    atomic.Int64
		correct atomic.Int64
		wg      sync.WaitGroup
		once    sync.Once
		failure error
	)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	start := time.Now()
	for range workers {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(digits)) && ctx.Err() == nil; i = next.Add(1) - 1 {
				begin := time.Now()
				labels, err := search(ctx, c, digits[i])
				if err != nil {
					once.Do(func() { failure = err; cancel() })
					return
				}
				out.latencies[i] = time.Since(begin)
				if vote(labels) == digits[i].label {
					correct.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if failure == nil {
		failure = ctx.Err()
	}
	out.took, out.correct = time.Since(start), int(correct.Load())
	slices.Sort(out.latencies)
	return out, failure
}
