// SPDX-License-Identifier: Apache-2.0

package core

import "time"

// Op describes one kind of operation. Declare it once, as a package variable:
// its name and target become span names and metric attributes, so there must
// be few distinct values of them.
type Op struct {
	// Name is what the backend calls the operation, such as "Search".
	Name string
	// Target is what it is done to, such as a collection. Optional.
	Target string
	// Safety says when the operation may be attempted again.
	Safety Safety
	// Hedge marks the second of two runs of one operation. Package hedge sets it; a
	// declaration leaves it false. The second run pays nothing into a [Budget], a
	// breaker does not count its failure, and telemetry shows the mark.
	Hedge bool
	// Hedged marks the first of the runs that package hedge makes of one operation, which
	// has a second run only if it is slow. Package hedge sets it; a declaration leaves it
	// false.
	Hedged bool
	// Timeout limits each attempt of this operation, if the chain has the
	// timeout stage. Zero means that stage's own limit.
	Timeout time.Duration
}

// Safety says what repeating an operation does to the backend.
type Safety uint8

const (
	// Unsafe operations change the backend, and change it again when repeated.
	// They are attempted again only when the failed attempt provably changed
	// nothing.
	Unsafe Safety = iota
	// Idempotent operations change the backend, but repeating them has the
	// effect of doing them once.
	Idempotent
	// ReadOnly operations change nothing.
	ReadOnly
)

// String returns the name of the safety class in lower case.
func (s Safety) String() string {
	switch s {
	case Idempotent:
		return "idempotent"
	case ReadOnly:
		return "read_only"
	default:
		return "unsafe"
	}
}
