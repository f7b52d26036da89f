// SPDX-License-Identifier: Apache-2.0

package keyed

import "time"

// Answered does for every key, and for the overflow breaker, what
// [breaker.Breaker.Answered] does. It reports whether a breaker is half-open because of
// it.
func (k *Keyed) Answered(back bool) (any bool) {
	k.mu.Lock()
	all := k.present()
	k.mu.Unlock()
	for _, e := range all {
		any = e.breaker.Answered(back) || any
	}
	return any
}

// Awaits reports whether an answer would end the open state of a breaker early. wait is
// for how long every breaker still ignores every answer, see [breaker.Breaker.Awaits].
func (k *Keyed) Awaits() (wait time.Duration, ok bool) {
	k.mu.Lock()
	all := k.present()
	k.mu.Unlock()
	for _, e := range all {
		if w, awaits := e.breaker.Awaits(); awaits && (!ok || w < wait) {
			wait, ok = w, true
		}
	}
	return wait, ok
}

// Watch makes each breaker call opened whenever it opens, see [breaker.Breaker.Watch].
func (k *Keyed) Watch(opened func()) { k.overflow.breaker.Watch(opened) }
