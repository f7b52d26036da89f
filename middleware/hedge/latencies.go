// SPDX-License-Identifier: Apache-2.0

package hedge

import (
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	remembered = 512 // latencies
	// enough latencies are there to say something about the slowest of them,
	// and it is said anew after as many more.
	enough = 32
)

// latencies remembers how long the last operations took. It is safe for
// concurrent use.
type latencies struct {
	share    float64
	quantile atomic.Int64 // a time.Duration; zero until enough are known

	mu     sync.Mutex
	ring   []time.Duration // guarded by mu, as are all below
	next   int
	fresh  int // since the quantile was computed
	sorted []time.Duration
}

func newLatencies(share float64) *latencies {
	return &latencies{
		share: share, ring: make([]time.Duration, 0, remembered), sorted: make([]time.Duration, 0, remembered),
	}
}

// add remembers one, and now and then computes the quantile.
func (l *latencies) add(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.ring) < remembered {
		l.ring = append(l.ring, d)
	} else {
		l.ring[l.next] = d
		l.next = (l.next + 1) % remembered
	}
	if l.fresh++; l.fresh < enough {
		return
	}
	l.fresh = 0
	l.sorted = append(l.sorted[:0], l.ring...)
	slices.Sort(l.sorted)
	rank := int(math.Ceil(l.share*float64(len(l.sorted)))) - 1
	l.quantile.Store(int64(l.sorted[max(rank, 0)]))
}
