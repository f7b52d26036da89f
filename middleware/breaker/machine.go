// SPDX-License-Identifier: Apache-2.0

package breaker

import (
	"github.com/eapache/go-resiliency/breaker"

	"github.com/penstock-go/penstock/core"
)

// machine goes from closed to open, from there to half-open, and back to closed or
// to open. It is safe for concurrent use.
//
// The machine turns half-open at once, on a goroutine of its own: the period, not
// the machine, keeps the breaker open for RecoveryTimeout. So the time that a
// refusal tells and the time at which the breaker lets probes through come from one
// clock, and no timer can be late.
type machine struct {
	lib       *breaker.Breaker
	successes int // HalfOpenSuccesses that it was made with
}

// newMachine returns a closed machine. One failure opens it: the policies decide
// when to report one.
func newMachine(cfg *Config) machine {
	return machine{breaker.New(1, cfg.HalfOpenSuccesses, 0), cfg.HalfOpenSuccesses}
}

// fail opens the machine, which is closed or half-open.
func (m machine) fail() { _ = m.lib.Run(func() error { return core.ErrUnavailable }) }

// succeed counts the success of a probe. HalfOpenSuccesses of them close a
// machine that is half-open.
func (m machine) succeed() { _ = m.lib.Run(func() error { return nil }) }

// state returns Closed, Open or HalfOpen.
func (m machine) state() State {
	switch m.lib.GetState() {
	case breaker.Open:
		return Open
	case breaker.HalfOpen:
		return HalfOpen
	default:
		return Closed
	}
}
