// SPDX-License-Identifier: Apache-2.0

package seed_test

import (
	"context"
	"errors"
	"log"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/retry"
	"github.com/penstock-go/penstock/pool/milvus"
	"github.com/penstock-go/penstock/pool/milvus/milvustest"
)

// The examples stand in for a program that is given a context and an address.
var ctx = context.Background()

// startMilvus returns a server that stands for a Milvus.
func startMilvus(cfg milvustest.Config) *milvustest.Server {
	cfg.Version = "v2.4.2"
	srv, err := milvustest.Start(cfg)
	if err != nil {
		log.Fatal(err)
	}
	return srv
}

// open returns a client of srv with that chain.
func open(srv *milvustest.Server, chain middleware.Config) *core.Client[*milvus.Conn] {
	client, err := milvus.Open(ctx, milvus.ClientConfig{Config: milvus.Config{Address: srv.Addr()}, Chain: chain})
	if err != nil {
		log.Fatal(err)
	}
	return client
}

// version is an operation, declared once.
var version = core.Op{Name: "GetVersion", Safety: core.ReadOnly}

func getVersion(ctx context.Context, conn *milvus.Conn) (string, error) { return conn.GetVersion(ctx) }

// unavailable is a fault of the server.
func unavailable() milvustest.Fault {
	return milvustest.Fault{Method: "GetVersion", Err: status.Error(codes.Unavailable, "try later")}
}

// quick are retries that an example does not have to wait for.
func quick(retries int) retry.Config {
	return retry.Config{MaxRetries: retries, Interval: time.Millisecond, Cap: time.Millisecond}
}

// is says whether err matches each of targets.
func is(err error, targets ...error) (matches []bool) {
	for _, target := range targets {
		matches = append(matches, errors.Is(err, target))
	}
	return matches
}
