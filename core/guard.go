// SPDX-License-Identifier: Apache-2.0

package core

import "slices"

// Guard follows the attempts of one call on behalf of a stage that stands
// outside of the stage that repeats them. A stage attaches it with [Call.Attach]
// and takes it off with [Call.Detach]. Its methods are called on the goroutine of
// the call; a guard that is attached to many calls is called concurrently. They
// must not block, and must not attach or detach guards.
//
// Embed [NopGuard] to write the methods that matter only.
type Guard interface {
	// BeforeAttempt is asked before each further attempt. An error forbids that
	// attempt.
	BeforeAttempt(*Call) error
	// BeforeWork is asked when the attempt holds a connection and its work is
	// about to start. An error forbids the work: the backend may have been given
	// up while the attempt waited for its connection.
	//
	// The errors of both wrap [ErrRejected].
	BeforeWork(*Call) error
	// AfterAttempt is told of the end of each attempt that came as far as asking
	// for a connection, also when the work panicked.
	AfterAttempt(*Call, Outcome)
}

// NopGuard is a [Guard] that allows everything. A guard embeds it, so that it
// need not have every method, and goes on compiling if Guard gets a new one.
type NopGuard struct{}

// BeforeAttempt allows the attempt.
func (NopGuard) BeforeAttempt(*Call) error { return nil }

// BeforeWork allows the work.
func (NopGuard) BeforeWork(*Call) error { return nil }

// AfterAttempt does nothing.
func (NopGuard) AfterAttempt(*Call, Outcome) {}

// guards are the guards of one call, in the order of attachment. There is room
// for a few without an allocation.
type guards struct {
	room [2]Guard
	n    int
	more *[]Guard // those beyond room
}

func (gs *guards) at(i int) Guard {
	if i < len(gs.room) {
		return gs.room[i]
	}
	return (*gs.more)[i-len(gs.room)]
}

// Attach makes g follow the attempts of this call until it is detached or the
// chain returns.
func (c *Call) Attach(g Guard) {
	gs := &c.guards
	switch {
	case gs.n < len(gs.room):
		gs.room[gs.n] = g
	case gs.more == nil:
		gs.more = &[]Guard{g}
	default:
		*gs.more = append(*gs.more, g)
	}
	gs.n++
}

// Detach takes off g; of equal guards, the one attached last. A stage detaches its
// guard before it returns, since the stage may be called again.
func (c *Call) Detach(g Guard) {
	gs := &c.guards
	if gs.n == 1 && gs.room[0] == g { // as most often
		gs.room[0], gs.n = nil, 0
		return
	}
	for i := gs.n - 1; i >= 0; i-- {
		if gs.at(i) == g {
			gs.remove(i)
			return
		}
	}
}

func (gs *guards) remove(i int) {
	for ; i < len(gs.room)-1 && i < gs.n-1; i++ {
		gs.room[i] = gs.room[i+1]
	}
	switch {
	case gs.n <= len(gs.room):
		gs.room[i] = nil
	case i < len(gs.room):
		gs.room[i] = (*gs.more)[0]
		*gs.more = slices.Delete(*gs.more, 0, 1)
	default:
		*gs.more = slices.Delete(*gs.more, i-len(gs.room), i-len(gs.room)+1)
	}
	gs.n--
}
