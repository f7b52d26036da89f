// SPDX-License-Identifier: Apache-2.0

package breaker

import (
	"context"
	"time"

	"github.com/penstock-go/penstock/core"
)

// move is what observers and the listener are told of; from a state to itself
// it is none.
type move struct{ from, to State }

// mostUntold bounds what a listener that does not return leaves waiting. Beyond
// that, moves are told as one.
const mostUntold = 1000

// note notes that the breaker is in state to, and returns the move that this
// is. The caller holds mu, so that no move is lost or blamed on another call.
func (b *Breaker) note(to State) move {
	m := move{b.noted, to}
	if m.from == m.to {
		return m
	}
	b.noted = to
	b.moves++
	b.movedAt = time.Now()
	switch n := len(b.untold); {
	case b.cfg.OnMove == nil:
	case n == mostUntold:
		b.untold[n-1].to = to
	default:
		b.untold = append(b.untold, m)
	}
	return m
}

// tell tells the observer and the listener of m, if it is a move. The caller
// does not hold mu.
func (b *Breaker) tell(m move, call *core.Call, cause error) {
	if m.from == m.to {
		return
	}
	b.observe(m, call, cause)
	if b.cfg.OnMove != nil {
		b.listen()
	}
}

// observe tells the observer of m: that of the call which made the move, or,
// where there is none, that of the first operation.
func (b *Breaker) observe(m move, call *core.Call, cause error) {
	if m.from == m.to {
		return
	}
	e := core.Event{Kind: core.EventMove, Source: b.cfg.Name, From: m.from.String(), To: m.to.String(), Err: cause}
	if call != nil {
		call.Event(e)
	} else if o := b.observer.Load(); o != nil {
		(*o).Event(context.Background(), e)
	}
}

func (c *common) remember(o core.Observer) { c.observer.CompareAndSwap(nil, &o) }

// listen tells the listener what it has not been told, unless somebody is at it.
// Moves are noted in order and told by one at a time, so they are told in order.
// The caller is held up by those of now and those that come meanwhile, which are
// the listener's own if it sets the state; what comes later is told by a
// goroutine that ends with the last of them.
func (b *Breaker) listen() {
	b.mu.Lock()
	if b.telling {
		b.mu.Unlock()
		return
	}
	b.telling = true
	b.mu.Unlock()
	b.tellRest(2)
}

// tellRest tells the listener in so many rounds of what there is, then leaves
// the rest to a goroutine. Negative is no end of rounds.
func (b *Breaker) tellRest(rounds int) {
	returned := true
	defer func() {
		if !returned { // the listener ended the goroutine
			go b.tellRest(-1)
		}
	}()
	for n := 0; ; n-- {
		b.mu.Lock()
		if len(b.untold) == 0 {
			b.untold, b.telling = nil, false
			b.mu.Unlock()
			return
		}
		if n == 0 {
			if rounds == 0 {
				b.mu.Unlock()
				go b.tellRest(-1)
				return
			}
			rounds--
			n = len(b.untold)
		}
		m := b.untold[0]
		b.untold = b.untold[1:]
		b.mu.Unlock()
		returned = false
		b.call(m)
		returned = true
	}
}

// call calls the listener. Its panic is counted and ends here: nobody who runs
// an operation has to do with it.
func (b *Breaker) call(m move) {
	defer func() {
		if recover() != nil {
			b.mu.Lock()
			b.panics++
			b.mu.Unlock()
		}
	}()
	if m.from != m.to { // those told as one may lead back
		b.cfg.OnMove(b.name, m.from, m.to)
	}
}
