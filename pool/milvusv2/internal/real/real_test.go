// SPDX-License-Identifier: Apache-2.0

package real_test

import (
	"os"
	"testing"

	"github.com/penstock-go/penstock/internal/servers"
	"github.com/penstock-go/penstock/pool/milvus/milvustest"
)

func TestHappyPathsOnMilvustest(t *testing.T) {
	srv := milvustest.Start(t)
	happyPaths(t, srv.Addr(), lacks{})
}

func TestHappyPathsOnMilvus(t *testing.T) {
	happyPaths(t, servers.StartMilvus(t).Addr(), lacks{})
}

// A milvus-lite is started by hand: milvus-lite server --data-dir d --host 127.0.0.1 --port 19530.
func TestHappyPathsOnMilvusLite(t *testing.T) {
	address := os.Getenv("MILVUS_LITE")
	if address == "" {
		t.Skip("MILVUS_LITE is not set to the address of a milvus-lite")
	}
	// It has codes of its own, and describes an index by the name of its field.
	happyPaths(t, address, lacks{codes: true, indexNames: true})
}
