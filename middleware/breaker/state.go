// SPDX-License-Identifier: Apache-2.0

package breaker

import "github.com/penstock-go/penstock/internal/enum"

// State is what a breaker does with operations.
type State uint8

const (
	// Closed lets every operation through.
	Closed State = iota
	// Open refuses every operation.
	Open
	// HalfOpen lets a few operations through, as probes of the backend.
	HalfOpen
	// ForcedOpen refuses every operation until the state is set again.
	ForcedOpen
	// ForcedClosed lets every operation through until the state is set again.
	ForcedClosed
	// Disabled lets every operation through until the state is set again, and goes
	// on counting what would open the breaker.
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

var states = []State{Closed, Open, HalfOpen, ForcedOpen, ForcedClosed, Disabled}

// MarshalText returns the text of String, for files and logs. An unknown value is an
// error.
func (s State) MarshalText() ([]byte, error) { return enum.Text(s, states...) }

// UnmarshalText sets s to the value whose String the text is. Any other text is an
// error, which lists the texts.
func (s *State) UnmarshalText(text []byte) error { return enum.Parse(s, text, states...) }

// passes reports whether every operation passes in state s.
func (s State) passes() bool { return s == Closed || s == ForcedClosed || s == Disabled }

// State returns the present state. It changes nothing, and does not wait for a
// lock.
func (b *Breaker) State() State { return b.current.Load().state() }

// ForceOpen makes the breaker refuse every operation, until [Breaker.Reset] or
// another method sets the state. The RetryAfter of its refusals is RecoveryTimeout,
// since nothing tells when the state ends. Attempts that have begun go on; no
// further attempt begins.
func (b *Breaker) ForceOpen() { b.set(ForcedOpen) }

// ForceClose makes the breaker let every operation through, until
// [Breaker.Reset] or another method sets the state. The totals go on; nothing
// else is counted.
func (b *Breaker) ForceClose() { b.set(ForcedClosed) }

// Disable makes the breaker let every operation through, until [Breaker.Reset]
// or another method sets the state. Everything is still counted, so that the
// snapshot shows by what the breaker would decide.
func (b *Breaker) Disable() { b.set(Disabled) }

// Reset closes the breaker, from any state, and forgets failures and slow
// attempts. The totals stay. It ends ForceOpen, ForceClose and Disable.
// Operations that were admitted before cause no transition any more.
func (b *Breaker) Reset() { b.set(Closed) }

// Retire ends an idle breaker, and returns what b counted. If b is not idle, Retire
// does nothing and returns false. An idle breaker is closed, has no failure since
// the last success, and has no failure and no slow attempt in its windows: a new
// breaker would do the same.
//
// Failures are forgotten after a while, so that they do not keep a breaker that
// is not used. The while is RecoveryTimeout, or FailureWindowTime if that is longer.
// A closed breaker is idle, too, if its last failure or slow attempt was that long
// ago, and so is a breaker that has been half-open for that long. The latter closes,
// and its transition is told soon after.
//
// No operation may run under b during Retire or later. Retire is for breakers that
// are made for a time, such as one for each key.
func (b *Breaker) Retire() (c Counters, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.current.Load()
	if !p.idle() {
		return c, false
	}
	if slow := p.slow.Load(); slow != nil {
		slow.stop() // the timer would keep b in memory for a while
	}
	if p.mode != Closed {
		b.replace(b.newPeriod(newMachine(b.cfg()), Closed))
		go b.tell(b.note(Closed), nil, nil) // the caller may hold a lock
	}
	return b.counters(p), true
}
