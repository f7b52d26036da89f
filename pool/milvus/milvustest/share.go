// SPDX-License-Identifier: Apache-2.0

package milvustest

import "math/rand/v2"

// share chooses the calls that a fault with a Share applies to: one call at random in
// each stretch of 1/Share calls. So the number of calls is right also for a small
// share and few calls, where a chance for each call would often strike none.
type share struct {
	length float64 // of a stretch, in calls
	random *rand.Rand
	calls  int // seen so far
	chosen int // stretches for which a call was chosen so far
	next   int // index of the call chosen last
}

func newShare(of float64, seed uint64) *share {
	s := &share{length: 1 / of, random: rand.New(rand.NewPCG(seed, 0)), next: -1}
	s.choose()
	return s
}

// choose chooses the call of the next stretch. Short stretches begin within a call,
// so two of them could choose the same call.
func (s *share) choose() {
	at := int((float64(s.chosen) + s.random.Float64()) * s.length)
	s.chosen++
	s.next = max(s.next+1, at)
}

// strikes reports whether the fault applies to the next call.
func (s *share) strikes() bool {
	call := s.calls
	s.calls++
	if call != s.next {
		return false
	}
	s.choose()
	return true
}
