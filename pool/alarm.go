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

// never is an instant that does not come: an alarm set to it does not ring.
const never instant = math.MaxInt64

// later returns at + d, or never if the sum overflows.
func later(at instant, d time.Duration) instant {
	if d > never-at {
		return never
	}
	return at + d
}

// alarm calls ring at an instant, on a goroutine that ends with ring. An alarm may
// ring too early or once too often: ring looks at the clock, and sets the alarm
// again. An alarm may be set with Pool.mu held.
type alarm struct {
	ring func()
	now  func() instant

	// at is the instant at which the alarm rings. It is written with mu held; set
	// reads it first without, for the common case of an earlier alarm.
	at atomic.Int64

	mu    sync.Mutex  // guards what follows; ring is not called with it held
	timer *time.Timer // nil until the alarm is first set
	off   bool        // the alarm was stopped
}

// init must be called before the alarm is used.
func (a *alarm) init(now func() instant, ring func()) {
	a.now, a.ring = now, ring
	a.at.Store(int64(never))
}

// set makes the alarm ring at the given instant, unless it rings earlier.
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

// fire runs when the timer ends.
func (a *alarm) fire() {
	a.mu.Lock()
	off := a.off
	a.at.Store(int64(never))
	a.mu.Unlock()
	if !off {
		a.ring()
	}
}

// stop ends the alarm: it does not ring again and cannot be set.
func (a *alarm) stop() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.off = true
	if a.timer != nil {
		a.timer.Stop()
	}
}
