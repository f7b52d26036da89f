// SPDX-License-Identifier: Apache-2.0

package milvus

import (
	"context"
	"errors"
	"fmt"

	"github.com/milvus-io/milvus-sdk-go/v2/client"
	"github.com/milvus-io/milvus-sdk-go/v2/entity"
)

// Search calls the SDK's Search, with the change of [Conn.Insert], and fails if the
// number of results is not the number of vectors. The SDK leaves out a result that it
// cannot read, and every later result would then have the place of another vector.
func (c *Conn) Search(
	ctx context.Context, collection string, partitions []string, expr string, outputFields []string,
	vectors []entity.Vector, vectorField string, metricType entity.MetricType, topK int,
	param entity.SearchParam, opts ...client.SearchQueryOptionFunc,
) ([]client.SearchResult, error) {
	return found(ctx, c, collection, func(ctx context.Context) ([]client.SearchResult, error) {
		results, err := c.sdk.Search(ctx, collection, partitions, expr, outputFields, vectors, vectorField, metricType, topK, param, opts...)
		if err != nil {
			return nil, err
		}
		if len(results) != len(vectors) {
			return nil, fmt.Errorf("milvus: Search: %d results for %d vectors", len(results), len(vectors))
		}
		return results, nil
	})
}

// HybridSearch calls the SDK's HybridSearch, with the change of [Conn.Insert].
func (c *Conn) HybridSearch(
	ctx context.Context, collection string, partitions []string, limit int, outputFields []string,
	reranker client.Reranker, requests []*client.ANNSearchRequest, opts ...client.SearchQueryOptionFunc,
) ([]client.SearchResult, error) {
	return found(ctx, c, collection, func(ctx context.Context) ([]client.SearchResult, error) {
		return c.sdk.HybridSearch(ctx, collection, partitions, limit, outputFields, reranker, requests, opts...)
	})
}

// errResults stands for the error in one of the results of a search.
var errResults = errors.New("milvus: the SDK could not read all results")

// found calls a searching method of the SDK freshly. The SDK has the error of a result
// that it could not read in the result.
func found(
	ctx context.Context, c *Conn, collection string, call func(context.Context) ([]client.SearchResult, error),
) ([]client.SearchResult, error) {
	results, err := freshly(ctx, c, collection, new(use), func(ctx context.Context) ([]client.SearchResult, error) {
		results, err := call(ctx)
		for _, r := range results {
			// Of no rows, Milvus 2.3 sends no fields, which is an error to the SDK.
			if err == nil && r.Err != nil && r.ResultCount > 0 {
				err = errResults
			}
		}
		return results, err
	})
	if errors.Is(err, errResults) {
		err = nil // it is in the results
	}
	return results, err
}
