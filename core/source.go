// SPDX-License-Identifier: Apache-2.0

package core

import (
	"context"
	"time"
)

// Source lends connections of type C. A pool is one.
type Source[C any] interface {
	// Acquire leases a connection. It waits no longer than ctx lasts, and returns
	// ctx's error, or an error that wraps it, if ctx ended the wait. An error with
	// a method Class() Class says itself what it means. Safe for concurrent use.
	Acquire(ctx context.Context) (Lease[C], error)

	// A Source may also have a method
	//
	//	AcquireFor(ctx context.Context, op Op) (Lease[C], error)
	//
	// Then a [Client] calls it in place of Acquire, and the Source can lend different
	// connections to different operations.
}

// opSource is a Source that looks at the operation.
type opSource[C any] interface {
	AcquireFor(ctx context.Context, op Op) (Lease[C], error)
}

// Lease is a connection that its holder may use. It is a value: all copies are the
// same lease, which ends with the first Release, Discard or Return on any of them.
// The connection must not be used after that. The zero Lease holds no connection;
// only Conn may be called on it.
type Lease[C any] struct {
	conn   C
	lender Lender
	token  uint64
}

// Lender ends the leases of its connections.
type Lender interface {
	// A Lender may also have a method ConnNumber(token uint64) int. It returns the
	// number of the connection for telemetry, from 1, and may be called after the end
	// of the lease. Numbers should be few: telemetry has a series for each.

	// Return ends the lease with this token. reason says why the connection is
	// not kept as it is, and may be nil. With Keep, a reason is a failure of the backend
	// on a connection that is kept: telemetry counts it. Return reports whether the failure of
	// the connection is news: false if another lease of the same connection, held
	// at the same time, reported it before. The token of a lease that has ended is
	// counted and otherwise ignored.
	Return(token uint64, fate ConnFate, reason error) (news bool)
}

// numbered is a Lender whose connections have numbers, for people who read telemetry:
// small ones, used again after the connection is closed. The lease may be over.
type numbered interface {
	ConnNumber(token uint64) int
}

// NewLease returns a lease of conn, which lender knows by token. It is for
// implementations of [Source].
func NewLease[C any](conn C, lender Lender, token uint64) Lease[C] {
	return Lease[C]{conn: conn, lender: lender, token: token}
}

// WithWait returns the lease with the time that its caller waited for it. An
// attempt that spent most of its time in that wait does not count against the
// backend. WithWait is for implementations of [Source]. It allocates, because a
// Lease has no field for the wait: a Lease fits into registers.
func (l Lease[C]) WithWait(wait time.Duration) Lease[C] {
	l.lender = &waitedLender{l.lender, wait}
	return l
}

// Lent returns what NewLease and WithWait made the lease of: its lender, its token, and
// the time that its caller waited. It is for a [Source] that is made of other sources:
// NewLease puts a lender of its own in front of the one of the other source. That lender
// passes on every call, with the token, and has the optional methods of the other one.
func (l Lease[C]) Lent() (lender Lender, token uint64, wait time.Duration) {
	return unwrapped(l.lender), l.token, waitFor(l.lender)
}

// waitedLender is the lender of a lease that its caller waited for.
type waitedLender struct {
	Lender
	wait time.Duration
}

// unwrapped returns the lender that made a lease of lender.
func unwrapped(lender Lender) Lender {
	if l, ok := lender.(*waitedLender); ok {
		return l.Lender
	}
	return lender
}

// waitFor returns how long the caller of a lease of lender waited for it.
func waitFor(lender Lender) time.Duration {
	if l, ok := lender.(*waitedLender); ok {
		return l.wait
	}
	return 0
}

// Conn returns the connection.
func (l Lease[C]) Conn() C { return l.conn }

// Release ends the lease of a connection that is as good as before.
func (l Lease[C]) Release() { l.lender.Return(l.token, Keep, nil) }

// Discard ends the lease, and the connection is closed because of reason.
func (l Lease[C]) Discard(reason error) { l.lender.Return(l.token, Broken, reason) }

// Return ends the lease; fate says what becomes of the connection. See
// [Lender.Return].
func (l Lease[C]) Return(fate ConnFate, reason error) (news bool) {
	return l.lender.Return(l.token, fate, reason)
}
