// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

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
func story(ctx context.Context, c clients) (err error) {
	schema := entity.NewSchema().WithName(collection).
		WithField(entity.NewField().WithName("id").WithDataType(entity.FieldTypeInt64).WithIsPrimaryKey(true)).
		WithField(entity.NewField().WithName("v").WithDataType(entity.FieldTypeFloatVector).WithDim(2))
	_, err = core.Do(ctx, c.Articles, create, func(ctx context.Context, conn *milvus.Conn) (struct{}, error) {
		return struct{}{}, conn.CreateCollection(ctx, schema, 1)
	})
	if err != nil {
		return err
	}
	defer closing(ctx, func(ctx context.Context) error {
		_, err := core.Do(ctx, c.Articles, drop, func(ctx context.Context, conn *milvus.Conn) (struct{}, error) {
			return struct{}{}, conn.DropCollection(ctx, collection)
		})
		return err
	}, &err)
	err = errors.Join(show(ctx, c.Articles, c.Visits), show(ctx, c.Images, c.Visits), show(ctx, c.Articles, c.Visits))
	settings(c.Articles)
	settings(c.Images)
	settings(c.Visits)
	return err
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
func settings(c penstock.Inspected) {
	s, g := c.Snapshot(), c.Generation()
	fmt.Printf("%s: %d connections at most, %gs for an attempt, generation %d\n", c.Name(), s.Pools[0].Max, s.AttemptTimeout, g.Number)
}

// follow prints the settings of a client whenever others come in force, until ctx ends. The
// log of the client also tells who changed them, and what.
func follow(ctx context.Context, all ...penstock.Inspected) {
	known := map[string]uint64{}
	for _, c := range all {
		known[c.Name()] = 1
	}
	for {
		for _, c := range all {
			if n := c.Generation().Number; n != known[c.Name()] {
				known[c.Name()] = n
				settings(c)
			}
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return
		}
	}
}
