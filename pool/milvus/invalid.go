// SPDX-License-Identifier: Apache-2.0

package milvus

import (
	"context"
	"errors"

	"github.com/milvus-io/milvus-sdk-go/v2/client"
	"github.com/milvus-io/milvus-sdk-go/v2/entity"

	"github.com/penstock-go/penstock/internal/milvusbase"
)

// typeInvalidRequest is the error type of a mistake that the SDK finds before it sends
// a request.
const typeInvalidRequest = "invalid_request"

// invalidError is an error of the SDK's own check of a request. It reads like the SDK's, but
// for rows: their error has no rows in it, and says what to do.
type invalidError struct{ err error }

func (e *invalidError) Error() string     { return e.err.Error() }
func (e *invalidError) Unwrap() error     { return e.err }
func (e *invalidError) ErrorType() string { return typeInvalidRequest }

// unsent returns err, as an invalidError if the SDK refused to make the request: the
// error is not of the server, the transport or a context, and no request but
// DescribeCollection was answered.
func (u *use) unsent(err error) error {
	if err == nil || u.answered || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) ||
		errors.Is(err, client.ErrClientNotReady) {
		return err
	}
	if _, ok := errors.AsType[*Error](err); ok {
		return err
	}
	if _, ok := errors.AsType[*invalidError](err); ok {
		return err
	}
	if u.write {
		err = milvusbase.RowsProblem(err)
	}
	return &invalidError{err}
}

// checked calls a method of the SDK that checks what it is given.
func checked(ctx context.Context, call func(context.Context) error) error {
	u := &use{again: true}
	return u.unsent(call(context.WithValue(ctx, useKey{}, u)))
}

// CreateCollection calls the SDK's CreateCollection. The error type of a schema that the
// SDK refuses is "invalid_request".
func (c *Conn) CreateCollection(ctx context.Context, schema *entity.Schema, shards int32, opts ...client.CreateCollectionOption) error {
	return checked(ctx, func(ctx context.Context) error { return c.sdk.CreateCollection(ctx, schema, shards, opts...) })
}

// CreateIndex calls the SDK's CreateIndex, with the change of [Conn.CreateCollection].
func (c *Conn) CreateIndex(ctx context.Context, collection, field string, index entity.Index, async bool, opts ...client.IndexOption) error {
	key := c.key(ctx, collection)
	return checked(ctx, func(ctx context.Context) error {
		return c.sdk.CreateIndex(ctx, key, field, index, async, opts...)
	})
}

// DeleteByPks calls the SDK's DeleteByPks, with the change of [Conn.CreateCollection].
func (c *Conn) DeleteByPks(ctx context.Context, collection, partition string, ids entity.Column) error {
	key := c.key(ctx, collection)
	return checked(ctx, func(ctx context.Context) error { return c.sdk.DeleteByPks(ctx, key, partition, quoted(ids)) })
}
