// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// Durations are counted in buckets: four for each power of two, from a microsecond to two
// minutes. A quantile is wrong by an eighth at most.
const (
	firstPower  = 10 // 1,024 ns; the first bucket has everything below the next one, too
	lastPower   = 36 // 69 s to 137 s; the last bucket has everything above, too
	bucketCount = 4 * (lastPower - firstPower + 1)
)

// histogram counts durations. Its counters are exact under concurrent use.
type histogram [bucketCount]atomic.Uint32

// bucket returns the bucket of a duration.
func bucket(d time.Duration) int {
	if d < 1<<firstPower {
		return 0
	}
	power := bits.Len64(uint64(d)) - 1
	if power > lastPower {
		return bucketCount - 1
	}
	return 4*(power-firstPower) + int(d>>(power-2))&3
}

// bounds returns the durations that a bucket begins and ends with.
func bounds(i int) (from, to time.Duration) {
	power := firstPower + i/4
	width := time.Duration(1) << (power - 2)
	from = width * time.Duration(4+i%4)
	return from, from + width
}

func (h *histogram) add(d time.Duration) { h[bucket(d)].Add(1) }

// counted is a copy of histograms.
type counted struct {
	n     uint64
	count [bucketCount]uint64
}

// plus adds h.
func (c *counted) plus(h *histogram) {
	for i := range h {
		n := uint64(h[i].Load())
		c.n += n
		c.count[i] += n
	}
}

// drain adds h and sets it to zero. A duration that is counted meanwhile is not lost.
func (c *counted) drain(h *histogram) {
	for i := range h {
		n := uint64(h[i].Swap(0))
		c.n += n
		c.count[i] += n
	}
}

// quantile returns the duration that a share q of the durations does not exceed, in
// seconds. It is zero without a duration.
func (c *counted) quantile(q float64) float64 {
	if c.n == 0 {
		return 0
	}
	rank := q * float64(c.n)
	below := 0.0
	for i, n := range c.count {
		if n == 0 {
			continue
		}
		if below+float64(n) >= rank {
			from, to := bounds(i)
			return (from + time.Duration((rank-below)/float64(n)*float64(to-from))).Seconds()
		}
		below += float64(n)
	}
	return c.max()
}

// max returns the end of the last bucket with a duration, in seconds.
func (c *counted) max() float64 {
	for i := bucketCount - 1; i >= 0; i-- {
		if c.count[i] > 0 {
			_, to := bounds(i)
			return to.Seconds()
		}
	}
	return 0
}
