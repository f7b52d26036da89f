// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"context"
	"fmt"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/contain"
)

// The pool calls functions of the user with no lock held, so that they may call the
// pool. A panic in one is recovered, told to the observer as a core.EventPanic, and
// counted. runtime.Goexit in one is told and counted, too, and costs nothing but the
// goroutine.

// panicked tells of a function of the user that panicked or called runtime.Goexit.
// The observer is told on another goroutine, because it may call runtime.Goexit.
func (p *Pool[C]) panicked(what *contain.Panic) {
	p.panics.Add(1)
	if o := p.cfg().Observer; o != nil {
		contain.Apart("Observer.Event", nil, func() {
			o.Event(context.Background(), core.Event{Kind: core.EventPanic, Name: what.Func, Err: what})
		})
	}
}

// alive asks the checker, without p.mu. After a panic or runtime.Goexit e is not
// alive. After runtime.Goexit the goroutine goes on exiting: alive then does what its
// callers would have done.
func (p *Pool[C]) alive(e *entry[C]) (alive bool) {
	returned := false
	defer func() {
		if returned {
			return
		}
		alive = false
		what := contain.Recovered("Alive", recover())
		if what.Exited {
			p.askedInVain(e)
		}
		p.panicked(what)
	}()
	alive = p.checker.Alive(e.conn)
	returned = true
	return alive
}

// factoryPanicked tells of a method of the factory that panicked with the given value,
// or called runtime.Goexit, and returns the error of it.
func (p *Pool[C]) factoryPanicked(method string, value any) error {
	what := contain.Recovered(method, value)
	p.panicked(what)
	if method == "Close" {
		return fmt.Errorf("closing a connection panicked: %v", value)
	}
	return fmt.Errorf("the factory panicked: %v", value)
}

// askedInVain does what follows if the checker ended the goroutine.
func (p *Pool[C]) askedInVain(e *entry[C]) {
	if !p.exclusive {
		e.suspect(never)
		return
	}
	p.removeDead(e)
	p.dialForDead()
}

// report tells the functions of the user of a returned lease.
func (p *Pool[C]) report(r leaseReport) {
	if r.leak != nil {
		defer p.tellLeak(r.leak) // also if OnUse ends the goroutine
	}
	if onUse := p.cfg().OnUse; onUse != nil {
		p.tellUse(onUse, r.held)
	}
}

func (p *Pool[C]) tellUse(onUse func(time.Duration), held time.Duration) {
	returned := false
	defer func() {
		if !returned {
			p.panicked(contain.Recovered("OnUse", recover()))
		}
	}()
	onUse(held)
	returned = true
}

func (p *Pool[C]) tellLeak(l *leak) {
	contain.Call("OnLeak", p.panicked, func() { p.onLeak(l) })
}

// onLeak calls OnLeak, unless it was taken out of the configuration since l was found.
func (p *Pool[C]) onLeak(l *leak) {
	if onLeak := p.cfg().OnLeak; onLeak != nil {
		onLeak(p.leakInfo(l))
	}
}
