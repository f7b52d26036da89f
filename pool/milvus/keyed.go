// SPDX-License-Identifier: Apache-2.0

package milvus

import (
	"context"
	"reflect"
	"time"

	"github.com/milvus-io/milvus-sdk-go/v2/client"
	"github.com/milvus-io/milvus-sdk-go/v2/entity"

	"github.com/penstock-go/penstock/internal/milvusbase"
)

// The methods of this file make the SDK ask for a schema, and cache it by
// the name of the collection: the name is a key, so that a collection of another
// database has a schema of its own.

// DescribeCollection calls the SDK's DescribeCollection.
func (c *Conn) DescribeCollection(ctx context.Context, collection string) (*entity.Collection, error) {
	return c.sdk.DescribeCollection(ctx, c.key(ctx, collection))
}

// InsertRows calls the SDK's InsertRows, which asks for the schema each time.
func (c *Conn) InsertRows(ctx context.Context, collection, partition string, rows []any) (entity.Column, error) {
	u := &use{write: true, again: true}
	ids, err := c.sdk.InsertRows(context.WithValue(ctx, useKey{}, u), c.key(ctx, collection), partition, rows)
	return ids, u.unsent(err)
}

// InsertByRows calls the SDK's InsertByRows, which asks for the schema each time.
func (c *Conn) InsertByRows(ctx context.Context, collection, partition string, rows []entity.Row) (entity.Column, error) {
	u := &use{write: true, again: true}
	ids, err := c.sdk.InsertByRows(context.WithValue(ctx, useKey{}, u), c.key(ctx, collection), partition, rows)
	return ids, u.unsent(err)
}

// ManualCompaction calls the SDK's ManualCompaction.
func (c *Conn) ManualCompaction(ctx context.Context, collection string, tolerance time.Duration) (int64, error) {
	return c.sdk.ManualCompaction(ctx, c.key(ctx, collection), tolerance)
}

// NewCollection calls the SDK's NewCollection, with the change of [Conn.CreateCollection].
func (c *Conn) NewCollection(ctx context.Context, collection string, dimension int64, opts ...client.CreateCollectionOption) error {
	key := c.key(ctx, collection)
	return checked(ctx, func(ctx context.Context) error { return c.sdk.NewCollection(ctx, key, dimension, opts...) })
}

// QueryIterator calls the SDK's QueryIterator, with the change of [Conn.Insert]. The
// iterator reads from the database that ctx names, whatever the contexts of its calls
// name. It asks the server with the connection that made it, so it must not be used
// after the lease has been released.
func (c *Conn) QueryIterator(ctx context.Context, opt *client.QueryIteratorOption) (*client.QueryIterator, error) {
	key := c.key(ctx, read(opt, "collectionName").String())
	opt = client.NewQueryIteratorOption(key).
		WithExpr(milvusbase.MarkIterator(read(opt, "expr").String(), c.hook.databaseOf(ctx))).
		WithPartitions(readTexts(opt, "partitionNames")...).
		WithOutputFields(readTexts(opt, "outputFields")...).
		WithBatchSize(int(read(opt, "batchSize").Int()))
	return freshly(ctx, c, key, new(use), func(ctx context.Context) (*client.QueryIterator, error) {
		return c.sdk.QueryIterator(ctx, opt)
	})
}

// read returns a field of the SDK's options, which have no method that returns it.
func read(opt *client.QueryIteratorOption, field string) reflect.Value {
	return reflect.ValueOf(opt).Elem().FieldByName(field)
}

func readTexts(opt *client.QueryIteratorOption, field string) (texts []string) {
	v := read(opt, field)
	for i := range v.Len() {
		texts = append(texts, v.Index(i).String())
	}
	return texts
}

// quoted returns the keys such that each is one string of the filter that the SDK makes
// of them.
func quoted(ids entity.Column) entity.Column {
	keys, ok := ids.(*entity.ColumnVarChar)
	if !ok {
		return ids
	}
	escaped := make([]string, 0, keys.Len())
	for _, key := range keys.Data() {
		escaped = append(escaped, milvusbase.EscapeKey(key))
	}
	return entity.NewColumnVarChar(keys.Name(), escaped)
}
