// SPDX-License-Identifier: Apache-2.0

package core

import "context"

// Probe asks the backend for a sign of life. It runs fn on a connection of c,
// without the chain: an open breaker or a shut gate would hide a recovery. Probe
// classifies the error of fn like the error of an attempt, and returns the
// connection accordingly.
//
// Nil means that the backend answered, if only to refuse what fn asked. Any other
// error is an [*Error], whose Outcome says what it means: Failure, or Neutral if
// the backend was not asked (because other callers had every connection, say).
func (c *Client[C]) Probe(ctx context.Context, fn func(context.Context, C) error) error {
	_, err := Do(ctx, c.past, probe, func(ctx context.Context, conn C) (struct{}, error) { return struct{}{}, fn(ctx, conn) })
	if err != nil && err.(*Error).Outcome.Verdict == Success {
		return nil
	}
	return err
}

var probe = Op{Name: "probe", Safety: ReadOnly}
