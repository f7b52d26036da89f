// SPDX-License-Identifier: Apache-2.0

package health

import (
	"math"
	"time"
)

// share is the part of one process in the probes that the backend may get in a
// second. Processes know nothing of each other, so a share is one of two:
//
// If there are at most MaxRate replicas, a process leaves a pause between its probes,
// such that it makes its whole part of MaxRate at most. Then the replicas cannot
// exceed MaxRate.
//
// If there are more replicas, a process cuts time into cells, and makes at most one
// probe in each, at a random moment of the cell. The cells are so long that a second
// with more than MaxRate probes of all replicas is rarer than one in a million, also
// if an outage begins for all of them at the same moment.
type share struct {
	pause time.Duration // between the begins of two probes, zero is none
	cell  time.Duration // length of a cell, zero is no cells

	last time.Duration // begin of the last probe, see pause
	used int64         // the first cell that has had no probe yet
}

// newShare returns the share that cfg gives a process. cfg is effective.
func newShare(cfg *Config) share {
	switch {
	case cfg.MaxRate == 0:
		return share{}
	case cfg.Replicas <= cfg.MaxRate:
		pause := time.Second / time.Duration(cfg.MaxRate/cfg.Replicas)
		return share{pause: pause, last: -pause}
	default:
		return share{cell: duration(float64(cfg.Replicas) / expected(cfg.MaxRate) * float64(time.Second))}
	}
}

// next returns a moment for a probe, not before from. It may be asked several times
// before the probe is made: each answer is as random as the first.
func (s *share) next(from time.Duration, random func() float64) time.Duration {
	from = max(from, later(s.last, s.pause))
	if s.cell == 0 {
		return from
	}
	cell := max(int64(from/s.cell), s.used)
	at := s.within(cell, random)
	if at < from { // the moment of this cell is over
		at = s.within(cell+1, random)
	}
	return max(at, from) // it may be a little less, by the precision of floats
}

// within returns a random moment of a cell.
func (s *share) within(cell int64, random func() float64) time.Duration {
	return duration((float64(cell) + random()) * float64(s.cell))
}

// take notes that a probe begins.
func (s *share) take(now time.Duration) {
	s.last = now
	if s.cell > 0 {
		s.used = int64(now/s.cell) + 1
	}
}

// rare is the logarithm of one in a million.
const rare = 13.8

// expected returns the highest mean number of probes in a second for which more than
// most of them are rare. It uses the bound of Chernoff, which holds for any sum of
// independent events: x or more of them, where m are expected, happen with a
// probability of at most exp(x - m - x*ln(x/m)).
func expected(most int) float64 {
	x := float64(most) + 1
	low, high := 0.0, x
	for range 100 {
		m := (low + high) / 2
		if m-x+x*math.Log(x/m) >= rare {
			low = m
		} else {
			high = m
		}
	}
	return low
}

// duration returns a number of nanoseconds as a duration, or the longest one.
func duration(nanoseconds float64) time.Duration {
	if nanoseconds < math.MaxInt64 {
		return time.Duration(nanoseconds)
	}
	return math.MaxInt64
}

// later returns at + d, or the last instant that there is.
func later(at, d time.Duration) time.Duration {
	if at > math.MaxInt64-d {
		return math.MaxInt64
	}
	return at + d
}
