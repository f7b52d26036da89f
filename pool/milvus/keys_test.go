// SPDX-License-Identifier: Apache-2.0

package milvus_test

import (
	"context"
	"slices"
	"testing"

	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
	"github.com/milvus-io/milvus-sdk-go/v2/client"
	"github.com/milvus-io/milvus-sdk-go/v2/entity"
	"google.golang.org/grpc"

	"github.com/penstock-go/penstock/pool/milvus"
	"github.com/penstock-go/penstock/pool/milvus/milvustest"
)

// keyed creates the collection docs, loaded, with the given type of the key and the
// vector field v. With made, the server makes the keys.
func keyed(t *testing.T, c *milvus.Conn, kind entity.FieldType, made bool) {
	t.Helper()
	key := entity.NewField().WithName("id").WithDataType(kind).WithIsPrimaryKey(true).WithIsAutoID(made)
	if kind == entity.FieldTypeVarChar {
		key.WithMaxLength(100)
	}
	schema := entity.NewSchema().WithName("docs").WithAutoID(made).WithField(key).
		WithField(entity.NewField().WithName("v").WithDataType(entity.FieldTypeFloatVector).WithDim(2))
	if err := c.CreateCollection(t.Context(), schema, 1); err != nil {
		t.Fatal(err)
	}
	loadDocs(t, c, "v")
}

func hybridSearch(ctx context.Context, c *milvus.Conn, queries int) ([]client.SearchResult, error) {
	param, err := entity.NewIndexFlatSearchParam()
	if err != nil {
		return nil, err
	}
	vectors := make([]entity.Vector, queries)
	for i := range vectors {
		vectors[i] = entity.FloatVector{0, 0}
	}
	part := client.NewANNSearchRequest("v", entity.L2, "", vectors, param, 5)
	return c.HybridSearch(ctx, "docs", nil, 5, nil, client.NewRRFReranker(), []*client.ANNSearchRequest{part})
}

func TestASearchHasTheKeysOfItsHitsWhateverAnotherProcessDidToTheirType(t *testing.T) {
	for name, ask := range map[string]func(context.Context, *milvus.Conn) ([]client.SearchResult, error){
		"Search": func(ctx context.Context, c *milvus.Conn) ([]client.SearchResult, error) {
			return search(ctx, c, "v", 1)
		},
		"HybridSearch": func(ctx context.Context, c *milvus.Conn) ([]client.SearchResult, error) {
			return hybridSearch(ctx, c, 1)
		},
	} {
		t.Run(name, func(t *testing.T) {
			srv := start(t, milvustest.Config{})
			mine, other := connect(t, srv), connect(t, srv)
			keyed(t, mine, entity.FieldTypeInt64, false)
			if err := insert(t.Context(), mine, "v", 1); err != nil {
				t.Fatal(err)
			}
			if _, err := ask(t.Context(), mine); err != nil { // the schema is cached
				t.Fatal(err)
			}
			if err := other.DropCollection(t.Context(), "docs"); err != nil {
				t.Fatal(err)
			}
			keyed(t, other, entity.FieldTypeVarChar, false)
			row := []entity.Column{entity.NewColumnVarChar("id", []string{"a"}), entity.NewColumnFloatVector("v", 2, [][]float32{{0, 0}})}
			if _, err := other.Insert(t.Context(), "docs", "", row...); err != nil {
				t.Fatal(err)
			}
			results, err := ask(t.Context(), mine)
			if err != nil || len(results) != 1 || results[0].Err != nil {
				t.Fatalf("%s = %v, %v", name, results, err)
			}
			if keys, ok := results[0].IDs.(*entity.ColumnVarChar); !ok || !slices.Equal(keys.Data(), []string{"a"}) {
				t.Errorf("%s finds the keys %v, want a", name, results[0].IDs)
			}
		})
	}
}

func TestAResultWithoutItsKeysHasAnError(t *testing.T) {
	srv := start(t, milvustest.Config{})
	c := dial(t, newFactory(t, milvus.Config{Address: srv.Addr(), DialOptions: []grpc.DialOption{
		answering("Search", func(_, reply any, err error) error {
			reply.(*milvuspb.SearchResults).Results.Ids = &schemapb.IDs{}
			return err
		}),
	}}))
	keyed(t, c, entity.FieldTypeInt64, false)
	if err := insert(t.Context(), c, "v", 1); err != nil {
		t.Fatal(err)
	}
	results, err := search(t.Context(), c, "v", 1)
	if err != nil || len(results) != 1 || results[0].Err == nil {
		t.Errorf("Search = %v, %v, want one result with an error", results, err)
	}
}

func TestHybridSearchFailsRatherThanToMixUpItsResults(t *testing.T) {
	srv := start(t, milvustest.Config{})
	c := dial(t, newFactory(t, milvus.Config{Address: srv.Addr(), DialOptions: []grpc.DialOption{
		answering("HybridSearch", func(_, reply any, err error) error {
			reply.(*milvuspb.SearchResults).Results.NumQueries--
			return err
		}),
	}}))
	keyed(t, c, entity.FieldTypeInt64, false)
	if err := insert(t.Context(), c, "v", 1); err != nil {
		t.Fatal(err)
	}
	if results, err := hybridSearch(t.Context(), c, 2); err == nil || results != nil {
		t.Errorf("HybridSearch = %v, %v, want an error", results, err)
	}
}

func TestAWriteReturnsTheKeysThatTheServerMadeWhateverTheirType(t *testing.T) {
	srv := start(t, milvustest.Config{})
	mine, other := connect(t, srv), connect(t, srv)
	vector := entity.NewColumnFloatVector("v", 2, [][]float32{{0, 0}})
	keyed(t, mine, entity.FieldTypeInt64, true)
	if ids, err := mine.Insert(t.Context(), "docs", "", vector); err != nil || ids.Len() != 1 {
		t.Fatalf("Insert = %v, %v", ids, err)
	}
	if err := other.DropCollection(t.Context(), "docs"); err != nil {
		t.Fatal(err)
	}
	keyed(t, other, entity.FieldTypeVarChar, true)
	for range 2 {
		ids, err := mine.Insert(t.Context(), "docs", "", vector)
		keys, ok := ids.(*entity.ColumnVarChar)
		if err != nil || !ok || keys.Len() != 1 || keys.Name() != "id" {
			t.Fatalf("Insert = %v, %v, want one key of text", ids, err)
		}
	}
	if got := srv.Calls("Insert"); got != 3 {
		t.Errorf("the server got %d inserts, want 3: none is made again", got)
	}
}
