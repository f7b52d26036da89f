// SPDX-License-Identifier: Apache-2.0

package coretest

import (
	"context"
	"sync/atomic"

	"github.com/penstock-go/penstock/core"
)

// Source is a core.Source without a pool: it lends Conn to everybody at once.
type Source[C any] struct {
	Conn C
	// OnAcquire, if set, is asked before each loan; its error is returned.
	OnAcquire func(ctx context.Context) error
	// OnReturn, if set, is told of each return, and says whether it is news.
	OnReturn func(fate core.ConnFate, reason error) (news bool)

	out   atomic.Int64
	loans atomic.Int64
}

// Acquire lends Conn.
func (s *Source[C]) Acquire(ctx context.Context) (core.Lease[C], error) {
	if s.OnAcquire != nil {
		if err := s.OnAcquire(ctx); err != nil {
			return core.Lease[C]{}, err
		}
	}
	s.out.Add(1)
	s.loans.Add(1)
	return core.NewLease(s.Conn, core.Lender(s), 0), nil
}

// Return takes Conn back.
func (s *Source[C]) Return(_ uint64, fate core.ConnFate, reason error) bool {
	s.out.Add(-1)
	return s.OnReturn == nil || s.OnReturn(fate, reason)
}

// Out returns how many loans are out.
func (s *Source[C]) Out() int { return int(s.out.Load()) }

// Loans returns how many loans there have been.
func (s *Source[C]) Loans() int { return int(s.loans.Load()) }
