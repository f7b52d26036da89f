// SPDX-License-Identifier: Apache-2.0

package real_test

import (
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

func TestHappyPathsOnMilvusLite(t *testing.T) {
	// It has codes of its own, and describes an index by the name of its field.
	happyPaths(t, servers.StartMilvusLite(t).Addr(), lacks{codes: true, indexNames: true})
}
