// SPDX-License-Identifier: Apache-2.0

// App is the smallest fx application with Penstock: it lists the collections of
// the Milvus server at MILVUS_ADDRESS (localhost:19530), and sends its trace to
// OTEL_EXPORTER_OTLP_ENDPOINT.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/milvus-io/milvus-sdk-go/v2/entity"
	"go.uber.org/fx"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/fxmodule"
	"github.com/penstock-go/penstock/fxmodule/milvusfx"
	"github.com/penstock-go/penstock/pool/milvus"
)

func main() {
	fx.New(
		fxmodule.Module(),
		fxmodule.Telemetry(),
		milvusfx.Module(),
		fx.Supply(milvus.Config{Address: os.Getenv("MILVUS_ADDRESS")}),
		fx.Invoke(list),
	).Run()
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
