// SPDX-License-Identifier: Apache-2.0

package real_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/milvus-io/milvus/client/v2/column"
	"github.com/milvus-io/milvus/client/v2/entity"
	"github.com/milvus-io/milvus/client/v2/index"
	"github.com/milvus-io/milvus/client/v2/milvusclient"
	"github.com/milvus-io/milvus/pkg/v2/util/merr"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/pool/milvusv2"
)

// lacks says what a server does not have.
type lacks struct {
	codes      bool // those of Milvus
	indexNames bool
}

// happyPaths does what the SDK's own tests do with a server, through the adapter's
// connections: collections, data, indexes and searches.
func happyPaths(t *testing.T, address string, without lacks) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	p, err := milvusv2.NewPool(milvusv2.Config{Address: address})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close(context.Background())
	h := &happy{T: t, ctx: ctx, without: without}
	if err := p.Do(ctx, func(_ context.Context, c *milvusv2.Conn) error {
		h.c = c
		for _, name := range []string{"v2_docs", "v2_books"} {
			h.ok("drop", c.DropCollection(ctx, milvusclient.NewDropCollectionOption(name)))
		}
		h.collections()
		h.indexes()
		h.data()
		h.searches()
		h.others()
		h.ok("drop", c.DropCollection(ctx, milvusclient.NewDropCollectionOption("v2_docs")))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

type happy struct {
	*testing.T
	ctx     context.Context
	c       *milvusv2.Conn
	without lacks
}

func (h *happy) ok(what string, err error) {
	h.Helper()
	if err != nil {
		h.Fatalf("%s: %v", what, err)
	}
}

func (h *happy) collections() {
	schema := entity.NewSchema().WithName("v2_docs").WithDynamicFieldEnabled(true).
		WithField(entity.NewField().WithName("id").WithDataType(entity.FieldTypeInt64).WithIsPrimaryKey(true)).
		WithField(entity.NewField().WithName("title").WithDataType(entity.FieldTypeVarChar).WithMaxLength(64)).
		WithField(entity.NewField().WithName("v").WithDataType(entity.FieldTypeFloatVector).WithDim(4))
	h.ok("create", h.c.CreateCollection(h.ctx, milvusclient.NewCreateCollectionOption("v2_docs", schema).WithConsistencyLevel(entity.ClStrong)))
	has, err := h.c.HasCollection(h.ctx, milvusclient.NewHasCollectionOption("v2_docs"))
	if err != nil || !has {
		h.Errorf("HasCollection = %t, %v", has, err)
	}
	if !h.without.codes {
		has, err = h.c.HasCollection(h.ctx, milvusclient.NewHasCollectionOption("v2_nowhere"))
		if err != nil || has {
			h.Errorf("HasCollection of none = %t, %v", has, err)
		}
		_, err = h.c.DescribeCollection(h.ctx, milvusclient.NewDescribeCollectionOption("v2_nowhere"))
		e, ok := errors.AsType[*milvusv2.Error](err)
		if !ok || e.Code != 100 || !errors.Is(err, merr.ErrCollectionNotFound) || milvusv2.Classify(err).Verdict != core.Success {
			h.Errorf("DescribeCollection of none = %v, want code 100, an answer", err)
		}
	}
	names, err := h.c.ListCollections(h.ctx, milvusclient.NewListCollectionOption())
	if err != nil || !slices.Contains(names, "v2_docs") {
		h.Errorf("ListCollections = %q, %v", names, err)
	}
	docs, err := h.c.DescribeCollection(h.ctx, milvusclient.NewDescribeCollectionOption("v2_docs"))
	if err != nil || docs.Schema.PKFieldName() != "id" || len(docs.Schema.Fields) < 3 {
		h.Errorf("DescribeCollection = %+v, %v", docs, err)
	}
}

func (h *happy) indexes() {
	option := milvusclient.NewCreateIndexOption("v2_docs", "v", index.NewFlatIndex(entity.L2))
	if !h.without.indexNames {
		option = option.WithIndexName("by_v")
	}
	task, err := h.c.CreateIndex(h.ctx, option)
	h.ok("create the index", err)
	h.ok("await the index", task.Await(h.ctx))
	if !h.without.indexNames {
		described, err := h.c.DescribeIndex(h.ctx, milvusclient.NewDescribeIndexOption("v2_docs", "by_v"))
		if err != nil || described.Name() != "by_v" {
			h.Errorf("DescribeIndex = %+v, %v", described, err)
		}
	}
	loading, err := h.c.LoadCollection(h.ctx, milvusclient.NewLoadCollectionOption("v2_docs"))
	h.ok("load", err)
	h.ok("await the load", loading.Await(h.ctx))
	state, err := h.c.GetLoadState(h.ctx, milvusclient.NewGetLoadStateOption("v2_docs"))
	if err != nil || state.State != entity.LoadStateLoaded {
		h.Errorf("GetLoadState = %+v, %v", state, err)
	}
}

// rows is for ids up to n: titles "t1", "t2" and so on, vectors (id, 0, 0, 0), and a
// dynamic field that is even or odd.
func rows(n int) []column.Column {
	ids, titles, vectors, odd := make([]int64, n), make([]string, n), make([][]float32, n), make([]bool, n)
	for i := range n {
		ids[i], titles[i], vectors[i], odd[i] = int64(i+1), "t"+string(rune('a'+i%26)), []float32{float32(i + 1), 0, 0, 0}, i%2 == 0
	}
	return []column.Column{
		column.NewColumnInt64("id", ids), column.NewColumnVarChar("title", titles),
		column.NewColumnFloatVector("v", 4, vectors), column.NewColumnBool("odd", odd),
	}
}

func (h *happy) data() {
	inserted, err := h.c.Insert(h.ctx, milvusclient.NewColumnBasedInsertOption("v2_docs", rows(50)...))
	if err != nil || inserted.InsertCount != 50 || inserted.IDs.Len() != 50 {
		h.Fatalf("Insert = %+v, %v", inserted, err)
	}
	upserted, err := h.c.Upsert(h.ctx, milvusclient.NewColumnBasedInsertOption("v2_docs", rows(10)...))
	if err != nil || upserted.UpsertCount != 10 {
		h.Errorf("Upsert = %+v, %v", upserted, err)
	}
	_, err = h.c.Delete(h.ctx, milvusclient.NewDeleteOption("v2_docs").WithInt64IDs("id", []int64{49, 50}))
	h.ok("delete", err)
	h.count(48)
	_, err = h.c.Insert(h.ctx, milvusclient.NewColumnBasedInsertOption("v2_docs", column.NewColumnInt64("id", []int64{99}),
		column.NewColumnVarChar("title", []string{"t"}), column.NewColumnFloatVector("v", 3, [][]float32{{1, 2, 3}})))
	if core.ErrorType(err) != "invalid_request" {
		h.Errorf("Insert of another dimension = %v of type %q, want invalid_request", err, core.ErrorType(err))
	}
	found, err := h.c.Query(h.ctx, milvusclient.NewQueryOption("v2_docs").WithFilter("id < 4").WithOutputFields("id", "title", "odd"))
	if err != nil || found.ResultCount != 3 || found.GetColumn("odd") == nil {
		h.Errorf("Query = %+v, %v, want three rows", found, err)
	}
	found, err = h.c.Get(h.ctx, milvusclient.NewQueryOption("v2_docs").WithIDs(column.NewColumnInt64("id", []int64{7, 8})).WithOutputFields("title"))
	if err != nil || found.ResultCount != 2 {
		h.Errorf("Get = %+v, %v, want two rows", found, err)
	}
	_, err = h.c.Query(h.ctx, milvusclient.NewQueryOption("v2_docs").WithFilter("id <"))
	if class := milvusv2.Classify(err); err == nil || !h.without.codes && class.Verdict != core.Success {
		h.Errorf("Query with a bad filter = %v, %+v, want an answer", err, class)
	}
}

func (h *happy) count(want int64) {
	h.Helper()
	found, err := h.c.Query(h.ctx, milvusclient.NewQueryOption("v2_docs").WithOutputFields("count(*)"))
	h.ok("count", err)
	if n, err := found.GetColumn("count(*)").GetAsInt64(0); n != want || err != nil {
		h.Errorf("count(*) = %d, %v, want %d", n, err, want)
	}
}

func (h *happy) searches() {
	at := func(x float32) entity.Vector { return entity.FloatVector{x, 0, 0, 0} }
	results, err := h.c.Search(h.ctx, milvusclient.NewSearchOption("v2_docs", 3, []entity.Vector{at(1), at(20)}).WithANNSField("v").WithOutputFields("id", "title"))
	h.ok("search", err)
	for i, first := range []int64{1, 20} {
		id, err := results[i].IDs.GetAsInt64(0)
		if results[i].Err != nil || results[i].ResultCount != 3 || id != first || err != nil {
			h.Errorf("result %d is %+v, want %d first of three", i, results[i], first)
		}
	}
	results, err = h.c.Search(h.ctx, milvusclient.NewSearchOption("v2_docs", 3, []entity.Vector{at(1)}).WithANNSField("v").WithFilter("odd == true").WithOutputFields("odd"))
	if err != nil || results[0].Err != nil || results[0].ResultCount != 3 {
		h.Errorf("Search with a filter = %+v, %v", results, err)
	}
	results, err = h.c.Search(h.ctx, milvusclient.NewSearchOption("v2_docs", 3, []entity.Vector{at(1)}).WithANNSField("v").WithFilter("id > 1000").WithOutputFields("title", "odd"))
	if err != nil || len(results) != 1 || results[0].Err != nil || results[0].ResultCount != 0 {
		h.Errorf("Search without hits = %+v, %v, want an empty result", results, err)
	}
	iterator, err := h.c.QueryIterator(h.ctx, milvusclient.NewQueryIteratorOption("v2_docs").WithFilter("id > 0").WithBatchSize(20).WithOutputFields("id"))
	h.ok("iterate", err)
	n := 0
	for {
		batch, err := iterator.Next(h.ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		h.ok("next", err)
		n += batch.ResultCount
	}
	if n != 48 {
		h.Errorf("the iterator returned %d rows, want 48", n)
	}
}

func (h *happy) others() {
	h.ok("create a partition", h.c.CreatePartition(h.ctx, milvusclient.NewCreatePartitionOption("v2_docs", "p")))
	names, err := h.c.ListPartitions(h.ctx, milvusclient.NewListPartitionOption("v2_docs"))
	if err != nil || !slices.Contains(names, "p") {
		h.Errorf("ListPartitions = %q, %v", names, err)
	}
	task, err := h.c.Flush(h.ctx, milvusclient.NewFlushOption("v2_docs"))
	h.ok("flush", err)
	h.ok("await the flush", task.Await(h.ctx))
	h.ok("create an alias", h.c.CreateAlias(h.ctx, milvusclient.NewCreateAliasOption("v2_docs", "v2_alias")))
	found, err := h.c.Query(h.ctx, milvusclient.NewQueryOption("v2_alias").WithFilter("id == 1").WithOutputFields("id"))
	if err != nil || found.ResultCount != 1 {
		h.Errorf("Query of an alias = %+v, %v", found, err)
	}
	h.ok("drop the alias", h.c.DropAlias(h.ctx, milvusclient.NewDropAliasOption("v2_alias")))
	h.ok("rename", h.c.RenameCollection(h.ctx, milvusclient.NewRenameCollectionOption("v2_docs", "v2_books")))
	h.ok("rename back", h.c.RenameCollection(h.ctx, milvusclient.NewRenameCollectionOption("v2_books", "v2_docs")))
	h.count(48)
}
