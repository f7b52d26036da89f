// SPDX-License-Identifier: Apache-2.0

// Package servers starts real servers for tests: Milvus and Jaeger, as processes of their own, without containers.
//
//	func TestSearch(t *testing.T) {
//		m := servers.StartMilvus(t)
//		// use m.Addr(); m is ended with the test
//	}
//
// "make servers" installs both into the user's cache directory (PENSTOCK_CACHE replaces it). Where one is
// missing, a test that starts it is skipped with one line that says how to get it; with PENSTOCK_REQUIRE_REAL=1
// it fails instead. Go's test cache does not see an installation, so after one, use "go test -count=1".
//
// Every server has its own free ports and its own data in a temporary directory of the test. It is waited for
// by asking it, never by sleeping. When it dies unasked, the test fails at once with the end of the server's
// log. It is ended by its process id when the test ends, however it ends; on Linux the kernel ends it too if
// the test process itself is killed.
//
// At most one Milvus runs at a time, across packages and processes: StartMilvus waits for its turn. So a test
// must not start two, and must not call StartMilvus in a parallel subtest of one that has started it.
package servers
