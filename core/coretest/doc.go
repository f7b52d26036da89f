// SPDX-License-Identifier: Apache-2.0

// Package coretest helps to test what is built on core.
//
// There are fakes: a [Recorder] that writes down what an observer is told, a
// [Factory] of connections that lead nowhere, a [Source] that lends one connection
// without a pool, [Exhausted], which is the error of a pool without a free
// connection, and a [Scenario], which is a scripted backend with load on it, in
// virtual time.
//
// And there are suites that check whether an implementation of yours keeps a
// contract: [TestObserver], [TestMiddleware], and [TestBreaker], which asks any
// circuit breaker what it does when a probe goes wrong.
package coretest
