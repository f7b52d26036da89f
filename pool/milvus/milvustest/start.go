// SPDX-License-Identifier: Apache-2.0

package milvustest

// TB is the part of testing.TB that [Start] needs.
type TB interface {
	Helper()
	Cleanup(func())
	Fatalf(format string, args ...any)
}

// Start returns a server that listens until the test t ends. At most one cfg may be
// given; none is the zero value. The test fails at once if the server cannot listen.
func Start(t TB, cfg ...Config) *Server {
	t.Helper()
	var c Config
	switch len(cfg) {
	case 0:
	case 1:
		c = cfg[0]
	default:
		t.Fatalf("milvustest: Start got %d configurations: give it one", len(cfg))
	}
	srv, err := New(c)
	if err != nil {
		t.Fatalf("milvustest: %v", err)
	}
	t.Cleanup(func() { _ = srv.Close() })
	return srv
}
