// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"math/rand/v2"

	"github.com/milvus-io/milvus-sdk-go/v2/client"
	"github.com/milvus-io/milvus-sdk-go/v2/entity"
)

const (
	collection = "bench"
	dim        = 128
	topK       = 10
	batch      = 2_000
)

// fill makes a loaded collection of rows random vectors with an HNSW index.
func fill(ctx context.Context, addr string, rows int) error {
	c, err := client.NewClient(ctx, client.Config{Address: addr})
	if err != nil {
		return err
	}
	defer c.Close()
	schema := entity.NewSchema().WithName(collection).
		WithField(entity.NewField().WithName("id").WithDataType(entity.FieldTypeInt64).WithIsPrimaryKey(true)).
		WithField(entity.NewField().WithName("vector").WithDataType(entity.FieldTypeFloatVector).WithDim(dim))
	if err := c.CreateCollection(ctx, schema, 1); err != nil {
		return err
	}
	random := rand.New(rand.NewPCG(1, 1))
	for first := 0; first < rows; first += batch {
		n := min(batch, rows-first)
		ids, vectors := make([]int64, n), make([][]float32, n)
		for i := range n {
			ids[i], vectors[i] = int64(first+i), vector(random)
		}
		if _, err := c.Insert(ctx, collection, "", entity.NewColumnInt64("id", ids), entity.NewColumnFloatVector("vector", dim, vectors)); err != nil {
			return err
		}
	}
	if err := c.Flush(ctx, collection, false); err != nil {
		return err
	}
	index, err := entity.NewIndexHNSW(entity.L2, 16, 200)
	if err != nil {
		return err
	}
	if err := c.CreateIndex(ctx, collection, "vector", index, false); err != nil {
		return err
	}
	return c.LoadCollection(ctx, collection, false)
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
func search(ctx context.Context, c searcher, v []float32) error {
	sp, err := entity.NewIndexHNSWSearchParam(64)
	if err != nil {
		return err
	}
	_, err = c.Search(ctx, collection, nil, "", nil, []entity.Vector{entity.FloatVector(v)}, "vector", entity.L2, topK, sp)
	return err
}
