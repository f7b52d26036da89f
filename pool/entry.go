// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"math/bits"
	"math/rand/v2"
	"sync/atomic"
)

// entry is a connection of a pool, and the [core.Lender] of its leases.
//
// A seat is room for one caller. One bit for each seat says whether it is taken,
// and one more bit says whether the connection is shut, so one compare-and-swap
// takes a seat and makes sure that the connection may still be lent. Each seat has
// a generation, which the return of a lease increments: it tells a lease that is
// out from one that has been returned.
type entry[C any] struct {
	pool    *Pool[C]
	conn    C
	seats   []atomic.Uint32 // generation of each seat
	words   []atomic.Uint64 // bits of seatsPerWord seats each, and shut
	records []leaseRecord   // of each seat; nil if the pool keeps no records
	number  int             // see numberState
	failed  *atomic.Uint64  // number of returns as broken, suspect, or after a failure of the backend, of all connections with this number
	kept    atomic.Int32    // seats kept from callers; written with Pool.mu held

	// Every lease writes these fields. The padding keeps them out of the cache
	// lines of all other data; processors fetch two lines of 64 bytes at once.
	_        [128]byte
	oneWord  [1]atomic.Uint64 // words, if one is enough
	oneSeat  [1]atomic.Uint32 // seats, if one is enough
	flags    atomic.Uint32    // read by every lease, seldom written
	failures atomic.Uint32    // number of returns that reported a new failure
	_        [128 - 20]byte

	doubt doubt

	// Guarded by Pool.mu.
	keptSeats []int       // the kept seats
	removed   bool        // the connection is not in Pool.conns any more
	reason    CloseReason // why the connection was removed
	due       CloseReason // why the connection is to be replaced; empty if it is not
	successor *dial[C]    // dial of the connection that replaces this one
	pins      int         // calls of the pool that use the connection and take no seat
	ping      *checkup[C] // ping under way, nil if there is none
	upkeep    upkeep
}

// Bits of entry.flags.
const (
	flagSuspect = 1 << iota // other connections are preferred; of an exclusive one: see doubtOthers
	flagTrial               // exclusive: lent although others are in doubt; see tryDoubted
	flagStale               // without a caller for Config.CheckIdleAfter: ask the checker
)

const (
	seatsPerWord = 63
	// shut is set in each word of a connection that must not be lent. A return
	// that finds it calls seatFreed.
	shut = uint64(1) << 63
	// goldenRatio is 2^32 divided by the golden ratio: multiples of it are far apart.
	goldenRatio = 0x9e3779b9
	// maxSharing is how many seats a token can tell apart.
	maxSharing = 1 << 16
)

// newToken returns a token. From the upper bits to the lower it holds the number
// of the seat, the number of failures that the connection had when the lease
// began, and the generation of the seat. Generations begin at random, so that the
// generation alone tells the leases that are out apart; see heldBy.
func newToken(seat int, failures, generation uint32) uint64 {
	return uint64(seat)<<48 | uint64(failures&0xffff)<<32 | uint64(generation)
}

func seatOf(token uint64) int { return int(token >> 48) }

// newEntry returns the entry of a connection. p.mu is held.
func (p *Pool[C]) newEntry(conn C, number int) *entry[C] {
	e := &entry[C]{pool: p, conn: conn, number: number, failed: p.numbers[number-1].failed}
	e.seats, e.words = e.oneSeat[:], e.oneWord[:]
	if n := p.cfg().MaxSharing; n > 1 {
		e.seats = make([]atomic.Uint32, n)
		if n > seatsPerWord {
			const room = 16 // words of padding on either side
			n = (n + seatsPerWord - 1) / seatsPerWord
			e.words = make([]atomic.Uint64, room+n+room)[room : room+n]
		}
	}
	first := rand.Uint32()
	for i := range e.seats {
		e.seats[i].Store(first + uint32(i)*goldenRatio)
	}
	if p.records() {
		e.records = make([]leaseRecord, p.cfg().MaxSharing)
	}
	return e
}

// taken returns how many seats callers have or are kept from them.
func (e *entry[C]) taken() (n int) {
	for i := range e.words {
		n += bits.OnesCount64(e.words[i].Load() &^ shut)
	}
	return n
}

// callers returns how many seats callers have. The number is exact with Pool.mu
// held; else a seat that is being kept may count as a caller, or one caller less.
func (e *entry[C]) callers() int { return e.taken() - int(e.kept.Load()) }

// sit takes a seat. It returns false if no seat is free, or the connection is shut
// and evenShut is false.
func (e *entry[C]) sit(evenShut bool) (seat int, ok bool) {
	for i := range e.words {
		word := &e.words[i]
		seats := min(len(e.seats)-i*seatsPerWord, seatsPerWord)
		for {
			taken := word.Load()
			if taken&shut != 0 && !evenShut {
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

// token returns the token of a lease for a seat that was just taken.
func (e *entry[C]) token(seat int) uint64 {
	return newToken(seat, e.failures.Load(), e.seats[seat].Load())
}

// rise gives up a seat, and reports whether the connection is shut.
func (e *entry[C]) rise(seat int) (isShut bool) {
	// Only the holder of the seat clears its bit, so the bit is set.
	bit := uint64(1) << (seat % seatsPerWord)
	return e.words[seat/seatsPerWord].Add(-bit)&shut != 0
}

// reopen undoes shut.
func (e *entry[C]) reopen() {
	for i := range e.words {
		e.words[i].And(^shut)
	}
}

// shut ends the lending of e.
func (e *entry[C]) shut() {
	for i := range e.words {
		e.words[i].Or(shut)
	}
}
