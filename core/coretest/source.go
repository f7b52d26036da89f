// SPDX-License-Identifier: Apache-2.0

package coretest

import (
	"context"
	"sync/atomic"

	"github.com/penstock-go/penstock/core"
)

// Exhausted is the error of a source that had no connection free in time, as a
// pool says it: it is neutral, and worth another attempt of any operation. Two of
// them are equal if their causes are.
type Exhausted struct {
	// Cause is what ended the wait. Nil is none.
	Cause error
}

// Error returns "pool exhausted", and the cause.
func (e Exhausted) Error() string {
	if e.Cause == nil {
		return "pool exhausted"
	}
	return "pool exhausted: " + e.Cause.Error()
}

// ErrorType returns "pool_timeout".
func (Exhausted) ErrorType() string { return "pool_timeout" }

// Class says what the error means.
func (Exhausted) Class() core.Class {
	return core.Class{Verdict: core.Neutral, Retry: core.RetryAlways, Conn: core.Keep, ErrorType: "pool_timeout"}
}

// Unwrap returns the cause.
func (e Exhausted) Unwrap() error { return e.Cause }

// Source is a core.Source without a pool: it lends Conn to any number of callers
// at once. It is safe for concurrent use.
type Source[C any] struct {
	Conn C
	// OnAcquire, if set, is asked before each lease; its error is returned.
	OnAcquire func(ctx context.Context) error
	// OnReturn, if set, is told of each return, and says whether it is news.
	OnReturn func(fate core.ConnFate, reason error) (news bool)

	out   atomic.Int64
	given atomic.Int64
}

// Acquire lends Conn.
func (s *Source[C]) Acquire(ctx context.Context) (core.Lease[C], error) {
	if s.OnAcquire != nil {
		if err := s.OnAcquire(ctx); err != nil {
			return core.Lease[C]{}, err
		}
	}
	s.out.Add(1)
	s.given.Add(1)
	return core.NewLease(s.Conn, core.Lender(s), 0), nil
}

// Return takes Conn back.
func (s *Source[C]) Return(_ uint64, fate core.ConnFate, reason error) bool {
	s.out.Add(-1)
	return s.OnReturn == nil || s.OnReturn(fate, reason)
}

// Out returns how many leases are out.
func (s *Source[C]) Out() int { return int(s.out.Load()) }

// Leases returns how many leases there have been.
func (s *Source[C]) Leases() int { return int(s.given.Load()) }
