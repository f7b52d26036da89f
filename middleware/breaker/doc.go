// SPDX-License-Identifier: Apache-2.0

// Package breaker refuses operations while the backend does not do its work, so
// that callers fail at once and the backend can recover.
//
//	b, err := breaker.New(breaker.Config{Name: "milvus"})
//	client, err := core.NewClient(core.ClientConfig[*conn]{Source: pool, Middleware: b.Middleware})
//
// A breaker opens after a number of failures in a row, at a rate of failures, at
// a rate of slow attempts, or by hand; see [Config]. An attempt counts as slow
// from the moment it passes the threshold, also while it is still running.
//
// [core.Class] decides what counts as a failure. A cancel, a refusal by a stage
// further in, and a statement that the backend answered are not failures.
//
// Package keyed makes a stage of many breakers, one for each collection, say.
//
// The state machine comes from github.com/eapache/go-resiliency/breaker. This
// package decides what counts as a failure, for how long the breaker is open, which
// operations may pass, and who is told. The breaker uses at most one timer, only
// when SlowCallRate is set: it runs while attempts are in flight, and for
// SlowCallThreshold after the last of them.
package breaker
