// SPDX-License-Identifier: Apache-2.0

package core

import "context"

// Handler runs a call. ctx bounds the whole run: a Handler returns soon after
// it ends.
type Handler func(ctx context.Context, call *Call) error

// Middleware wraps next with one concern. It is called once, when the chain is
// composed; the Handler it returns is called concurrently.
//
// A middleware passes its ctx (or one made from it) and the same call to next,
// returns next's error or one that wraps it, and may call next again only
// after it returned. It does not keep the call, and starts nothing that
// outlives its own return. An error that it returns without having called next
// wraps [ErrRejected] if the backend should not be judged by it. It does not
// return nil unless next did: there would be no result to go with it, and [Do]
// makes an error of that.
type Middleware func(next Handler) Handler

// Chain makes one Middleware of many. The first is outermost; nil entries are
// skipped.
func Chain(mws ...Middleware) Middleware {
	return func(next Handler) Handler {
		for i := len(mws) - 1; i >= 0; i-- {
			if mws[i] != nil {
				next = mws[i](next)
			}
		}
		return next
	}
}
