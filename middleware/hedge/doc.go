// SPDX-License-Identifier: Apache-2.0

// Package hedge runs a ReadOnly operation a second time while the first run is
// slow, and takes the answer of the run that gets one first. Hedging cuts the
// longest latencies, which often come from one bad server or connection, and costs
// a little more load.
//
// It is no stage. A result has a type, and stages know no types, so [Do] is a
// function to call in place of core.Do:
//
//	hits, err := hedge.Do(ctx, hedger, client, search, find)
//
// Each of the two runs is a whole operation with its own span and retries. The
// second run has the mark core.Op.Hedge, which telemetry shows: a breaker counts the
// failure of the operation once, in the first run; the cancel of the run that loses
// says nothing about the backend.
//
// The second run begins only while the first is under way, and only if the
// [core.Budget] grants it. With the budget of the client's retries, retries and hedges
// together never exceed that budget: only operations pay in, and no second runs.
//
// The context of the run that loses is canceled. Do returns when both runs have
// ended: no goroutine is left behind, and none writes to the result later. Work
// that ignores its context delays Do. A lost run leaves no connection to reuse if
// connections are lent exclusively, so hedging suits shared connections.
package hedge
