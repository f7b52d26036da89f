// SPDX-License-Identifier: Apache-2.0

package milvus

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/milvus-io/milvus-proto/go-api/v2/msgpb"
	"github.com/milvus-io/milvus-sdk-go/v2/client"
	"google.golang.org/grpc"
)

// ErrShared is returned by [Conn.Close] and [Conn.UsingDatabase].
var ErrShared = errors.New("milvus: the connection belongs to its pool and to other callers")

type sdk = client.Client

// Conn is a connection to Milvus. It has all the methods of the SDK's client, which
// are safe for concurrent use. An error of the server or of the transport is an
// [*Error]. The pool that made the connection closes it. An iterator of the
// connection must not be used after the lease has been released.
type Conn struct {
	sdk
	cc     *grpc.ClientConn
	hook   *hook
	closed atomic.Bool
}

// Close does nothing and returns [ErrShared]: a caller releases the lease instead.
func (c *Conn) Close() error { return ErrShared }

// UsingDatabase does nothing and returns [ErrShared]: it would change the database
// of all callers on this connection. [WithDatabase] sets the database of one call.
func (c *Conn) UsingDatabase(context.Context, string) error { return ErrShared }

func (c *Conn) close() error {
	if c.closed.Swap(true) {
		return nil
	}
	return c.cc.Close()
}

// Flush calls the SDK's Flush, with the changes of [Conn.FlushV2].
func (c *Conn) Flush(ctx context.Context, collection string, async bool, opts ...client.FlushOption) error {
	_, _, _, _, err := c.FlushV2(ctx, collection, async, opts...)
	return err
}

// FlushV2 calls the SDK's FlushV2, which asks the server again and again whether
// the flush is done, unless async is set. It returns the first error of such a
// question, where the SDK would ask for ever. If ctx ends, it returns the cause.
func (c *Conn) FlushV2(ctx context.Context, collection string, async bool, opts ...client.FlushOption) (
	flushed, all []int64, flushTime int64, checkpoints map[string]msgpb.MsgPosition, err error,
) {
	polling, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	flushed, all, flushTime, checkpoints, err = c.sdk.FlushV2(context.WithValue(polling, pollKey{}, stop), collection, async, opts...)
	if cause := context.Cause(polling); err != nil && cause != nil {
		if _, ok := errors.AsType[*Error](err); !ok { // the SDK returned errors.New("deadline exceeded")
			err = cause
		}
	}
	return flushed, all, flushTime, checkpoints, err
}

// pollKey is the key of the context value by which the interceptor ends the
// polling of FlushV2.
type pollKey struct{}

func endPolling(ctx context.Context, err error) {
	if stop, ok := ctx.Value(pollKey{}).(context.CancelCauseFunc); ok {
		stop(err)
	}
}
