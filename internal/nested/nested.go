// SPDX-License-Identifier: Apache-2.0

// Package nested lets a source of connections find the operations that a caller is
// part of: an operation may run others within its work.
package nested

import (
	"context"
	"time"
)

// Key is the key under which the context of an attempt's work has its [Attempt].
type Key struct{}

// Attempt is an attempt of an operation whose work is under way, or was.
type Attempt interface {
	// Lease returns the lower half of the token of the attempt's lease, zero before the
	// work. The lease may be over. A source that looks for its own leases makes their
	// tokens such that the lower halves tell them apart.
	Lease() uint32
	// Say keeps what is said of the attempt. The last word holds.
	Say(*Note)
	// Outer returns the context that the attempt was made with.
	Outer() context.Context
}

// Note is what is said of an attempt from within. It must not change after Say.
type Note struct {
	// Value is what the adapter of the backend says of the work, for the observer.
	Value any
	// Waited is what the source of connections says: how long the attempt waited for a
	// connection in vain.
	Waited time.Duration
}

// Say makes n what is known of the innermost attempt that ctx is within. It does
// nothing outside of an attempt.
func Say(ctx context.Context, n *Note) {
	if a, ok := ctx.Value(Key{}).(Attempt); ok {
		a.Say(n)
	}
}

// Attempts calls fn with each attempt that ctx is within, the innermost first.
func Attempts(ctx context.Context, fn func(Attempt)) {
	for {
		a, ok := ctx.Value(Key{}).(Attempt)
		if !ok {
			return
		}
		fn(a)
		ctx = a.Outer()
	}
}
