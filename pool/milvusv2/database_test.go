// SPDX-License-Identifier: Apache-2.0

package milvusv2_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/milvus-io/milvus/client/v2/entity"
	"github.com/milvus-io/milvus/client/v2/index"
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

func TestAnIteratorReadsEachKeyOfItsDatabase(t *testing.T) {
	c := connect(t, start(t, milvustest.Config{}))
	keys := []string{`a`, `b"x`, `b"y`, `c\d`, "d\ne", `e" or id > "`, `f) and id > "g`}
	textKeys(t.Context(), t, c, "z1", "z2")
	if err := createDatabaseOn(t.Context(), c, "tenant"); err != nil {
		t.Fatal(err)
	}
	ctx := milvusv2.WithDatabase(t.Context(), "tenant")
	textKeys(ctx, t, c, keys...)
	for filter, want := range map[string][]string{"": keys, `id != "a"`: keys[1:], `(id != "a") and (id != "b")`: keys[1:]} {
		it, err := c.QueryIterator(ctx, milvusclient.NewQueryIteratorOption("texts").WithFilter(filter).WithOutputFields("id").WithBatchSize(1))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for len(got) <= len(keys) {
			rows, err := it.Next(t.Context()) // which names no database
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("after %q, Next = %v", got, err)
			}
			got = append(got, rows.GetColumn("id").FieldData().GetScalars().GetStringData().GetData()...)
		}
		if !slices.Equal(got, want) {
			t.Errorf("with the filter %q the iterator reads %q, want %q", filter, got, want)
		}
	}
}

// textKeys creates and loads the collection texts with rows of those keys.
func textKeys(ctx context.Context, t *testing.T, c *milvusv2.Conn, keys ...string) {
	t.Helper()
	schema := entity.NewSchema().WithName("texts").
		WithField(entity.NewField().WithName("id").WithDataType(entity.FieldTypeVarChar).WithMaxLength(100).WithIsPrimaryKey(true)).
		WithField(entity.NewField().WithName("v").WithDataType(entity.FieldTypeFloatVector).WithDim(2))
	flat := milvusclient.NewCreateIndexOption("texts", "v", index.NewFlatIndex(entity.L2))
	if err := c.CreateCollection(ctx, milvusclient.NewCreateCollectionOption("texts", schema).WithConsistencyLevel(entity.ClStrong).WithIndexOptions(flat)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.LoadCollection(ctx, milvusclient.NewLoadCollectionOption("texts")); err != nil {
		t.Fatal(err)
	}
	vectors := make([][]float32, len(keys))
	for i := range vectors {
		vectors[i] = []float32{1, 2}
	}
	if _, err := c.Insert(ctx, milvusclient.NewColumnBasedInsertOption("texts").WithVarcharColumn("id", keys).WithFloatVectorColumn("v", 2, vectors)); err != nil {
		t.Fatal(err)
	}
}

func TestADatabaseThatCannotBeSentIsAnInvalidRequest(t *testing.T) {
	c := connect(t, start(t, milvustest.Config{}))
	_, err := getVersionOn(milvusv2.WithDatabase(t.Context(), "a\nb"), c)
	if core.ErrorType(err) != "invalid_request" || !strings.Contains(err.Error(), "correct the name") {
		t.Errorf("GetServerVersion = %v of type %q", err, core.ErrorType(err))
	}
}
