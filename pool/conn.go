// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"context"
	"fmt"
	"math/bits"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/penstock-go/penstock/core"
)

// suspicion is how long a suspect connection is passed over at most, where
// there is no [Checker] to ask.
const suspicion = time.Second

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

// Return ends a loan; see [core.Lender].
func (e *entry[C]) Return(token uint64, fate core.ConnFate, _ error) (news bool) {
	p := e.pool
	seat, generation := seatOf(token), uint32(token)
	if seat >= len(e.seats) || !e.seats[seat].CompareAndSwap(generation, generation+1) {
		p.doubleReturns.Add(1)
		return false
	}
	if e.loans == nil {
		return e.giveBack(token, fate)
	}
	account := e.settleLoan(&e.loans[seat])
	news = e.giveBack(token, fate)
	p.report(account) // by functions of the user's, so not before the seat is free
	return news
}

// giveBack gives up a seat whose lease has come back.
func (e *entry[C]) giveBack(token uint64, fate core.ConnFate) (news bool) {
	p, seat := e.pool, seatOf(token)
	if fate != core.Keep {
		return e.returnWith(token, fate)
	}
	if e.flags.Load()&flagSuspect != 0 {
		e.calm()
	}
	if p.gate.Load()&gateStrict != 0 && p.pass(e, seat) {
		return true
	}
	if e.rise(seat) || p.gate.Load() != 0 {
		p.freed(e)
	}
	return true
}

// returnWith ends a loan that did not end well. The seat is still taken.
func (e *entry[C]) returnWith(token uint64, fate core.ConnFate) (news bool) {
	p := e.pool
	news = true
	if fate >= core.Suspect {
		now := e.failures.Load()
		news = uint16(now) == uint16(token>>32) && e.failures.CompareAndSwap(now, now+1)
	}
	var reason CloseReason
	switch {
	case fate >= core.Broken || fate == core.Suspect && p.exclusive:
		reason = CloseDiscarded
	case fate == core.Unclean && p.exclusive:
		reason = CloseUnclean
	case fate == core.Suspect:
		e.suspect(p.now() + suspicion)
	}
	if reason != "" {
		p.mu.Lock()
		if !e.removed {
			p.remove(e, reason)
		}
		p.mu.Unlock()
	}
	if e.rise(seatOf(token)) || p.gate.Load() != 0 {
		p.freed(e)
	}
	return news
}

// freed is called after a seat of e was given up, if e is shut or somebody
// waits.
func (p *Pool[C]) freed(e *entry[C]) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.settle(e)
}

// settle is freed with p.mu held.
func (p *Pool[C]) settle(e *entry[C]) {
	if e.removed && e.callers() == 0 {
		p.retire(e)
	}
	switch {
	case p.draining:
		p.checkDrained()
	case e.removed:
		p.replenish()
	default:
		p.serve()
	}
}

// add makes e one of those that may be lent. p.mu is held.
func (p *Pool[C]) add(e *entry[C]) {
	p.conns = append(p.conns, e)
	p.publish()
	p.keepUp(e)
}

// publish makes p.conns what is lent from. p.mu is held.
func (p *Pool[C]) publish() {
	p.table.Store(&table[C]{conns: slices.Clone(p.conns)})
	p.gauge()
}

// remove takes e out of the pool: it is not lent any more, and closed once
// nobody has it. p.mu is held.
func (p *Pool[C]) remove(e *entry[C], reason CloseReason) {
	e.shut()
	if i := slices.Index(p.conns, e); i >= 0 {
		p.conns = slices.Delete(p.conns, i, i+1)
		p.publish()
	}
	e.removed, e.reason = true, reason
	p.leaving[e] = struct{}{}
	if d := e.successor; d != nil {
		// It takes the room that e leaves.
		e.successor, d.replaces = nil, nil
		p.replacing--
		p.dialing++
	}
	if e.callers() == 0 {
		p.retire(e)
	}
}

// dismiss removes e because it is one too many: nothing is to take its place.
// p.mu is held.
func (p *Pool[C]) dismiss(e *entry[C], reason CloseReason) {
	if e.successor != nil {
		p.drop(e.successor, reason)
	}
	p.remove(e, reason)
}

// retire closes a removed connection on a goroutine of its own, unless that
// was done by force before, or somebody has pinned it. p.mu is held.
func (p *Pool[C]) retire(e *entry[C]) {
	if _, ok := p.leaving[e]; !ok || e.pins > 0 {
		return
	}
	delete(p.leaving, e)
	p.closed[e.reason]++
	p.jobs++
	go func() {
		defer p.jobDone(nil)
		ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
		defer cancel()
		_ = p.closeConn(ctx, e.conn) // nobody is left whom it concerns
	}()
}

// closeConn closes conn and turns a panic into an error.
func (p *Pool[C]) closeConn(ctx context.Context, conn C) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("closing a connection panicked: %v", v)
		}
	}()
	return p.factory.Close(ctx, conn)
}

// unpin undoes a pin. p.mu is held.
func (p *Pool[C]) unpin(e *entry[C]) {
	if e.pins--; e.removed && e.callers() == 0 {
		p.retire(e)
	}
}

// doubt is what is known against a connection. entry.flags has whether there
// is anything, so it is looked at only if there is.
type doubt struct {
	mu    sync.Mutex // only an alarm is set with it held
	since instant    // when the suspicion arose, never if there is none
	until instant    // when the connection is tried again, if there is no checker
}

// suspect casts doubt on e: it is passed over until the given instant, or until
// the checker finds it alive, or a call succeeds.
func (e *entry[C]) suspect(until instant) {
	p := e.pool
	d := &e.doubt
	d.mu.Lock()
	defer d.mu.Unlock()
	d.until = until
	if e.flags.Load()&flagSuspect == 0 {
		d.since = p.now()
		e.flags.Or(flagSuspect)
		if !p.exclusive {
			p.upkeep.set(later(d.since, p.cfg.ReplaceAfter))
		}
	}
}

// calm clears e of every doubt.
func (e *entry[C]) calm() {
	e.doubt.mu.Lock()
	defer e.doubt.mu.Unlock()
	e.flags.And(^uint32(flagSuspect))
}

// suspectSince returns since when e has been suspect, never if it is not.
func (e *entry[C]) suspectSince() instant {
	e.doubt.mu.Lock()
	defer e.doubt.mu.Unlock()
	if e.flags.Load()&flagSuspect == 0 {
		return never
	}
	return e.doubt.since
}

// sound reports whether e can be lent with confidence. It is asked about
// connections with a flag, and about all if the checker is to be asked always.
func (e *entry[C]) sound() bool {
	p := e.pool
	if p.checker != nil {
		if !p.alive(e.conn) {
			if !p.exclusive {
				e.suspect(never)
			}
			return false
		}
		if e.flags.Load() != 0 {
			e.calm()
			e.flags.And(^uint32(flagStale))
		}
		return true
	}
	if e.flags.Load()&flagSuspect == 0 {
		return true
	}
	e.doubt.mu.Lock()
	until := e.doubt.until
	e.doubt.mu.Unlock()
	return p.now() >= until
}

// alive asks the checker. A panic counts as no: it must not leave the pool
// locked.
func (p *Pool[C]) alive(conn C) (alive bool) {
	defer func() { _ = recover() }()
	return p.checker.Alive(conn)
}
