// SPDX-License-Identifier: Apache-2.0

package seed_test

import (
	"context"
	"fmt"
	"log"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/pool"
	"github.com/penstock-go/penstock/pool/milvus"
	"github.com/penstock-go/penstock/pool/milvus/milvustest"
)

// ConnectionManager(config, enable_circuit_breaker=...): the breaker is on
// unless it is switched off.
func Example_connectionManager() {
	srv := startMilvus(milvustest.Config{})
	defer srv.Close()

	for _, disabled := range []bool{false, true} {
		cfg := milvus.Config{Address: srv.Addr(), Pool: pool.Config{MaxSize: 8}}
		client, err := milvus.Open(ctx, cfg, penstock.Config{
			Chain: middleware.Config{Breaker: breaker.Config{Disabled: disabled}},
		})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(client.Chain())
		client.Close(ctx)
	}
	// Output:
	// breaker > retry > timeout > health
	// retry > timeout > health
}

// manager.execute_operation(fn, *args): the function captures its arguments.
func Example_executeOperation() {
	srv := startMilvus(milvustest.Config{})
	defer srv.Close()
	client := open(srv, middleware.Config{})
	defer client.Close(ctx)

	collection := "my_collection"
	has := core.Op{Name: "HasCollection", Target: collection, Safety: core.ReadOnly}
	result, err := core.Do(ctx, client, has, func(ctx context.Context, conn *milvus.Conn) (bool, error) {
		return conn.HasCollection(ctx, collection)
	})
	fmt.Println(result, err)
	// Output: false <nil>
}

// await manager.execute_operation_async(fn, *args)
func Example_executeOperationAsync() {
	srv := startMilvus(milvustest.Config{})
	defer srv.Close()
	client := open(srv, middleware.Config{})
	defer client.Close(ctx)

	first := core.Go(ctx, client, version, getVersion)
	second := core.Go(ctx, client, version, getVersion)
	<-first.Done()
	fmt.Println(first.Await(ctx))
	fmt.Println(second.Await(ctx))
	// Output:
	// v2.4.2 <nil>
	// v2.4.2 <nil>
}

// with pool.get_connection() as conn_alias: the pool is used without the chain.
func Example_connectionPool() {
	srv := startMilvus(milvustest.Config{})
	defer srv.Close()
	p, err := milvus.NewPool(milvus.Config{Address: srv.Addr()})
	if err != nil {
		log.Fatal(err)
	}
	defer p.Close(ctx)

	err = p.Do(ctx, func(ctx context.Context, conn *milvus.Conn) error {
		fmt.Println(conn.GetVersion(ctx))
		return nil
	})
	if err != nil {
		log.Fatal(err)
	}

	lease, err := p.Acquire(ctx) // the same by hand
	if err != nil {
		log.Fatal(err)
	}
	defer lease.Release()
	fmt.Println(lease.Conn().HasCollection(ctx, "docs"))
	// Output:
	// v2.4.2 <nil>
	// false <nil>
}

// "Singleton pattern: ensures only one connection pool exists per application".
func Example_singleton() {
	srv := startMilvus(milvustest.Config{})
	defer srv.Close()
	cfg := milvus.Config{Address: srv.Addr()}

	here, err := milvus.Shared(cfg)
	if err != nil {
		log.Fatal(err)
	}
	there, err := milvus.Shared(cfg)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("the same pool:", here.Pool() == there.Pool())

	here.Close(ctx)
	here.Close(ctx) // counts once
	err = there.Do(ctx, func(ctx context.Context, conn *milvus.Conn) error {
		fmt.Println(conn.GetVersion(ctx))
		return nil
	})
	fmt.Println(err, there.Close(ctx)) // the last one closes the pool
	// Output:
	// the same pool: true
	// v2.4.2 <nil>
	// <nil> <nil>
}

// manager.close(): it drains, no longer than its context lasts, and may be
// called again.
func Example_close() {
	srv := startMilvus(milvustest.Config{})
	defer srv.Close()
	client := open(srv, middleware.Config{})

	fmt.Println(client.Close(ctx), client.Close(ctx))
	_, err := core.Do(ctx, client, version, getVersion)
	fmt.Println(is(err, pool.ErrClosed))
	// Output:
	// <nil> <nil>
	// [true]
}
