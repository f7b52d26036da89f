// SPDX-License-Identifier: Apache-2.0

package endpoint

import (
	"math/rand/v2"
	"slices"
	"time"
)

const (
	// slots is into how many parts Detection.Interval is divided. They begin at the same
	// times for all endpoints.
	slots = 16
	// samples is how many latencies of a slot an endpoint keeps.
	samples = 64
	// fair is how many calls an endpoint must have in a time that is compared.
	fair = enough / 2
	// plenty of calls are compared by quartiles, fewer by what an eighth of them exceeds or
	// stays below: an endpoint may get more of the slow operations by chance.
	plenty = 32
)

// slot has latencies of calls that ended in one part of the time. If there were more than
// samples, it has a random choice of them.
type slot struct {
	number int64 // of the part, counted from the balancer's epoch
	calls  int
	took   [samples]time.Duration
}

// kept returns the latencies.
func (s *slot) kept() []time.Duration { return s.took[:min(s.calls, samples)] }

// speed is how long the calls of the last Interval took.
type speed struct {
	now  int64       // number of the present slot
	ring [slots]slot // slot n is at n % slots
}

// slotAt returns the number of the slot of a time.
func (b *Balancer[C]) slotAt(t time.Duration) int64 {
	return int64(t / max(b.cfg.Detection.Interval/slots, 1))
}

// add notes a call that ended in a slot.
func (s *speed) add(number int64, took time.Duration) {
	at := &s.ring[number%slots]
	if at.number != number {
		*at = slot{number: number}
	}
	at.calls++
	if at.calls <= samples {
		at.took[at.calls-1] = took
	} else if i := rand.IntN(at.calls); i < samples {
		at.took[i] = took
	}
}

// at returns a slot, nil if no call ended in it.
func (s *speed) at(number int64) *slot {
	if number < 0 {
		return nil
	}
	if at := &s.ring[number%slots]; at.number == number && at.calls > 0 {
		return at
	}
	return nil
}

// quartiles returns what a quarter and three quarters of the calls in the slots from first
// to last stay below, of few calls an eighth and seven eighths. ok is false if there were
// fewer than least.
func (s *speed) quartiles(first, last int64, least int) (quick, slow time.Duration, ok bool) {
	var kept []time.Duration
	calls := 0
	for n := first; n <= last; n++ {
		if at := s.at(n); at != nil {
			kept = append(kept, at.kept()...)
			calls += at.calls
		}
	}
	if calls < least {
		return 0, 0, false
	}
	slices.Sort(kept)
	part := len(kept) / 4
	if len(kept) < plenty {
		part = len(kept) / 8
	}
	return kept[part], kept[len(kept)-1-part], true
}

// comparison is how long the calls of an endpoint took, and those of the others.
type comparison struct{ took, usual time.Duration }

// slower reports whether the endpoint was slower than others twice: in two times, one
// after the other, in each of which both had calls. The backend as a whole may become slow
// within one of the two, and then what was compared there is of different times; in the
// other of the two it is not. limit returns how long a call may take.
func (s *speed) slower(others []*speed, limit func(usual time.Duration) time.Duration) (comparison, bool) {
	var least comparison
	last := s.now
	for times := range 2 {
		c, first, ok := s.compared(others, last)
		if !ok || c.took <= limit(c.usual) {
			return comparison{}, false
		}
		if times == 0 || c.took < least.took {
			least = c
		}
		last = first - 1
	}
	return least, true
}

// compared compares the endpoint with others in the shortest time up to the slot last in
// which both had calls enough. first is the first slot of that time.
func (s *speed) compared(others []*speed, last int64) (c comparison, first int64, ok bool) {
	for first = last; first > s.now-slots; first-- {
		if s.at(first) == nil {
			continue // nothing new
		}
		quick, _, ok := s.quartiles(first, last, fair)
		if !ok {
			continue
		}
		var usual []time.Duration
		for _, other := range others {
			if other == nil {
				continue
			}
			if _, slow, ok := other.quartiles(first, last, fair); ok {
				usual = append(usual, slow)
			}
		}
		if len(usual) > 0 {
			slices.Sort(usual)
			return comparison{quick, usual[(len(usual)-1)/2]}, first, true
		}
	}
	return comparison{}, first, false
}

// usualOf returns what three quarters of the calls to the others stay below: the median of
// the ones that had calls enough in the last Interval.
func usualOf(others []*speed) (time.Duration, bool) {
	var usual []time.Duration
	for _, s := range others {
		if s == nil {
			continue
		}
		if _, slow, ok := s.quartiles(s.now-slots+1, s.now, enough); ok {
			usual = append(usual, slow)
		}
	}
	if len(usual) == 0 {
		return 0, false
	}
	slices.Sort(usual)
	return usual[(len(usual)-1)/2], true
}
