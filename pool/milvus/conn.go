// SPDX-License-Identifier: Apache-2.0

package milvus

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/milvus-io/milvus-proto/go-api/v2/msgpb"
	"github.com/milvus-io/milvus-sdk-go/v2/client"
	"github.com/milvus-io/milvus-sdk-go/v2/entity"
	"google.golang.org/grpc"
)

// ErrShared is what [Conn.Close] and [Conn.UsingDatabase] return.
var ErrShared = errors.New("milvus: the connection belongs to its pool and to other callers")

type sdk = client.Client

// Conn is a connection to Milvus. It has all the methods of the SDK's client,
// safe for concurrent use; their errors from the server or the transport are
// [*Error]. It is closed by the pool that made it, and an iterator made with it
// must not be used after the lease has ended.
type Conn struct {
	sdk
	cc     *grpc.ClientConn
	closed atomic.Bool
}

// Close does nothing and returns [ErrShared]: a lease is given back with
// Release.
func (c *Conn) Close() error { return ErrShared }

// UsingDatabase does nothing and returns [ErrShared]: it would change the
// database under the feet of other callers. Each database needs its own pool.
func (c *Conn) UsingDatabase(context.Context, string) error { return ErrShared }

func (c *Conn) close() error {
	if c.closed.Swap(true) {
		return nil
	}
	return c.cc.Close()
}

// Search is that of the SDK, except that it fails if there are fewer results
// than vectors: the SDK leaves out those that it cannot read, and the rest would
// belong to other vectors than it seems.
func (c *Conn) Search(
	ctx context.Context, collection string, partitions []string, expr string, outputFields []string,
	vectors []entity.Vector, vectorField string, metricType entity.MetricType, topK int,
	param entity.SearchParam, opts ...client.SearchQueryOptionFunc,
) ([]client.SearchResult, error) {
	results, err := c.sdk.Search(ctx, collection, partitions, expr, outputFields, vectors, vectorField, metricType, topK, param, opts...)
	if err != nil {
		return nil, err
	}
	if len(results) != len(vectors) {
		return nil, fmt.Errorf("milvus: Search: %d results for %d vectors", len(results), len(vectors))
	}
	return results, nil
}

// Flush is that of the SDK; see [Conn.FlushV2].
func (c *Conn) Flush(ctx context.Context, collection string, async bool, opts ...client.FlushOption) error {
	_, _, _, _, err := c.FlushV2(ctx, collection, async, opts...)
	return err
}

// FlushV2 is that of the SDK, except that waiting for the flush to be over ends
// with the error that asking for it gave, where the SDK would ask for ever, and
// with the error of ctx when that ends.
func (c *Conn) FlushV2(ctx context.Context, collection string, async bool, opts ...client.FlushOption) (
	flushed, all []int64, flushTime int64, checkpoints map[string]msgpb.MsgPosition, err error,
) {
	polling, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	flushed, all, flushTime, checkpoints, err = c.sdk.FlushV2(context.WithValue(polling, pollKey{}, stop), collection, async, opts...)
	if cause := context.Cause(polling); err != nil && cause != nil {
		if _, ok := errors.AsType[*Error](err); !ok { // it is errors.New("deadline exceeded")
			err = cause
		}
	}
	return flushed, all, flushTime, checkpoints, err
}

// pollKey is where FlushV2 leaves the function that ends its polling.
type pollKey struct{}

func endPolling(ctx context.Context, err error) {
	if stop, ok := ctx.Value(pollKey{}).(context.CancelCauseFunc); ok {
		stop(err)
	}
}
