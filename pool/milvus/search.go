// SPDX-License-Identifier: Apache-2.0

package milvus

import (
	"context"
	"errors"
	"fmt"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-sdk-go/v2/client"
	"github.com/milvus-io/milvus-sdk-go/v2/entity"
)

// Search calls the SDK's Search, with the change of [Conn.Insert], and fails if the
// number of results is not the number of vectors. The SDK leaves out a result that it
// cannot read, and every later result would then have the place of another vector. A
// result with hits has their keys, or an error.
func (c *Conn) Search(
	ctx context.Context, collection string, partitions []string, expr string, outputFields []string,
	vectors []entity.Vector, vectorField string, metricType entity.MetricType, topK int,
	param entity.SearchParam, opts ...client.SearchQueryOptionFunc,
) ([]client.SearchResult, error) {
	key := c.key(ctx, collection)
	return found(ctx, c, key, func(ctx context.Context) ([]client.SearchResult, error) {
		return c.sdk.Search(ctx, key, partitions, expr, outputFields, vectors, vectorField, metricType, topK, param, opts...)
	})
}

// HybridSearch calls the SDK's HybridSearch, with the changes of [Conn.Search]. It also
// heeds the consistency level and the timestamp of opts, which the SDK leaves out, and
// a read with session consistency sees the writes of all connections of the pool.
func (c *Conn) HybridSearch(
	ctx context.Context, collection string, partitions []string, limit int, outputFields []string,
	reranker client.Reranker, requests []*client.ANNSearchRequest, opts ...client.SearchQueryOptionFunc,
) ([]client.SearchResult, error) {
	key := c.key(ctx, collection)
	ctx = context.WithValue(ctx, hybridKey{}, opts)
	return found(ctx, c, key, func(ctx context.Context) ([]client.SearchResult, error) {
		return c.sdk.HybridSearch(ctx, key, partitions, limit, outputFields, reranker, requests, opts...)
	})
}

// hybridKey is the key of the context value that holds the options of a HybridSearch.
type hybridKey struct{}

// setLevel puts the consistency level of the options into a request.
func setLevel(ctx context.Context, req *milvuspb.HybridSearchRequest) {
	opts, _ := ctx.Value(hybridKey{}).([]client.SearchQueryOptionFunc)
	o := client.SearchQueryOption{ConsistencyLevel: entity.ConsistencyLevel(req.GetConsistencyLevel())}
	for _, opt := range opts {
		opt(&o)
	}
	req.ConsistencyLevel = commonpb.ConsistencyLevel(o.ConsistencyLevel)
	req.GuaranteeTimestamp = o.GuaranteeTimestamp
}

// errResults stands for the error in one of the results of a search.
var errResults = errors.New("milvus: the SDK could not read all results")

// errKeys is the error of a result whose keys are not of the type that the schema says.
// The SDK returns such a result with hits and without keys.
var errKeys = errors.New("milvus: a result has hits, and no keys of the type that the schema says: call DescribeCollection and search again")

// found calls a searching method of the SDK freshly. The SDK has the error of a result
// that it could not read in the result.
func found(
	ctx context.Context, c *Conn, key string, call func(context.Context) ([]client.SearchResult, error),
) ([]client.SearchResult, error) {
	results, err := freshly(ctx, c, key, new(use), func(ctx context.Context) ([]client.SearchResult, error) {
		results, err := call(ctx)
		if err != nil {
			return nil, err
		}
		if want := useOf(ctx).queries; len(results) != want {
			return nil, fmt.Errorf("milvus: %d results for %d vectors", len(results), want)
		}
		for i := range results {
			r := &results[i]
			if r.Err == nil && r.ResultCount > 0 && (r.IDs == nil || r.IDs.Len() != r.ResultCount) {
				r.Err = errKeys
			}
			if r.Err != nil {
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
