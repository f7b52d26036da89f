// SPDX-License-Identifier: Apache-2.0

package milvus_test

import (
	"os"
	"runtime"
	"testing"

	"go.uber.org/goleak"

	"github.com/penstock-go/penstock/pool/milvus"
	"github.com/penstock-go/penstock/pool/milvus/milvustest"
)

// A server that accepts connections and then fails is dialed again and again: what one
// dial leaves behind adds up.
func TestAThousandFailedDialsLeaveNothingBehind(t *testing.T) {
	srv := start(t, milvustest.Config{})
	srv.Inject(milvustest.Fault{Method: "Connect", Status: milvustest.NotReady("soon")})
	f := newFactory(t, milvus.Config{Address: srv.Addr()})
	fail := func() {
		if _, err := f.Dial(t.Context()); err == nil {
			t.Fatal("the dial succeeded")
		}
	}
	fail() // what the first one makes for good
	awaitConns(t, srv, 0)
	before, sockets := goleak.IgnoreCurrent(), openFiles(t)
	for range 1_000 {
		fail()
	}
	awaitConns(t, srv, 0)
	if err := goleak.Find(before); err != nil {
		t.Error(err)
	}
	if now := openFiles(t); now > sockets {
		t.Errorf("%d files and sockets are open, and %d were before", now, sockets)
	}
}

// openFiles returns how many files and sockets this process has, -1 where that is not
// known.
func openFiles(t *testing.T) int {
	t.Helper()
	if runtime.GOOS != "linux" {
		return -1
	}
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}
