// SPDX-License-Identifier: Apache-2.0

package core

import (
	"context"
	"time"
)

// Source lends connections of type C. A pool is one.
type Source[C any] interface {
	// Acquire borrows a connection until the lease is given back. It waits no
	// longer than ctx lasts, and returns ctx's error, or one that wraps it, if
	// that ended the wait. An error with a method Class() Class says itself what
	// it means. Safe for concurrent use.
	Acquire(ctx context.Context) (Lease[C], error)
}

// Lease is a borrowed connection. It is a value: copies stand for the same
// loan, which ends with the first Release, Discard or Return on any of them.
// The connection must not be used after that.
type Lease[C any] struct {
	conn   C
	lender Lender
	token  uint64
	waited time.Duration
}

// Lender takes back what it lent.
type Lender interface {
	// Return ends the loan that token stands for. reason says why the
	// connection is not kept as it is, and may be nil. Return reports whether
	// this is news: false if another loan of the same connection, that was out
	// at the same time, already reported the connection's failure. A token that
	// is not out any more is counted and otherwise ignored.
	Return(token uint64, fate ConnFate, reason error) (news bool)
}

// NewLease makes the lease of conn that lender will know by token. It is for
// implementations of [Source].
func NewLease[C any](conn C, lender Lender, token uint64) Lease[C] {
	return Lease[C]{conn: conn, lender: lender, token: token}
}

// After returns the lease of a caller who had to wait for it. A source that
// says so keeps attempts from being held against the backend whose time went by
// in the wait.
func (l Lease[C]) After(wait time.Duration) Lease[C] {
	l.waited = wait
	return l
}

// Conn returns the borrowed connection.
func (l Lease[C]) Conn() C { return l.conn }

// Release gives the connection back as good.
func (l Lease[C]) Release() { l.lender.Return(l.token, Keep, nil) }

// Discard gives the connection back to be closed, because of reason.
func (l Lease[C]) Discard(reason error) { l.lender.Return(l.token, Broken, reason) }

// Return gives the connection back in the state that fate says; see
// [Lender.Return].
func (l Lease[C]) Return(fate ConnFate, reason error) (news bool) {
	return l.lender.Return(l.token, fate, reason)
}
