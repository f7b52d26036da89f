// SPDX-License-Identifier: Apache-2.0

package pool

import "context"

// Factory makes and closes connections. The pool calls its methods concurrently,
// on goroutines of its own, and turns a panic or runtime.Goexit in them into an error.
type Factory[C any] interface {
	// Dial makes a connection. ctx is the pool's own: it ends after
	// Config.DialTimeout or when the pool closes, and Dial returns soon after
	// that. ctx also ends when Dial has returned, so the connection must not keep
	// it. While Dial runs, its connection counts for Config.MaxSize. A nil
	// connection without an error counts as an error; a connection
	// beside an error is closed.
	Dial(ctx context.Context) (C, error)
	// Close closes a connection. The pool calls it once for each connection, and
	// Close returns soon after ctx ends, 5 s later at most. Until Close returns, the
	// connection counts for Config.MaxSize. If the pool has to close by force, a
	// caller may still use the connection.
	Close(ctx context.Context, conn C) error
}

// Checker is an optional method of a [Factory].
type Checker[C any] interface {
	// Alive reports whether conn can be lent. The pool calls it when it is about
	// to lend the connection (see Config.CheckIdleAfter), so Alive must be quick and
	// do no I/O. It may call the pool; but Drain and Close wait for the connection that
	// it is asked about, and need a ctx that ends. It may be asked about a connection
	// that Close has just closed. A connection is not alive if Alive
	// panics or calls runtime.Goexit. An exclusive pool removes a connection that
	// is not alive. In a shared pool such a connection is suspect: it is passed
	// over while there is a better one, and replaced if there is none. A connection
	// that is alive is not suspect, whatever its callers say; so Alive must not be
	// true for a connection that is dead.
	Alive(conn C) bool
}

// Pinger is an optional method of a [Factory].
type Pinger[C any] interface {
	// Ping asks the other end whether conn works. The pool calls it in the
	// background, see Config.CheckEvery, and Ping returns soon after ctx ends. ctx
	// also ends when Ping has returned. An exclusive pool without a [Checker] also
	// calls it for each idle connection after another one came back broken, and lends
	// none of them unchecked. If Ping returns an error or panics, an exclusive pool
	// removes the connection; in a shared pool the connection becomes suspect.
	Ping(ctx context.Context, conn C) error
}
