// SPDX-License-Identifier: Apache-2.0

// Package breaker refuses operations while the backend does not do its work,
// so that callers fail at once and the backend can recover.
//
//	b, err := breaker.New(breaker.Config{Name: "milvus"})
//	client, err := core.NewClient(core.ClientConfig[*conn]{Source: pool, Middleware: b.Middleware})
//
// A breaker opens after a number of failures in a row, at a rate of failures, at
// a rate of slow attempts, or by hand; see [Config]. Slow attempts count from the
// moment that they are slow, whether they have ended or not. What a failure is
// says the class of the outcome, see [core.Class]: a cancel, a refusal further in
// and a statement that the backend answered are none.
//
// [NewKeyed] makes a stage of many breakers, one for each collection, say.
//
// The state machine and its timer are those of
// github.com/eapache/go-resiliency/breaker; what counts as a failure, who may
// pass, and what is told to whom are decided here. Its timer is a goroutine that
// sleeps for RecoveryTimeout after each opening and cannot be ended sooner. Of
// the breaker's own there is one timer, and only with SlowCallRate: while
// attempts are in flight, and for SlowCallThreshold after the last at most.
package breaker
