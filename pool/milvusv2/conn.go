// SPDX-License-Identifier: Apache-2.0

package milvusv2

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/milvus-io/milvus/client/v2/milvusclient"
	"google.golang.org/grpc"
)

// ErrShared is returned by [Conn.Close] and [Conn.UseDatabase].
var ErrShared = errors.New("milvus: the connection belongs to its pool and to other callers")

type sdk = milvusclient.Client

// Conn is a connection to Milvus. It has all the methods of the SDK's client, which
// are safe for concurrent use. An error of the server or of the transport is an
// [*Error]. The pool that made the connection closes it. An iterator or a task of the
// connection must not be used after the lease has been released: Await asks the server
// on the same connection.
type Conn struct {
	*sdk
	cc     *grpc.ClientConn
	hook   *hook
	closed atomic.Bool
}

// Close does nothing and returns [ErrShared]: a caller releases the lease instead.
func (c *Conn) Close(context.Context) error { return ErrShared }

// UseDatabase does nothing and returns [ErrShared]: it would change the database
// of all callers on this connection. [WithDatabase] sets the database of one call.
func (c *Conn) UseDatabase(context.Context, milvusclient.UseDatabaseOption) error { return ErrShared }

func (c *Conn) close() error {
	if c.closed.Swap(true) {
		return nil
	}
	return c.cc.Close()
}

// Insert calls the SDK's Insert. If it fails because another process has changed the
// schema of the collection, Insert calls it once more with the present schema.
func (c *Conn) Insert(ctx context.Context, option milvusclient.InsertOption, opts ...grpc.CallOption) (milvusclient.InsertResult, error) {
	return freshly(ctx, c, true, func(ctx context.Context, u *use) (milvusclient.InsertResult, error) {
		return c.sdk.Insert(ctx, insertOption{option, u}, opts...)
	})
}

// Upsert calls the SDK's Upsert, with the change of [Conn.Insert].
func (c *Conn) Upsert(ctx context.Context, option milvusclient.UpsertOption, opts ...grpc.CallOption) (milvusclient.UpsertResult, error) {
	return freshly(ctx, c, true, func(ctx context.Context, u *use) (milvusclient.UpsertResult, error) {
		return c.sdk.Upsert(ctx, upsertOption{option, u}, opts...)
	})
}

// Query calls the SDK's Query, with the change of [Conn.Insert].
func (c *Conn) Query(ctx context.Context, option milvusclient.QueryOption, opts ...grpc.CallOption) (milvusclient.ResultSet, error) {
	return freshly(ctx, c, false, func(ctx context.Context, u *use) (milvusclient.ResultSet, error) {
		return c.sdk.Query(ctx, queryOption{option, u}, opts...)
	})
}

// Get calls the SDK's Get, with the change of [Conn.Insert].
func (c *Conn) Get(ctx context.Context, option milvusclient.QueryOption, opts ...grpc.CallOption) (milvusclient.ResultSet, error) {
	return c.Query(ctx, option, opts...)
}

// QueryIterator calls the SDK's QueryIterator, with the change of [Conn.Insert]. The
// iterator reads from the database that ctx names, whatever the contexts of its calls
// name.
func (c *Conn) QueryIterator(
	ctx context.Context, option milvusclient.QueryIteratorOption, opts ...grpc.CallOption,
) (milvusclient.QueryIterator, error) {
	return freshly(ctx, c, false, func(ctx context.Context, u *use) (milvusclient.QueryIterator, error) {
		return c.sdk.QueryIterator(ctx, iteratorOption{option, u}, opts...)
	})
}

// Search calls the SDK's Search, with the change of [Conn.Insert], and fails if the
// number of results is not the number of vectors.
func (c *Conn) Search(ctx context.Context, option milvusclient.SearchOption, opts ...grpc.CallOption) ([]milvusclient.ResultSet, error) {
	return found(ctx, c, func(ctx context.Context, u *use) ([]milvusclient.ResultSet, error) {
		return c.sdk.Search(ctx, searchOption{option, u}, opts...)
	})
}

// HybridSearch calls the SDK's HybridSearch, with the changes of [Conn.Search].
func (c *Conn) HybridSearch(
	ctx context.Context, option milvusclient.HybridSearchOption, opts ...grpc.CallOption,
) ([]milvusclient.ResultSet, error) {
	return found(ctx, c, func(ctx context.Context, u *use) ([]milvusclient.ResultSet, error) {
		return c.sdk.HybridSearch(ctx, hybridOption{option, u}, opts...)
	})
}

// CreateCollection calls the SDK's CreateCollection, and makes the indexes of the option
// and loads the collection if the option asks for it. It returns the error of an index
// that is not made, where the SDK returns none and leaves the collection unloaded.
func (c *Conn) CreateCollection(ctx context.Context, option milvusclient.CreateCollectionOption, opts ...grpc.CallOption) error {
	if err := c.sdk.CreateCollection(ctx, alone{option}, opts...); err != nil {
		return err
	}
	for _, index := range option.Indexes() {
		task, err := c.CreateIndex(ctx, index, opts...)
		if err != nil {
			return err
		}
		if err := task.Await(ctx); err != nil {
			return err
		}
	}
	if !option.IsFast() {
		return nil
	}
	task, err := c.LoadCollection(ctx, milvusclient.NewLoadCollectionOption(option.Request().GetCollectionName()), opts...)
	if err != nil {
		return err
	}
	return task.Await(ctx)
}

// alone is an option for the collection without its indexes.
type alone struct {
	milvusclient.CreateCollectionOption
}

func (alone) Indexes() []milvusclient.CreateIndexOption { return nil }
func (alone) IsFast() bool                              { return false }
