// SPDX-License-Identifier: Apache-2.0

package breaker

import (
	"time"

	"github.com/penstock-go/penstock/core"
)

// State is what a breaker does with operations.
type State uint8

const (
	// Closed lets every operation through.
	Closed State = iota
	// Open refuses every operation.
	Open
	// HalfOpen lets a few operations through, as probes of the backend.
	HalfOpen
	// ForcedOpen refuses every operation until somebody says otherwise.
	ForcedOpen
	// ForcedClosed lets every operation through until somebody says otherwise.
	ForcedClosed
	// Disabled lets every operation through until somebody says otherwise, and
	// goes on counting all that would open the breaker.
	Disabled
)

// String returns the name of the state in telemetry: "closed", "open",
// "half_open", "forced_open", "forced_closed" or "disabled".
func (s State) String() string {
	switch s {
	case Open:
		return "open"
	case HalfOpen:
		return "half_open"
	case ForcedOpen:
		return "forced_open"
	case ForcedClosed:
		return "forced_closed"
	case Disabled:
		return "disabled"
	default:
		return "closed"
	}
}

// passes reports whether everybody passes in state s.
func (s State) passes() bool { return s == Closed || s == ForcedClosed || s == Disabled }

// State returns the present state. It changes nothing.
func (b *Breaker) State() State { return b.current.Load().state() }

// ForceOpen makes the breaker refuse every operation, until [Breaker.Reset] or
// another method that sets the state. Refusals have no RetryAfter. Attempts that
// have begun go on; none begins any more.
func (b *Breaker) ForceOpen() { b.set(ForcedOpen) }

// ForceClose makes the breaker let every operation through, until
// [Breaker.Reset] or another method that sets the state. The totals go on;
// nothing else is counted.
func (b *Breaker) ForceClose() { b.set(ForcedClosed) }

// Disable makes the breaker let every operation through, until [Breaker.Reset]
// or another method that sets the state. Everything is counted on, so that the
// snapshot shows what the breaker would judge by.
func (b *Breaker) Disable() { b.set(Disabled) }

// Reset closes the breaker, from whatever state, and forgets what it would
// judge by. The totals stay. It is the way back from ForceOpen, ForceClose and
// Disable. What was admitted before moves nothing any more.
func (b *Breaker) Reset() { b.set(Closed) }

// set is the work of the methods above. It tells of the move, if it is one.
func (b *Breaker) set(state State) {
	b.mu.Lock()
	if state != Closed && b.current.Load().mode == state {
		b.mu.Unlock()
		return
	}
	b.consecutive.Store(0)
	if state == ForcedOpen {
		b.openedAt, b.openedBy, b.cause = time.Now(), nil, errForced
	}
	b.replace(b.newPeriod(b.newMachine(), state))
	m := b.note(state)
	b.mu.Unlock()
	b.tell(m, nil, nil)
}

var errForced = core.Sentinel("forced open", "")
