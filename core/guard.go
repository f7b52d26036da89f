// SPDX-License-Identifier: Apache-2.0

package core

import "time"

// Guard follows the attempts of one call on behalf of a stage that sits
// outside the stage that repeats them. A guard is attached with [Call.Attach]
// and taken off with [Call.Detach]; its methods are called on the goroutine of
// the call, and a guard that is attached to many calls is called concurrently.
type Guard interface {
	// Allow is asked before each further attempt. An error forbids it.
	Allow(call *Call) error
	// Begin says that the attempt holds a connection and its work is about to
	// start. An error, which must wrap [ErrRejected], forbids it: the backend may
	// have been given up while the attempt waited for its connection.
	Begin(call *Call) error
	// Ended says that the attempt is over: how long its work ran on a
	// connection (zero if it never started) and what the outcome means. It is
	// called for each attempt that came as far as asking for a connection,
	// also when the work panicked.
	Ended(call *Call, ran time.Duration, class Class)
}
