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
	enough     = 32  // latencies before the quantile is computed, and before it is computed again
)

// latencies keeps how long the last operations took. It is safe for concurrent
// use.
type latencies struct {
	share    float64
	quantile atomic.Int64 // a time.Duration; zero until enough latencies are known

	mu     sync.Mutex // guards all fields below
	ring   []time.Duration
	next   int // index in ring of the oldest latency, once the ring is full
	fresh  int // latencies added since the quantile was computed
	sorted []time.Duration
}

func newLatencies(share float64) *latencies {
	return &latencies{
		share: share, ring: make([]time.Duration, 0, remembered), sorted: make([]time.Duration, 0, remembered),
	}
}

// add keeps a latency, and computes the quantile after enough new ones.
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
