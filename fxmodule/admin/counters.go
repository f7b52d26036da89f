// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/penstock-go/penstock/core"
)

// slot is the time that a Point covers, and kept how many of them a collector keeps.
const (
	slot = 5 * time.Second
	kept = 180 // 15 minutes
)

// counter counts since the client was made. Its marks are what it counted when the present
// slot began, and when the one before began.
type counter struct {
	n     atomic.Uint64
	marks [2]uint64 // the newer first; guarded by collector.mu
}

// mark begins a slot. Several slots that began at once had no event.
func (c *counter) mark(slots int64) {
	c.marks[1] = c.marks[0]
	c.marks[0] = c.n.Load()
	if slots > 1 {
		c.marks[1] = c.marks[0]
	}
}

// count returns the total and the rate over the present slot and the one before, which last
// for the given time.
func (c *counter) count(window time.Duration) Count {
	n := c.n.Load()
	return Count{Total: n, Rate: rate(n-c.marks[1], window)}
}

func rate(n uint64, window time.Duration) float64 {
	if window <= 0 {
		return 0
	}
	return float64(n) / window.Seconds()
}

// What a counter of a stage counts.
type what uint8

const (
	refusals what = iota
	waits
	waited // microseconds
	timeouts
	repeats // attempts after the first one, by the error of the attempt before
)

// stageKey is what a counter is of.
type stageKey struct {
	what   what
	stage  string
	reason string // error.type
}

// mostKeys bounds the counters of stages. An adapter has a few dozen error types.
const mostKeys = 128

// table has the counters of stages, which are made when they are first needed.
type table struct {
	mu sync.RWMutex
	m  map[stageKey]*counter
}

// of returns the counter of a key. Beyond the limit all reasons are one.
func (t *table) of(key stageKey) *counter {
	t.mu.RLock()
	c := t.m[key]
	t.mu.RUnlock()
	if c != nil {
		return c
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.m) >= mostKeys {
		key = stageKey{what: key.what, reason: "_OTHER"}
	}
	if c = t.m[key]; c == nil {
		if t.m == nil {
			t.m = map[stageKey]*counter{}
		}
		c = &counter{}
		t.m[key] = c
	}
	return c
}

// each calls fn with each counter.
func (t *table) each(fn func(stageKey, *counter)) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	for key, c := range t.m {
		fn(key, c)
	}
}

// typeOf returns the error type of err, without a look at what err wraps if err tells
// itself.
func typeOf(err error) string {
	if typed, ok := err.(interface{ ErrorType() string }); ok {
		return typed.ErrorType()
	}
	return core.ErrorType(err)
}
