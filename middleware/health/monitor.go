// SPDX-License-Identifier: Apache-2.0

// Package health probes a backend in the background, and refuses attempts while
// the backend is down.
//
// A [Monitor] does both. Its gate shuts when enough probes in a row have failed
// and no attempt has succeeded meanwhile. A shut gate lets one attempt pass in
// each probe interval, and the success of that attempt opens it. So a probe that is
// wrong cannot keep a program from a backend that works.
//
// While the gate is shut, or a [Waiter] such as an open circuit breaker waits for the
// backend, the monitor probes more often, and tells the Waiter of the first answer.
package health

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/penstock-go/penstock/core"
)

// Monitor probes one backend. A new Monitor takes the backend to be up, and does
// not probe before [Monitor.Start]. It is safe for concurrent use.
type Monitor struct {
	name     string
	settings atomic.Pointer[Config] // in force; the Config does not change
	born     time.Time              // begin of the clock of its schedule
	random   func() float64         // in [0, 1)
	woken    chan struct{}          // has an element if the loop is to look at the Waiter and the settings

	attention atomic.Uint32 // why the gate must look at an attempt, see isDown and wake
	failing   atomic.Bool   // the last probe failed, or the gate is shut; written under mu

	mu       sync.Mutex // guards all fields below
	waiter   Waiter     // nil if there is none
	probing  *probing   // the probe under way, nil if there is none
	failures int        // probes failed in a row
	passes   int        // probes succeeded in a row
	hung     hung       // probes that have not returned
	last     error      // outcome of the last probe that counted
	ended    error      // outcome of the last probe, whether it counted or not
	endedAt  time.Time  // end of that probe
	cause    error      // error of the probe that last shut the gate
	shutAt   time.Time  // time when that was
	passedAt time.Time  // time when an attempt last passed the shut gate
	passed   *pass      // that attempt
	stop     context.CancelFunc
	stopped  chan struct{} // closed when the background probing has ended; nil if it never began
	closed   bool
}

// NewMonitor returns a Monitor that does not probe yet.
func NewMonitor(cfg Config) (*Monitor, error) {
	cfg, err := cfg.Effective()
	if err != nil {
		return nil, err
	}
	cfg.Observer = core.Contained(cfg.Observer)
	m := &Monitor{name: cfg.Name, born: time.Now(), random: rand.Float64, woken: make(chan struct{}, 1)}
	m.settings.Store(&cfg)
	return m, nil
}

// cfg returns the configuration in force.
func (m *Monitor) cfg() *Config { return m.settings.Load() }

// Start begins to probe in the background. The first probe is made after one
// interval. Start does nothing if it was called before, or after Close.
func (m *Monitor) Start() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.start()
}

// start is Start. The caller holds mu.
func (m *Monitor) start() {
	if m.stop != nil || m.closed {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	before, stopped := m.stopped, make(chan struct{})
	m.stop, m.stopped = cancel, stopped
	go func() {
		defer close(stopped)
		if before != nil {
			<-before // the probing that Suspend ended, which may still wait for its last probe
		}
		m.loop(ctx)
	}()
}

// StartWithFirst is [Monitor.Start] for a client that is perhaps not needed: the
// first attempt that comes to the gate starts the probing.
func (m *Monitor) StartWithFirst() { m.attention.Or(asleep) }

// Bits of Monitor.attention.
const (
	down   = 1 << iota // the gate is shut; written under mu
	asleep             // the first attempt starts the probing
)

// isDown reports whether the gate is shut.
func (m *Monitor) isDown() bool { return m.attention.Load()&down != 0 }

// setDown shuts or opens the gate. The caller holds mu.
func (m *Monitor) setDown(shut bool) {
	if shut {
		m.attention.Or(down)
	} else {
		m.attention.And(^uint32(down))
	}
}

// wake starts the probing, if it waits for the first attempt.
func (m *Monitor) wake() {
	if m.attention.Load()&asleep == 0 {
		return
	}
	m.mu.Lock() // a Suspend at the same time comes first, or ends what begins here
	defer m.mu.Unlock()
	if m.attention.And(^uint32(asleep))&asleep != 0 {
		m.start()
	}
}

// Close ends the probing in the background. It cancels the probe under way and waits
// for the end of it: until ctx ends, and no longer than a second. It is an error if a
// probe has not returned by then. The gate stays as it is. Close may be called again.
func (m *Monitor) Close(ctx context.Context) error {
	m.mu.Lock()
	m.closed = true
	stop, stopped := m.stop, m.stopped
	m.mu.Unlock()
	if stopped == nil {
		return nil
	}
	if stop != nil { // else Suspend called it
		stop()
	}
	select {
	case <-stopped:
	case <-ctx.Done():
		return fmt.Errorf("health: a probe is still under way: %w", ctx.Err())
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if n := m.hung.calls; n > 0 {
		return fmt.Errorf("health: probes that have not returned: %d; the last: %w", n, m.hung.err)
	}
	return nil
}

// shortestPause is the least Interval that is in force.
const shortestPause = time.Millisecond

// spread returns an interval from 20 % less to 20 % more than d, for a random number
// in [0, 1): many clients of one backend should not probe in step.
func spread(d time.Duration, random float64) time.Duration {
	return duration(float64(d) * (0.8 + 0.4*random))
}

// The states of a backend.
const (
	Up   = "up"
	Down = "down"
)

// Up reports whether the gate is open. A backend that was never probed counts as
// up.
func (m *Monitor) Up() bool { return !m.isDown() }

// Last returns the outcome of the last probe that counted, nil before the
// first.
func (m *Monitor) Last() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.last
}
