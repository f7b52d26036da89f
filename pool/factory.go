// SPDX-License-Identifier: Apache-2.0

package pool

import "context"

// Factory makes and closes connections. Its methods are called concurrently,
// on goroutines of the pool's own; a panic in them is recovered.
type Factory[C any] interface {
	// Dial makes a connection. ctx is the pool's own: it ends after
	// Config.DialTimeout or when the pool closes, and Dial returns soon after
	// that. A nil connection without an error is taken for an error, and a
	// connection beside an error is closed.
	Dial(ctx context.Context) (C, error)
	// Close closes a connection. It is called once for each, and returns soon
	// after ctx ends. Where a pool has to close by force, the connection may
	// still be in use.
	Close(ctx context.Context, conn C) error
}

// Checker is an optional method of a [Factory].
type Checker[C any] interface {
	// Alive reports whether conn can be lent. It is asked when a connection is
	// about to be lent (see Config.CheckIdleAfter), so it must be quick, do no
	// I/O, and not call the pool. A connection that is not alive is closed in an
	// exclusive pool, and suspect in a shared pool: it is passed over while there
	// is a better one.
	Alive(conn C) bool
}

// Pinger is an optional method of a [Factory].
type Pinger[C any] interface {
	// Ping finds out whether conn works, by asking the other end. It is called in
	// the background, see Config.CheckEvery, and returns soon after ctx ends. If
	// it returns an error, or panics, the connection is closed in an exclusive
	// pool, and suspect in a shared pool.
	Ping(ctx context.Context, conn C) error
}
