// SPDX-License-Identifier: Apache-2.0

// Package fallback makes a result of another kind, such as a cached or an empty
// one, for an operation that failed because its backend could not be had.
//
// It is no stage. A result has a type, and stages know no types, so [Do] is a
// function to call in place of core.Do:
//
//	hits, err := fallback.Do(ctx, client, search, find, func(ctx context.Context, err error) ([]Hit, error) {
//		return cached, nil
//	})
//
// [DoPlan] says in addition where the result came from. [Run] gives a fallback to an
// operation that another function runs, such as hedge.Do.
//
// The operation still counts as the failure that it was, for the breaker and in
// telemetry. To count how often a fallback was used, count in the fallback: it is
// called once for each such failure, with the error.
package fallback
