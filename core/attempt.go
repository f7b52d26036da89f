// SPDX-License-Identifier: Apache-2.0

package core

import (
	"context"
	"sync/atomic"
)

// Attempt is the account of one attempt, for the adapter of a backend to keep.
// The work of an attempt may send several requests; an operation that is
// [Unsafe] is attempted again only if none of them can have changed anything.
// Its methods are safe for concurrent use, and do nothing on a nil Attempt.
type Attempt struct{ applied atomic.Bool }

// MayHaveApplied says that a request of this attempt changed the backend, or
// may have: it was answered OK, or its end is unknown.
func (a *Attempt) MayHaveApplied() {
	if a != nil {
		a.applied.Store(true)
	}
}

// AttemptOf returns the attempt that ctx belongs to, nil if there is none.
func AttemptOf(ctx context.Context) *Attempt {
	a, _ := ctx.Value(attemptKey{}).(*attemptContext)
	if a == nil {
		return nil
	}
	return &a.account
}

type attemptKey struct{}

// attemptContext is the context of one attempt's work. The one of the first
// attempt lies in the call, so that it costs no allocation; later attempts get
// their own, because work that ignores its end may still look at the first.
type attemptContext struct {
	context.Context
	account Attempt
}

func (a *attemptContext) Value(key any) any {
	if key == (attemptKey{}) {
		return a
	}
	return a.Context.Value(key)
}
