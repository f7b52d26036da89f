// SPDX-License-Identifier: Apache-2.0

package pool

import "sync/atomic"

// numberState gives each connection a small number, so that a person who reads telemetry
// sees which one of several fails. A connection has its number from the begin of its dial
// until the factory has closed it; then another connection may have the number. Guarded
// by Pool.mu.
type numberState struct {
	numbers []number // of the numbers 1, 2, ...
}

// number is what the pool knows of one number.
type number struct {
	taken  bool
	failed *atomic.Uint64 // leases that came back broken, suspect, or after a failure of the backend
}

// takeNumber returns the lowest number that is free. p.mu is held.
func (s *numberState) takeNumber() int {
	for i := range s.numbers {
		if !s.numbers[i].taken {
			s.numbers[i].taken = true
			return i + 1
		}
	}
	s.numbers = append(s.numbers, number{taken: true, failed: new(atomic.Uint64)})
	return len(s.numbers)
}

// freeNumber gives a number back. p.mu is held.
func (s *numberState) freeNumber(n int) { s.numbers[n-1].taken = false }

// failedBy returns how often connections with each number failed. p.mu is held.
func (s *numberState) failedBy() []uint64 {
	failed := make([]uint64, len(s.numbers))
	for i, n := range s.numbers {
		failed[i] = n.failed.Load()
	}
	return failed
}

// ConnNumber returns the number of the connection, see [core.Lender].
func (e *entry[C]) ConnNumber(uint64) int { return e.number }
