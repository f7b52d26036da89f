// SPDX-License-Identifier: Apache-2.0

package breaker

import (
	"fmt"
	"sync"
	"time"

	"github.com/penstock-go/penstock/core"
)

// failureRate is the policy that opens a breaker at a rate of failures. It is
// safe for concurrent use.
type failureRate struct {
	breaker *Breaker // for its configuration and its clock
	mu      sync.Mutex
	window  window // guarded by mu
	last    error  // of the last failure; guarded by mu
}

// newFailureRate returns nil if the rate does not count.
func newFailureRate(b *Breaker) *failureRate {
	cfg := b.cfg()
	if cfg.FailureRate == 0 {
		return nil
	}
	return &failureRate{breaker: b, window: newWindow(cfg)}
}

// newWindow returns an empty window of cfg.
func newWindow(cfg *Config) window {
	if cfg.FailureWindowTime > 0 {
		return &slices{step: cfg.FailureWindowTime / timeSlices}
	}
	return newRing(cfg.FailureWindow)
}

// add counts an outcome, a failure unless err is nil, and reports whether there are too
// many failures now.
func (r *failureRate) add(err error) (tooMany bool) {
	now := r.now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		r.last = err
	}
	r.window.add(now, err != nil)
	all, bad := r.window.sums(now)
	cfg := r.breaker.cfg() // without a rate, if it was just switched off
	return cfg.FailureRate > 0 && all >= cfg.MinimumCalls && float64(bad)/float64(all) >= cfg.FailureRate
}

// cause returns why the breaker opens when an outcome that is no failure completes a
// window that is full of failures.
func (r *failureRate) cause() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return fmt.Errorf("%w, the last: %w", errTooMany, r.last)
}

var errTooMany = core.Sentinel("too many failures", "")

// sums returns how many outcomes are in the window, and how many of them are
// failures.
func (r *failureRate) sums() (all, bad int) {
	now := r.now()
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.window.sums(now)
}

// now reads the clock, if the window is one of time.
func (r *failureRate) now() time.Duration {
	if r.breaker.cfg().FailureWindowTime == 0 {
		return 0
	}
	return r.breaker.now()
}
