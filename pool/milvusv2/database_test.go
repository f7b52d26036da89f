// SPDX-License-Identifier: Apache-2.0

package milvusv2_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/milvus-io/milvus/client/v2/entity"
	"github.com/milvus-io/milvus/client/v2/milvusclient"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/pool/milvus/milvustest"
	"github.com/penstock-go/penstock/pool/milvusv2"
)

// The SDK caches schemas by the name of the collection alone.
func TestOneConnectionServesManyDatabases(t *testing.T) {
	const databases = 100
	srv := start(t, milvustest.Config{})
	c := connect(t, srv)
	for i := range databases {
		if err := createDatabaseOn(t.Context(), c, fmt.Sprint("tenant_", i)); err != nil {
			t.Fatal(err)
		}
	}
	var wg sync.WaitGroup
	for i := range databases {
		wg.Go(func() {
			ctx := milvusv2.WithDatabase(t.Context(), fmt.Sprint("tenant_", i))
			vector := fmt.Sprint("v", i) // each has another schema
			if err := c.CreateCollection(ctx, milvusclient.NewCreateCollectionOption("docs", docs(vector)).WithConsistencyLevel(entity.ClStrong)); err != nil {
				t.Error(err)
				return
			}
			for id := range 3 {
				if err := insert(ctx, c, vector, int64(id+1)); err != nil {
					t.Errorf("tenant %d: %v", i, err)
				}
			}
			if err := loadDocsOn(ctx, c, vector); err != nil {
				t.Errorf("tenant %d: %v", i, err)
				return
			}
			found, err := c.Query(ctx, milvusclient.NewQueryOption("docs").WithFilter("id > 0").WithOutputFields(vector))
			if err != nil || found.ResultCount != 3 {
				t.Errorf("tenant %d: %d rows, %v, want 3", i, found.ResultCount, err)
			}
		})
	}
	wg.Wait()
	if has, err := hasCollectionOn(t.Context(), c, "docs"); has || err != nil {
		t.Errorf("the default database has the collection: %t, %v", has, err)
	}
	if n := srv.Accepted(); n != 1 {
		t.Errorf("%d connections, want 1", n)
	}
}

func TestADropInOneDatabaseIsNoneInAnother(t *testing.T) {
	srv := start(t, milvustest.Config{})
	c := connect(t, srv)
	if err := createDatabaseOn(t.Context(), c, "shop"); err != nil {
		t.Fatal(err)
	}
	createDocs(t, c, "v")
	if err := insert(t.Context(), c, "v", 1); err != nil {
		t.Fatal(err)
	}
	before := srv.Calls("DescribeCollection")
	if err := dropCollectionOn(milvusv2.WithDatabase(t.Context(), "shop"), c, "docs"); err != nil {
		t.Fatal(err)
	}
	if err := insert(milvusv2.WithDatabase(t.Context(), "default"), c, "v", 2); err != nil {
		t.Error(err)
	}
	if n := srv.Calls("DescribeCollection") - before; n != 0 {
		t.Errorf("the schema was asked for %d times, want none", n)
	}
}

func TestADatabaseThatCannotBeSentIsAnInvalidRequest(t *testing.T) {
	c := connect(t, start(t, milvustest.Config{}))
	_, err := getVersionOn(milvusv2.WithDatabase(t.Context(), "a\nb"), c)
	if core.ErrorType(err) != "invalid_request" || !strings.Contains(err.Error(), "correct the name") {
		t.Errorf("GetServerVersion = %v of type %q", err, core.ErrorType(err))
	}
}
