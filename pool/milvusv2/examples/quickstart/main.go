// SPDX-License-Identifier: Apache-2.0

// Quickstart stores three vectors in Milvus with its current SDK, and searches the
// nearest to a fourth.
//
//	cd pool/milvusv2 && go run ./examples/quickstart
//
// needs nothing but Go: it starts an in-process server that speaks Milvus' protocol. With
// MILVUS_ADDRESS set to the host:port of a real Milvus it uses that one. It drops its
// collection, penstock_quickstart, before and after.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"

	"github.com/milvus-io/milvus/client/v2/entity"
	"github.com/milvus-io/milvus/client/v2/milvusclient"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/pool/milvus/milvustest"
	"github.com/penstock-go/penstock/pool/milvusv2"
)

const docs = "penstock_quickstart"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Getenv("MILVUS_ADDRESS"), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, address string, out io.Writer) (err error) {
	if address == "" {
		srv, err := milvustest.New(milvustest.Config{})
		if err != nil {
			return err
		}
		defer srv.Close()
		address = srv.Addr()
	}
	client, err := milvusv2.Open(ctx, milvusv2.Config{Address: address}, penstock.Config{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, client.Close(context.WithoutCancel(ctx))) }()

	if err := drop(ctx, client); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, drop(context.WithoutCancel(ctx), client)) }()
	if err := store(ctx, client); err != nil {
		return err
	}
	near, err := search(ctx, client, entity.FloatVector{0.9, 0.1})
	fmt.Fprintln(out, "nearest:", near)
	return err
}

// A chain repeats an operation only as far as its Safety allows. Each method of a Conn has
// its operation ready.
var (
	opDrop   = milvusv2.DropCollection(docs)
	opStore  = core.Op{Name: "Store", Target: docs} // of two methods
	opSearch = milvusv2.Search(docs)
)

func drop(ctx context.Context, client *penstock.Client[*milvusv2.Conn]) error {
	_, err := core.Do(ctx, client, opDrop, func(ctx context.Context, c *milvusv2.Conn) (any, error) {
		return nil, c.DropCollection(ctx, milvusclient.NewDropCollectionOption(docs))
	})
	return err
}

func store(ctx context.Context, client *penstock.Client[*milvusv2.Conn]) error {
	_, err := core.Do(ctx, client, opStore, func(ctx context.Context, c *milvusv2.Conn) (any, error) {
		// The short form creates an index and loads the collection too.
		simple := milvusclient.SimpleCreateCollectionOptions(docs, 2).WithAutoID(false).WithConsistencyLevel(entity.ClStrong)
		if err := c.CreateCollection(ctx, simple); err != nil {
			return nil, err
		}
		_, err := c.Insert(ctx, milvusclient.NewColumnBasedInsertOption(docs).
			WithInt64Column("id", []int64{1, 2, 3}).
			WithFloatVectorColumn("vector", 2, [][]float32{{1, 0}, {0, 1}, {-1, 0}}))
		return nil, err
	})
	return err
}

func search(ctx context.Context, client *penstock.Client[*milvusv2.Conn], to entity.Vector) ([]int64, error) {
	return core.Do(ctx, client, opSearch, func(ctx context.Context, c *milvusv2.Conn) ([]int64, error) {
		results, err := c.Search(ctx, milvusclient.NewSearchOption(docs, 2, []entity.Vector{to}))
		if err != nil {
			return nil, err
		}
		ids := make([]int64, 0, 2)
		for i := range results[0].ResultCount {
			id, idErr := results[0].IDs.GetAsInt64(i)
			err = cmp.Or(err, idErr)
			ids = append(ids, id)
		}
		return ids, err
	})
}
