// SPDX-License-Identifier: Apache-2.0

package breaker

import (
	"sync"
	"time"
)

// tally remembers what was good and what was bad of late. now is the time since
// some beginning, and does not go back by much.
type tally interface {
	add(now time.Duration, bad bool)
	sums(now time.Duration) (all, bad int)
}

// ring is a tally of the last so many.
type ring struct {
	bits []uint64 // set where bad
	size int
	next int
	all  int
	bad  int
}

func newRing(size int) *ring { return &ring{bits: make([]uint64, (size+63)/64), size: size} }

func (r *ring) add(_ time.Duration, bad bool) {
	word, bit := &r.bits[r.next/64], uint64(1)<<(r.next%64)
	switch {
	case r.all < r.size:
		r.all++
	case *word&bit != 0:
		r.bad--
	}
	*word &^= bit
	if bad {
		*word |= bit
		r.bad++
	}
	if r.next++; r.next == r.size {
		r.next = 0
	}
}

func (r *ring) sums(time.Duration) (all, bad int) { return r.all, r.bad }

// without returns how many are bad without the n oldest.
func (r *ring) without(n int) (bad int) {
	bad = r.bad
	at := (r.next - r.all + r.size) % r.size
	for range min(n, r.all) {
		bad -= int(r.bits[at/64] >> (at % 64) & 1)
		if at++; at == r.size {
			at = 0
		}
	}
	return bad
}

// slices is a tally of the last stretch of time. It forgets in steps.
type slices struct {
	step  time.Duration
	last  int64 // number of the newest slice
	parts [timeSlices]sum
	sum
}

type sum struct{ all, bad int }

// timeSlices is how many steps a window of time has.
const timeSlices = 10

func (s *slices) add(now time.Duration, bad bool) {
	s.advance(now)
	part := &s.parts[s.last%timeSlices]
	part.all++
	s.all++
	if bad {
		part.bad++
		s.bad++
	}
}

func (s *slices) sums(now time.Duration) (all, bad int) {
	s.advance(now)
	return s.all, s.bad
}

// advance forgets what is too old.
func (s *slices) advance(now time.Duration) {
	newest := int64(now / s.step)
	// One round empties all of them.
	for at := max(s.last+1, newest-timeSlices+1); at <= newest; at++ {
		part := &s.parts[at%timeSlices]
		s.all -= part.all
		s.bad -= part.bad
		*part = sum{}
	}
	s.last = max(s.last, newest)
}

// failureWindow judges by the rate of failures. It is safe for concurrent use.
type failureWindow struct {
	breaker *Breaker
	mu      sync.Mutex
	tally   tally
}

// newFailureWindow returns nil if the rate does not count.
func newFailureWindow(b *Breaker) *failureWindow {
	switch {
	case b.cfg.FailureRate == 0:
		return nil
	case b.cfg.FailureWindowTime > 0:
		return &failureWindow{breaker: b, tally: &slices{step: b.cfg.FailureWindowTime / timeSlices}}
	default:
		return &failureWindow{breaker: b, tally: newRing(b.cfg.FailureWindow)}
	}
}

// now reads the clock, if the window is one of time.
func (w *failureWindow) now() time.Duration {
	if w.breaker.cfg.FailureWindowTime == 0 {
		return 0
	}
	return w.breaker.now()
}

// add counts an outcome, and reports whether there are too many failures now.
func (w *failureWindow) add(failed bool) (tooMany bool) {
	now := w.now()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tally.add(now, failed)
	all, bad := w.tally.sums(now)
	return all >= w.breaker.cfg.MinimumCalls && float64(bad)/float64(all) >= w.breaker.cfg.FailureRate
}

// sums returns how many outcomes are in the window, and how many of them are
// failures.
func (w *failureWindow) sums() (all, bad int) {
	now := w.now()
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.tally.sums(now)
}

// clean reports whether no failure is in the window.
func (w *failureWindow) clean() bool {
	_, bad := w.sums()
	return bad == 0
}
