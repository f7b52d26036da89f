// SPDX-License-Identifier: Apache-2.0

// Package nested lets a source of connections find the operations that a caller is
// part of: an operation may run others within its work.
package nested

import (
	"cmp"
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
	// Said returns what was said last, nil if nothing was.
	Said() *Note
	// Resay is Say if old was said last, and reports whether it was.
	Resay(old, n *Note) bool
	// Outer returns the context that the attempt was made with.
	Outer() context.Context
}

// Note is what is said of an attempt from within. It must not change after Say.
type Note struct {
	// Value is what the adapter of the backend says of the work, for the observer.
	Value any
	// Annotations is what the function of the operation says, for the observer.
	Annotations any
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

// Add makes next(said) what is known of the innermost attempt that ctx is within; said
// is what was known before, never nil. It reports false outside of an attempt. next may
// be called again, if somebody else says something at the same moment.
func Add(ctx context.Context, next func(said *Note) *Note) bool {
	a, ok := ctx.Value(Key{}).(Attempt)
	for ok {
		said := a.Said()
		if a.Resay(said, next(cmp.Or(said, &nothing))) {
			break
		}
	}
	return ok
}

var nothing Note // never changed

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
