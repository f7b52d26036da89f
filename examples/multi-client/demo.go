// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"os"
	"slices"

	"github.com/milvus-io/milvus-sdk-go/v2/entity"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/pool/milvus"
	"github.com/penstock-go/penstock/pool/milvus/milvustest"
)

// databases are those of the file.
var databases = []string{"penstock_articles", "penstock_images"}

// prepare starts the servers that the environment does not name, and makes the
// databases. A variable of the environment replaces the value in the file.
func prepare(ctx context.Context) (tidyUp func(context.Context) error, err error) {
	counter, err := startCounter()
	if err != nil {
		return nil, err
	}
	closers := []func() error{counter.Close}
	address := os.Getenv("MILVUS_ADDRESS")
	if address == "" {
		server, err := milvustest.New(milvustest.Config{})
		if err != nil {
			return nil, errors.Join(err, counter.Close())
		}
		closers = append(closers, server.Close)
		address = server.Addr()
	}
	stopAll := func() (err error) {
		for _, c := range closers {
			err = errors.Join(err, c())
		}
		return err
	}
	made, err := makeDatabases(ctx, address)
	if err != nil {
		return nil, errors.Join(err, stopAll())
	}
	_ = os.Setenv("PENSTOCK_COUNTER_ADDRESS", counter.Addr().String()) // fails only for an invalid key
	_ = os.Setenv("PENSTOCK_MILVUS_ADDRESS", address)
	return func(ctx context.Context) error { return errors.Join(dropDatabases(ctx, address, made), stopAll()) }, nil
}

// makeDatabases returns the databases that were not there.
func makeDatabases(ctx context.Context, address string) (made []string, err error) {
	return made, inDefault(ctx, address, func(ctx context.Context, conn *milvus.Conn) error {
		there, err := conn.ListDatabases(ctx)
		for _, name := range databases {
			if err == nil && !slices.ContainsFunc(there, func(d entity.Database) bool { return d.Name == name }) {
				err = conn.CreateDatabase(ctx, name)
				made = append(made, name)
			}
		}
		return err
	})
}

func dropDatabases(ctx context.Context, address string, names []string) error {
	return inDefault(ctx, address, func(ctx context.Context, conn *milvus.Conn) (err error) {
		for _, name := range names {
			err = errors.Join(err, conn.DropDatabase(ctx, name))
		}
		return err
	})
}

// inDefault runs an operation with a client of the database that is always there.
func inDefault(ctx context.Context, address string, fn func(context.Context, *milvus.Conn) error) (err error) {
	client, err := milvus.Open(ctx, milvus.Config{Address: address}, penstock.Config{})
	if err != nil {
		return err
	}
	defer closing(ctx, client.Close, &err)
	_, err = core.Do(ctx, client, core.Op{Name: "Databases"}, func(ctx context.Context, conn *milvus.Conn) (struct{}, error) {
		return struct{}{}, fn(ctx, conn)
	})
	return err
}
