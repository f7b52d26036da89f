// SPDX-License-Identifier: Apache-2.0

// Package coretest helps to test middleware, observers and sources: a
// [Recorder] that writes down what an observer is told, a [Source] that lends
// one connection without a pool, and [TestObserver], which checks that an
// observer keeps its contract.
package coretest
