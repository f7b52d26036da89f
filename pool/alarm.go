// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// instant is a reading of a pool's clock: the time since the pool was made.
type instant = time.Duration

// never is when an alarm rings that is not set.
const never instant = math.MaxInt64

// later returns at + d, or never if there is no such instant.
func later(at instant, d time.Duration) instant {
	if d > never-at {
		return never
	}
	return at + d
}

// alarm calls ring at an instant, on a goroutine that exists no longer than
// that takes. It may ring too early, or once more: whoever is called looks at
// the clock, and sets the alarm anew. It may be set with the pool's mutex held.
type alarm struct {
	ring func()
	now  func() instant

	at atomic.Int64 // an instant; read without mu to see that there is nothing to do

	mu    sync.Mutex // guards what follows; nothing is called with it held
	timer *time.Timer
	off   bool
}

func (a *alarm) init(now func() instant, ring func()) {
	a.now, a.ring = now, ring
	a.at.Store(int64(never))
}

// set makes the alarm ring at the given instant, unless it rings earlier anyway.
func (a *alarm) set(at instant) {
	if int64(at) >= a.at.Load() {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.off || int64(at) >= a.at.Load() {
		return
	}
	a.at.Store(int64(at))
	pause := max(at-a.now(), 0)
	if a.timer == nil {
		a.timer = time.AfterFunc(pause, a.fire)
	} else {
		a.timer.Reset(pause)
	}
}

func (a *alarm) fire() {
	a.mu.Lock()
	off := a.off
	a.at.Store(int64(never))
	a.mu.Unlock()
	if !off {
		a.ring()
	}
}

// stop turns the alarm off for good.
func (a *alarm) stop() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.off = true
	if a.timer != nil {
		a.timer.Stop()
	}
}
