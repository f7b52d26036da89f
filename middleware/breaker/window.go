// SPDX-License-Identifier: Apache-2.0

package breaker

import "time"

// window counts how many of the newest outcomes are bad. now is the time since a
// fixed start; it may go back a little.
type window interface {
	add(now time.Duration, bad bool)
	sums(now time.Duration) (all, bad int)
}

// ring is a window of a fixed number of outcomes.
type ring struct {
	bits []uint64 // one for each outcome, set where it is bad
	size int      // of the window
	next int      // index of the next outcome
	all  int      // outcomes in the window
	bad  int      // bad ones of them
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

// without returns how many are bad if the n oldest are left out.
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

// slices is a window of time, which moves in steps.
type slices struct {
	step  time.Duration
	last  int64           // number of the newest step
	parts [timeSlices]sum // of the newest steps, by number modulo timeSlices
	sum                   // of all parts
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

// advance drops the steps that are too old.
func (s *slices) advance(now time.Duration) {
	newest := int64(now / s.step)
	// After a long pause one round through the parts is enough.
	for at := max(s.last+1, newest-timeSlices+1); at <= newest; at++ {
		part := &s.parts[at%timeSlices]
		s.all -= part.all
		s.bad -= part.bad
		*part = sum{}
	}
	s.last = max(s.last, newest)
}
