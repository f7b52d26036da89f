// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"math/bits"
	"sync/atomic"
)

// entry is a connection of a pool, and the [core.Lender] of its leases.
//
// A seat is room for one caller. Which seats are taken is in bits, so that one
// compare-and-swap takes a seat, and makes sure that the connection may be lent
// still and is not lent to too many. Each seat has a generation, which the
// return of a lease moves on: that tells a lease that is out from one that was
// given back.
type entry[C any] struct {
	pool  *Pool[C]
	conn  C
	seats []atomic.Uint32 // the generation of each
	words []atomic.Uint64 // seatsPerWord bits each, and shut
	loans []loan          // what is known of each seat, if the pool keeps account

	// Written by every loan, hence kept apart from what others read or write:
	// processors fetch two lines of 64 bytes at once.
	_        [128]byte
	oneWord  [1]atomic.Uint64 // words, if one is enough
	oneSeat  [1]atomic.Uint32 // seats, if one is enough
	flags    atomic.Uint32    // written now and then, read by every loan
	failures atomic.Uint32    // how many were news
	_        [128 - 20]byte

	doubt doubt

	// Guarded by the pool's mutex.
	removed   bool        // no longer in pool.conns
	reason    CloseReason // why it was removed
	due       CloseReason // why it is to be replaced, if it is
	successor *dial[C]    // that is to replace it
	pins      int         // calls of the pool's own that use it without a seat
	upkeep    upkeep
}

// Bits of entry.flags.
const (
	flagSuspect = 1 << iota // passed over while there is a better one
	flagStale               // was not used for a while: ask the checker
)

const (
	seatsPerWord = 63
	// shut is set in each word of a connection that must not be lent. Whoever
	// gives it back tells the pool.
	shut = uint64(1) << 63
	// maxSharing is how many seats a token has room for.
	maxSharing = 1 << 16
)

// A token is the number of a seat, how many failures the connection had when
// the loan began, and the generation of the seat, from the upper bits to the
// lower.
func newToken(seat int, failures, generation uint32) uint64 {
	return uint64(seat)<<48 | uint64(failures&0xffff)<<32 | uint64(generation)
}

func seatOf(token uint64) int { return int(token >> 48) }

func (p *Pool[C]) newEntry(conn C) *entry[C] {
	e := &entry[C]{pool: p, conn: conn}
	e.seats, e.words = e.oneSeat[:], e.oneWord[:]
	if n := p.cfg.MaxSharing; n > 1 {
		e.seats = make([]atomic.Uint32, n)
		if n > seatsPerWord {
			const room = 16 // words of padding on either side
			n = (n + seatsPerWord - 1) / seatsPerWord
			e.words = make([]atomic.Uint64, room+n+room)[room : room+n]
		}
	}
	if p.tracked {
		e.loans = make([]loan, p.cfg.MaxSharing)
	}
	return e
}

// callers returns how many seats are taken.
func (e *entry[C]) callers() (n int) {
	for i := range e.words {
		n += bits.OnesCount64(e.words[i].Load() &^ shut)
	}
	return n
}

// sit takes a seat, if the connection may be lent and has one.
func (e *entry[C]) sit() (seat int, ok bool) {
	for i := range e.words {
		word := &e.words[i]
		seats := min(len(e.seats)-i*seatsPerWord, seatsPerWord)
		for {
			taken := word.Load()
			if taken&shut != 0 {
				return 0, false
			}
			n := bits.TrailingZeros64(^taken)
			if n >= seats {
				break
			}
			if word.CompareAndSwap(taken, taken|1<<n) {
				return i*seatsPerWord + n, true
			}
		}
	}
	return 0, false
}

// token returns the token for a seat that was just taken.
func (e *entry[C]) token(seat int) uint64 {
	return newToken(seat, e.failures.Load(), e.seats[seat].Load())
}

// rise gives up a seat, and reports whether the connection is shut.
func (e *entry[C]) rise(seat int) (isShut bool) {
	// The bit is set, and only the one who has the seat clears it.
	bit := uint64(1) << (seat % seatsPerWord)
	return e.words[seat/seatsPerWord].Add(-bit)&shut != 0
}

// shut sees to it that e is not lent any more.
func (e *entry[C]) shut() {
	for i := range e.words {
		e.words[i].Or(shut)
	}
}
