// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/milvus-io/milvus-sdk-go/v2/client"
	"github.com/milvus-io/milvus-sdk-go/v2/entity"
)

const (
	dim   = 128
	topK  = 10
	batch = 2_000
)

// table is a collection of random vectors with an index, and how to search it.
type table struct {
	name  string
	index entity.Index
	param entity.SearchParam
}

func hnswTable() (table, error) {
	index, err := entity.NewIndexHNSW(entity.L2, 16, 200)
	if err != nil {
		return table{}, err
	}
	param, err := entity.NewIndexHNSWSearchParam(64)
	return table{"hnsw", index, param}, err
}

func flatTable() (table, error) {
	index, err := entity.NewIndexFlat(entity.L2)
	if err != nil {
		return table{}, err
	}
	param, err := entity.NewIndexFlatSearchParam()
	return table{"flat", index, param}, err
}

// fill makes the collection with this number of rows and loads it. It returns the time
// that the inserts took.
func (t table) fill(ctx context.Context, addr string, rows int) (time.Duration, error) {
	c, err := client.NewClient(ctx, client.Config{Address: addr})
	if err != nil {
		return 0, err
	}
	defer c.Close()
	schema := entity.NewSchema().WithName(t.name).
		WithField(entity.NewField().WithName("id").WithDataType(entity.FieldTypeInt64).WithIsPrimaryKey(true)).
		WithField(entity.NewField().WithName("vector").WithDataType(entity.FieldTypeFloatVector).WithDim(dim))
	if err := c.CreateCollection(ctx, schema, 1); err != nil {
		return 0, err
	}
	var batches [][]entity.Column
	random := rand.New(rand.NewPCG(1, 1))
	for first := 0; first < rows; first += batch {
		n := min(batch, rows-first)
		ids, vectors := make([]int64, n), make([][]float32, n)
		for i := range n {
			ids[i], vectors[i] = int64(first+i), vector(random)
		}
		batches = append(batches, []entity.Column{entity.NewColumnInt64("id", ids), entity.NewColumnFloatVector("vector", dim, vectors)})
	}
	begin := time.Now()
	for _, columns := range batches {
		if _, err := c.Insert(ctx, t.name, "", columns...); err != nil {
			return 0, err
		}
	}
	took := time.Since(begin)
	if err := c.Flush(ctx, t.name, false); err != nil {
		return 0, err
	}
	if err := c.CreateIndex(ctx, t.name, "vector", t.index, false); err != nil {
		return 0, err
	}
	return took, c.LoadCollection(ctx, t.name, false)
}

func vector(random *rand.Rand) []float32 {
	v := make([]float32, dim)
	for i := range v {
		v[i] = random.Float32()
	}
	return v
}

// searcher is what both SDK clients and Penstock's connections have.
type searcher interface {
	Search(ctx context.Context, collection string, partitions []string, expr string, output []string, vectors []entity.Vector,
		field string, metric entity.MetricType, topK int, sp entity.SearchParam, opts ...client.SearchQueryOptionFunc) ([]client.SearchResult, error)
}

// search asks for the nearest rows of v.
func (t table) search(ctx context.Context, c searcher, v []float32) error {
	_, err := c.Search(ctx, t.name, nil, "", nil, []entity.Vector{entity.FloatVector(v)}, "vector", entity.L2, topK, t.param)
	return err
}
