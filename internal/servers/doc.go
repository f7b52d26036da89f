// SPDX-License-Identifier: Apache-2.0

// Package servers starts real servers for tests: Milvus, milvus-lite, Jaeger and
// Prometheus, as processes without containers. For tests of a web page it finds a
// Chromium.
//
//	func TestSearch(t *testing.T) {
//		m := servers.StartMilvus(t)
//		// use m.Addr(); the end of the test ends m
//	}
//
// "make servers" installs all of them into the user's cache directory (PENSTOCK_CACHE
// replaces it). If a server is not installed, a test that starts it is skipped,
// with one line that says how to install it. With PENSTOCK_REQUIRE_REAL=1 the test
// fails instead. Go's test cache does not see an installation: use "go test
// -count=1" after one.
//
// Every server has free ports of its own, and its data in a temporary directory of
// the test. A start polls the server until it answers. If the server dies by
// itself, the test fails at once with the end of the server's log. The end of the
// test kills the server by its process id. On Linux the kernel kills the server
// too if the test process is killed.
//
// At most one Milvus runs at a time, across packages and processes: StartMilvus
// waits for its turn. A test must not start two, and a parallel subtest must not
// start one if its parent has one.
package servers
