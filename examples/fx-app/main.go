// SPDX-License-Identifier: Apache-2.0

// Fx-app shows the smallest fx application with Penstock: it lists the collections of
// a Milvus, and sends its trace to OTEL_EXPORTER_OTLP_ENDPOINT.
//
//	go run ./examples/fx-app
//
// MILVUS_ADDRESS names the server; without it, the program starts one in its process.
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/milvus-io/milvus-sdk-go/v2/entity"
	"go.uber.org/fx"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/fxmodule"
	"github.com/penstock-go/penstock/fxmodule/milvusfx"
	"github.com/penstock-go/penstock/pool/milvus"
	"github.com/penstock-go/penstock/pool/milvus/milvustest"
)

func main() { fx.New(app()).Run() }

func app() fx.Option {
	return fx.Options(
		fxmodule.WithLogger(),
		fxmodule.Module(),
		fxmodule.Telemetry(),
		milvusfx.Module(),
		fx.Supply(milvus.Config{Address: server()}),
		fx.Invoke(list),
	)
}

var listCollections = milvus.ListCollections()

func list(lifecycle fx.Lifecycle, stop fx.Shutdowner, client *penstock.Client[*milvus.Conn]) {
	lifecycle.Append(fx.StartHook(func(ctx context.Context) error {
		collections, err := core.Do(ctx, client, listCollections, func(ctx context.Context, conn *milvus.Conn) ([]*entity.Collection, error) {
			return conn.ListCollections(ctx)
		})
		if err != nil {
			return err
		}
		fmt.Println(len(collections), "collections")
		return stop.Shutdown()
	}))
}

// server returns MILVUS_ADDRESS, or the address of a server in this process.
func server() string {
	if address := os.Getenv("MILVUS_ADDRESS"); address != "" {
		return address
	}
	s, err := milvustest.New(milvustest.Config{})
	if err != nil {
		log.Fatal(err)
	}
	return s.Addr()
}
