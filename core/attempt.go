// SPDX-License-Identifier: Apache-2.0

package core

import (
	"context"
	"sync/atomic"
	"time"
)

// Attempt is the account of one attempt, for the adapter of a backend to keep.
// The work of an attempt may send several requests; an operation that is
// [Unsafe] is attempted again only if none of them can have changed anything.
// Its methods are safe for concurrent use, and do nothing on a nil Attempt.
type Attempt struct {
	parent  context.Context
	applied atomic.Bool
}

// MayHaveApplied says that a request of this attempt changed the backend, or
// may have: it was answered OK, or its end is unknown. If the operation is part
// of the work of another, that is true of the other's attempt too.
func (a *Attempt) MayHaveApplied() {
	for ; a != nil; a = AttemptOf(a.parent) {
		a.applied.Store(true)
	}
}

// AttemptOf returns the attempt that ctx belongs to, nil if there is none.
func AttemptOf(ctx context.Context) *Attempt {
	a, _ := ctx.Value(attemptKey{}).(*attemptContext)
	return (*Attempt)(a)
}

type attemptKey struct{}

// attemptContext is an attempt as the context of its work. The one of the first
// attempt lies in the call, so that it costs no allocation; later attempts get
// their own, because work that ignores its end may still look at the first.
type attemptContext Attempt

func (a *attemptContext) Deadline() (time.Time, bool) { return a.parent.Deadline() }
func (a *attemptContext) Done() <-chan struct{}       { return a.parent.Done() }
func (a *attemptContext) Err() error                  { return a.parent.Err() }

func (a *attemptContext) Value(key any) any {
	if key == (attemptKey{}) {
		return a
	}
	return a.parent.Value(key)
}
