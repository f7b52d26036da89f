// SPDX-License-Identifier: Apache-2.0

package otelx

import (
	"sync/atomic"
	"time"
)

// slowness says which operations are slow.
type slowness struct {
	threshold time.Duration // zero: none
	credit    credit
}

// is reports whether an operation is slow: it took at least the threshold, or far longer
// than others of its series while there is credit. It learns from the operation.
func (s *slowness) is(p *pace, start time.Time, took time.Duration) bool {
	outlier, earns := p.add(start, took)
	if earns {
		s.credit.earn(every)
	}
	if s.threshold > 0 && took >= s.threshold {
		return true
	}
	return outlier && s.credit.spend()
}

// pace is a moving estimate of the 99th percentile of the durations of a series. It takes
// no lock, and most operations only read it: an estimate above a duration changes with one
// operation in sixteen, by more. Two updates at once may lose one of them, which the next
// ones make good. The zero value is ready to use.
type pace struct {
	p99  atomic.Int64 // nanoseconds
	seen atomic.Int32 // durations, up to enough
}

const (
	every   = 16 // one in so many operations below the estimate changes it
	enough  = 50
	farMore = 3 // an outlier takes longer than so many times the estimate
)

// add learns from one duration. outlier reports that it is far above the estimate,
// earns that it is one in every.
//
// The estimate goes up by a sixteenth with a duration above it, and down by a 99th with
// one in sixteen below it. It stands still where one in a hundred is above it.
func (p *pace) add(start time.Time, took time.Duration) (outlier, earns bool) {
	d := max(int64(took), 1)
	estimate := p.p99.Load()
	if p.seen.Load() < enough {
		p.learn(estimate, d)
		return false, false
	}
	switch {
	case d > estimate:
		p.p99.Store(estimate + estimate/every + 1)
	case chosen(start, d):
		p.p99.Store(estimate - estimate/99)
		earns = true
	}
	return d/farMore > estimate, earns
}

// learn is add for the first durations: with longer steps, up and down.
func (p *pace) learn(estimate, d int64) {
	p.seen.Add(1)
	switch {
	case estimate == 0:
		p.p99.Store(d)
	case d > estimate:
		p.p99.Store(estimate + estimate/4 + 1)
	default:
		p.p99.Store(estimate - estimate/396)
	}
}

// chosen chooses one in every operations, by its times: a counter that all processors
// write would cost more than the rest.
func chosen(start time.Time, d int64) bool {
	const golden = 0x9E3779B97F4A7C15 // spreads neighboring values over all bits
	return uint64(start.UnixNano()^d<<20)*golden>>60 == 0
}

// credit bounds how many outliers are exported: one in price operations. A steady load
// that is sampled at one percent then grows by at most four percent.
type credit struct{ operations atomic.Int64 }

const (
	price     = 2500
	maxCredit = 3 * price
)

func (c *credit) earn(n int64) {
	if c.operations.Load() < maxCredit {
		c.operations.Add(n)
	}
}

func (c *credit) spend() bool {
	for {
		have := c.operations.Load()
		if have < price {
			return false
		}
		if c.operations.CompareAndSwap(have, have-price) {
			return true
		}
	}
}
