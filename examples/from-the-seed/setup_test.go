// SPDX-License-Identifier: Apache-2.0

package seed_test

import (
	"context"
	"errors"
	"log"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/retry"
	"github.com/penstock-go/penstock/pool/milvus"
	"github.com/penstock-go/penstock/pool/milvus/milvustest"
)

// ctx is the context of every example.
var ctx = context.Background()

// startMilvus starts an in-process server in place of a real Milvus.
func startMilvus(cfg milvustest.Config) *milvustest.Server {
	cfg.Version = "v2.4.2"
	srv, err := milvustest.New(cfg)
	if err != nil {
		log.Fatal(err)
	}
	return srv
}

// open returns a client of srv with that chain.
func open(srv *milvustest.Server, chain middleware.Config) *penstock.Client[*milvus.Conn] {
	client, err := milvus.Open(ctx, milvus.Config{Address: srv.Addr()}, penstock.Config{Chain: chain})
	if err != nil {
		log.Fatal(err)
	}
	return client
}

// version is the operation of most examples.
var version = core.Op{Name: "GetVersion", Safety: core.ReadOnly}

func getVersion(ctx context.Context, conn *milvus.Conn) (string, error) { return conn.GetVersion(ctx) }

// unavailable returns a fault with which the server refuses every GetVersion.
func unavailable() milvustest.Fault {
	return milvustest.Fault{Method: "GetVersion", Err: status.Error(codes.Unavailable, "try later")}
}

// quick returns a configuration with waits of at most a millisecond.
func quick(retries int) retry.Config {
	return retry.Config{MaxRetries: retries, Interval: time.Millisecond, MaxInterval: time.Millisecond}
}

// is returns for each target whether err matches it.
func is(err error, targets ...error) (matches []bool) {
	for _, target := range targets {
		matches = append(matches, errors.Is(err, target))
	}
	return matches
}
