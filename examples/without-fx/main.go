// SPDX-License-Identifier: Apache-2.0

// Without-fx shows a Milvus client without fx, telemetry included: it lists the
// collections of the server, and prints the state of the circuit breaker.
//
//	go run ./examples/without-fx
//
// MILVUS_ADDRESS names the server; without it, the program starts one in its process.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"time"

	"github.com/milvus-io/milvus-sdk-go/v2/entity"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/otelx/sdk"
	"github.com/penstock-go/penstock/pool/milvus"
	"github.com/penstock-go/penstock/pool/milvus/milvustest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "without-fx:", err)
		os.Exit(1)
	}
}

var listCollections = milvus.ListCollections()

func run(ctx context.Context) (err error) {
	telemetry, err := sdk.Setup(ctx, sdk.Config{ServiceName: "without-fx"})
	if err != nil {
		return err
	}
	defer closing(ctx, telemetry.Shutdown, &err)

	address := os.Getenv("MILVUS_ADDRESS")
	if address == "" {
		server, err := milvustest.New(milvustest.Config{})
		if err != nil {
			return err
		}
		defer server.Close()
		address = server.Addr()
	}
	client, err := milvus.Open(ctx, milvus.Config{Address: address}, penstock.Config{
		TracerProvider: telemetry.TracerProvider(),
		MeterProvider:  telemetry.MeterProvider(),
	})
	if err != nil {
		return err
	}
	defer closing(ctx, client.Close, &err)

	collections, err := core.Do(ctx, client, listCollections, func(ctx context.Context, conn *milvus.Conn) ([]*entity.Collection, error) {
		return conn.ListCollections(ctx)
	})
	if err != nil {
		return err
	}
	fmt.Println(len(collections), "collections")
	return json.NewEncoder(os.Stdout).Encode(client.Breaker().Snapshot())
}

// closing calls end with a time limit of its own, also after an interrupt, and
// adds its error to *err.
func closing(ctx context.Context, end func(context.Context) error, err *error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	*err = errors.Join(*err, end(ctx))
}
