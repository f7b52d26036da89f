// SPDX-License-Identifier: Apache-2.0

package core

import "context"

// Handler runs a call. ctx bounds the whole run: a Handler returns soon after
// ctx ends.
type Handler func(ctx context.Context, call *Call) error

// Middleware wraps next with one concern. It is called when a chain is composed: when
// the client is made, and each time that settings of the client change. So what must
// outlive such a change, such as a counter or a semaphore, belongs outside of it. The
// Handler it returns is called concurrently.
//
// A middleware keeps these rules:
//
//   - It passes its ctx, or a context made of its ctx, and the same call to next.
//   - It returns the error of next, or an error that wraps it. It returns nil only
//     if next did: otherwise there is no result, and [Do] makes an error of that.
//   - It may call next again only after next has returned.
//   - It does not keep the call, and starts nothing that outlives its own return.
//   - If it refuses the call without calling next, its error wraps [ErrRejected].
//     Otherwise an error that the classifier does not know is a failure of the
//     backend.
//   - If it makes the call wait before next, it ends the wait with its ctx and with
//     [Call.Closing], and calls [Call.AfterWait] after the wait: a breaker may have
//     opened meanwhile.
type Middleware func(next Handler) Handler

// Compose makes one Middleware of many. The first is outermost; nil entries are
// skipped.
func Compose(mws ...Middleware) Middleware {
	return func(next Handler) Handler {
		for i := len(mws) - 1; i >= 0; i-- {
			if mws[i] != nil {
				next = mws[i](next)
			}
		}
		return next
	}
}
