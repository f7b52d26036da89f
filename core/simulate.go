// SPDX-License-Identifier: Apache-2.0

package core

import "context"

// Simulate runs work in place of the rest of the chain, as an attempt on a
// connection without asking for one: its outcome is judged and the guards are
// told as if the operation's own function had run. It is for stages that inject
// faults; like them, it is called at most once in each attempt, with the ctx
// that next would have been given.
func (c *Call) Simulate(ctx context.Context, work func(context.Context) error) (err error) {
	// It stands if a panic or Goexit is on its way, as in a real attempt.
	class := Class{Verdict: Failure, Sent: true, Conn: Unclean, Code: TypePanic}
	start, judged := now(), true
	defer func() { c.settle(class, judged, now()-start) }()
	if err = c.begin(); err != nil {
		class, judged = Class{Verdict: Neutral, Code: ErrorType(err)}, false
		return err
	}
	err = work(ctx)
	class, err = c.judge(ctx, err, true)
	return err
}
