// SPDX-License-Identifier: Apache-2.0

// Package stage has what a stage of a chain needs to speak for itself: the chain
// around the stage, for its line of a description and its warnings, and what the
// stage costs an operation.
package stage

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/penstock-go/penstock/core"
)

// Around is the chain around a stage.
type Around struct {
	// Order names the stages of the chain, outermost first. A stage of the user's
	// that has the name of one of Penstock's is written otherwise here: no other
	// stage takes it for Penstock's.
	Order []string
	// Operation limits an operation, Attempt an attempt. Zero is no limit.
	Operation, Attempt time.Duration
	// Retries is how many attempts may follow the first.
	Retries int
	// Recovery is how long the backend's breaker stays open. Zero without one.
	Recovery time.Duration
	// Ops are the operations whose own settings are known.
	Ops []core.Op
}

// Has reports whether the chain has the stage.
func (a Around) Has(name string) bool { return slices.Contains(a.Order, name) }

// Outside reports whether the chain has both stages, the first outside of the
// second.
func (a Around) Outside(first, second string) bool {
	return a.Has(first) && a.Has(second) && slices.Index(a.Order, first) < slices.Index(a.Order, second)
}

// OutsideOf returns the names of the stages outside of the named one.
func (a Around) OutsideOf(name string) []string {
	return a.Order[:max(slices.Index(a.Order, name), 0)]
}

// Shortest returns the tighter of the limits of an attempt and of an operation,
// zero if there is none.
func (a Around) Shortest() time.Duration { return Tighter(a.Attempt, a.Operation) }

// Tighter returns the smaller of two limits, of which zero is none.
func Tighter(a, b time.Duration) time.Duration {
	if a == 0 || b == 0 {
		return max(a, b)
	}
	return min(a, b)
}

// Warnings collects what is doubtful about settings.
type Warnings []string

// Warn adds a warning if it applies.
func (w *Warnings) Warn(applies bool, format string, args ...any) {
	if applies {
		*w = append(*w, fmt.Sprintf(format, args...))
	}
}

// InsideOfRetry is the warning of a stage that lets operations in, and so belongs
// outside of retry.
const InsideOfRetry = "%s stands inside of retry: what it refuses ends an operation whose earlier attempt had failed, and each attempt has to pass it again"

// Cost is what a stage adds to the worst that one operation can cost.
type Cost struct {
	// Attempt limits an attempt. Zero is no limit.
	Attempt time.Duration
	// Retries is how many attempts may follow the first.
	Retries int
	// Backoff returns the shortest and the longest wait after the n-th attempt
	// (from 1), unless the backend asks for more.
	Backoff func(n int) (shortest, longest time.Duration)
	// Wait is the longest wait for room in the stage, each time that an operation
	// passes. Unbounded says that only the caller's context limits the wait.
	Wait      time.Duration
	Unbounded bool
	// Recovery is how long the backend's breaker stays open.
	Recovery time.Duration
}

// Count returns a number of things in words, such as "2 attempts".
func Count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// Quoted returns names of stages as a sentence has them.
func Quoted(names []string) string {
	out := make([]string, len(names))
	for i, name := range names {
		out[i] = strconv.Quote(name)
	}
	return strings.Join(out, ", ")
}
