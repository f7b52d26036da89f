// SPDX-License-Identifier: Apache-2.0

package seed_test

import (
	"errors"
	"fmt"
	"log"
	"net"
	"time"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/middleware/retry"
	"github.com/penstock-go/penstock/middleware/timeout"
	"github.com/penstock-go/penstock/pool"
	"github.com/penstock-go/penstock/pool/milvus"
	"github.com/penstock-go/penstock/pool/milvus/milvustest"
)

// except ConnectionError: the operation did not reach the backend.
func Example_connectionError() {
	srv := startMilvus(milvustest.Config{})
	client := open(srv, middleware.Config{Retry: quick(2)})
	defer client.Close(ctx)
	srv.Close()

	_, err := core.Do(ctx, client, version, getVersion)
	switch {
	case errors.Is(err, pool.ErrExhausted):
		fmt.Println("the pool is too small")
	case errors.Is(err, retry.ErrExhausted):
		fmt.Println("all attempts failed")
	case errors.Is(err, core.ErrConnection):
		fmt.Println("a connection error")
	}
	fmt.Println(is(err, core.ErrConnection))
	// Output:
	// all attempts failed
	// [true]
}

// except ConnectionPoolExhaustedError
func Example_connectionPoolExhausted() {
	srv := startMilvus(milvustest.Config{})
	defer srv.Close()
	p, err := milvus.NewPool(milvus.Config{
		Address: srv.Addr(),
		Pool:    pool.Config{MaxSize: 1, MaxSharing: 1, AcquireTimeout: time.Second},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer p.Close(ctx)
	lease, err := p.Acquire(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer lease.Release()

	_, err = p.Acquire(ctx)
	fmt.Println(is(err, pool.ErrExhausted, core.ErrConnection))
	if full, ok := errors.AsType[*pool.AcquireError](err); ok {
		fmt.Printf("%d of %d in use\n", full.InUse, full.Max)
	}
	// Output:
	// [true true]
	// 1 of 1 in use
}

// except MaxRetriesExceededError: the error holds the errors of all attempts.
func Example_maxRetriesExceeded() {
	srv := startMilvus(milvustest.Config{})
	defer srv.Close()
	client := open(srv, middleware.Config{Retry: quick(2)})
	defer client.Close(ctx)
	srv.Inject(unavailable())

	_, err := core.Do(ctx, client, version, getVersion)
	fmt.Println(is(err, retry.ErrExhausted, core.ErrUnavailable))
	if all, ok := errors.AsType[*retry.Error](err); ok {
		fmt.Println(len(all.Attempts), "attempts")
	}
	// Output:
	// [true true]
	// 3 attempts
}

// except ServerUnavailableError: the breaker is open, the health gate is shut, or
// the backend answers that it is unavailable.
func Example_serverUnavailable() {
	srv := startMilvus(milvustest.Config{})
	defer srv.Close()
	client := open(srv, middleware.Config{
		Breaker: breaker.Config{FailureThreshold: 1},
		Retry:   retry.Config{Disabled: true},
	})
	defer client.Close(ctx)
	srv.Inject(unavailable())

	_, err := core.Do(ctx, client, version, getVersion)
	fmt.Println("the backend:", is(err, core.ErrUnavailable, breaker.ErrOpen))
	_, err = core.Do(ctx, client, version, getVersion)
	fmt.Println("the breaker:", is(err, core.ErrUnavailable, breaker.ErrOpen))
	if open, ok := errors.AsType[*breaker.OpenError](err); ok {
		fmt.Println("come back in", open.RetryAfter.Round(time.Second))
	}
	// Output:
	// the backend: [true false]
	// the breaker: [true true]
	// come back in 30s
}

// except ConnectionTimeoutError, except OperationTimeoutError
func Example_timeouts() {
	// The port is open, but no server answers.
	deaf, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	defer deaf.Close()
	_, err = milvus.Open(ctx, milvus.Config{
		Address: deaf.Addr().String(),
		Pool:    pool.Config{DialTimeout: 100 * time.Millisecond},
	}, penstock.Config{})
	fmt.Println("connection:", is(err, pool.ErrDialTimeout, core.ErrConnection))

	srv := startMilvus(milvustest.Config{})
	defer srv.Close()
	client := open(srv, middleware.Config{
		Timeout: timeout.Config{Attempt: 50 * time.Millisecond},
		Retry:   retry.Config{Disabled: true},
	})
	defer client.Close(ctx)
	srv.Inject(milvustest.Fault{Method: "GetVersion", Hang: true})
	_, err = core.Do(ctx, client, version, getVersion)
	fmt.Println("operation:", is(err, timeout.ErrExceeded, core.ErrConnection))
	// Output:
	// connection: [true true]
	// operation: [true false]
}

// except ConnectionClosedError, ConnectionInitializationError,
// ConnectionAuthenticationError
func Example_closedInitializationAuthentication() {
	srv := startMilvus(milvustest.Config{Username: "root", Password: "Milvus"})
	cfg := milvus.Config{Address: srv.Addr(), Username: "root", Password: milvus.NewSecret("wrong")}

	_, err := milvus.Open(ctx, cfg, penstock.Config{})
	fmt.Println("authentication:", is(err, milvus.ErrUnauthenticated, pool.ErrStart, core.ErrConnection))

	cfg.Password = milvus.NewSecret("Milvus")
	client, err := milvus.Open(ctx, cfg, penstock.Config{})
	if err != nil {
		log.Fatal(err)
	}
	client.Close(ctx)
	_, err = core.Do(ctx, client, version, getVersion)
	fmt.Println("closed:", is(err, pool.ErrClosed, core.ErrConnection))

	srv.Close()
	_, err = milvus.Open(ctx, cfg, penstock.Config{})
	fmt.Println("initialization:", is(err, pool.ErrStart, core.ErrConnection))
	// Output:
	// authentication: [true true true]
	// closed: [true true]
	// initialization: [true true]
}
