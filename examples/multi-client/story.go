// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/milvus-io/milvus-sdk-go/v2/entity"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/pool/milvus"
)

const collection = "entries"

// The operations, each declared once.
var (
	create = milvus.CreateCollection(collection)
	drop   = milvus.DropCollection(collection)
	list   = milvus.ListCollections()
	add    = core.Op{Name: "Add", Target: "pages"}
)

// story makes a collection in one database, shows that the other one is a database of its
// own, and counts a visit of each.
func story(ctx context.Context, articles, images *penstock.Client[*milvus.Conn], visits *penstock.Client[*Conn]) (err error) {
	schema := entity.NewSchema().WithName(collection).
		WithField(entity.NewField().WithName("id").WithDataType(entity.FieldTypeInt64).WithIsPrimaryKey(true)).
		WithField(entity.NewField().WithName("v").WithDataType(entity.FieldTypeFloatVector).WithDim(2))
	_, err = core.Do(ctx, articles, create, func(ctx context.Context, conn *milvus.Conn) (struct{}, error) {
		return struct{}{}, conn.CreateCollection(ctx, schema, 1)
	})
	if err != nil {
		return err
	}
	defer closing(ctx, func(ctx context.Context) error {
		_, err := core.Do(ctx, articles, drop, func(ctx context.Context, conn *milvus.Conn) (struct{}, error) {
			return struct{}{}, conn.DropCollection(ctx, collection)
		})
		return err
	}, &err)
	return errors.Join(
		show(ctx, articles, visits),
		show(ctx, images, visits),
		show(ctx, articles, visits),
		settings(articles), settings(images), settings(visits),
	)
}

// show prints what a database has, and how often it was visited.
func show(ctx context.Context, client *penstock.Client[*milvus.Conn], visits *penstock.Client[*Conn]) error {
	found, err := core.Do(ctx, client, list, func(ctx context.Context, conn *milvus.Conn) ([]*entity.Collection, error) {
		return conn.ListCollections(ctx)
	})
	if err != nil {
		return err
	}
	n, err := core.Do(ctx, visits, add, func(ctx context.Context, conn *Conn) (int, error) {
		return conn.Add(ctx, client.Name())
	})
	fmt.Printf("%s: %d collections, visit %d\n", client.Name(), len(found), n)
	return err
}

// settings prints two of the settings that are in force.
func settings[C any](client *penstock.Client[C]) error {
	_, err := fmt.Printf("%s: %d connections at most, %v for an attempt\n", client.Name(), client.Pool().Stats().Max, client.Chain().AttemptTimeout)
	return err
}
