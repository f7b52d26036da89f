// SPDX-License-Identifier: Apache-2.0

package milvus_test

import (
	"context"
	"slices"
	"testing"

	"github.com/milvus-io/milvus-sdk-go/v2/client"
	"github.com/milvus-io/milvus-sdk-go/v2/entity"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/pool/milvus"
	"github.com/penstock-go/penstock/pool/milvus/milvustest"
)

// nearestBefore asks with the bare SDK.
func nearestBefore(ctx context.Context, c client.Client, v entity.FloatVector) ([]client.SearchResult, error) {
	param, err := entity.NewIndexFlatSearchParam()
	if err != nil {
		return nil, err
	}
	return c.Search(ctx, "docs", nil, "", []string{"id"}, []entity.Vector{v}, "v", entity.L2, 10, param)
}

var searchDocs = milvus.Search("docs")

// nearest asks with Penstock: the same call, within an operation.
func nearest(ctx context.Context, c *penstock.Client[*milvus.Conn], v entity.FloatVector) ([]client.SearchResult, error) {
	param, err := entity.NewIndexFlatSearchParam()
	if err != nil {
		return nil, err
	}
	return core.Do(ctx, c, searchDocs, func(ctx context.Context, conn *milvus.Conn) ([]client.SearchResult, error) {
		return conn.Search(ctx, "docs", nil, "", []string{"id"}, []entity.Vector{v}, "v", entity.L2, 10, param)
	})
}

func TestMovingFromTheBareSDKKeepsTheResults(t *testing.T) {
	srv := start(t, milvustest.Config{})
	conn := connect(t, srv)
	createDocs(t, conn, "v")
	loadDocs(t, conn, "v")
	if err := insert(t.Context(), conn, "v", 1, 2, 3); err != nil {
		t.Fatal(err)
	}
	bare, err := client.NewClient(t.Context(), client.Config{Address: srv.Addr()})
	if err != nil {
		t.Fatal(err)
	}
	defer bare.Close()
	ours, err := milvus.Open(t.Context(), milvus.Config{Address: srv.Addr()}, penstock.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close(context.Background())
	before, err := nearestBefore(t.Context(), bare, entity.FloatVector{0, 0})
	if err != nil {
		t.Fatal(err)
	}
	after, err := nearest(t.Context(), ours, entity.FloatVector{0, 0})
	if err != nil {
		t.Fatal(err)
	}
	ids := func(results []client.SearchResult) []int64 { return results[0].IDs.(*entity.ColumnInt64).Data() }
	if !slices.Equal(ids(before), ids(after)) || len(ids(after)) != 3 {
		t.Errorf("the bare SDK finds %d, Penstock %d", ids(before), ids(after))
	}
}
