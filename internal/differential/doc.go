// SPDX-License-Identifier: Apache-2.0

// Package differential runs the same requests on milvustest and on real servers, and
// compares the answers.
//
// There are two sources of requests. A catalogue of hostile requests is written by
// hand, and sequences of operations are generated from a seed. A [Request] is data. A
// [Target] answers a Request with an [Outcome], the normal form of an answer: what two
// servers that agree have in common.
//
// testdata holds the answers of Milvus 2.3.5 to the catalogue and to some sequences,
// so that tests compare milvustest with Milvus where no Milvus is installed.
// The program in cmd asks the real server.
//
// milvus-lite is a second opinion for what Milvus 2.3.5 lacks: the requests of [Later],
// whose answers by milvus-lite are in testdata too. In the rest milvus-lite is the worse
// reference (no chains, no checks of limits, an empty filter deletes all rows), so the
// program prints how far milvustest agrees with it, and no test wants a percentage.
package differential
