// SPDX-License-Identifier: Apache-2.0

package milvusv2fx_test

import (
	"context"
	"fmt"
	"log"

	"github.com/milvus-io/milvus/client/v2/milvusclient"
	"go.uber.org/fx"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/fxmodule"
	"github.com/penstock-go/penstock/pool/milvus/milvustest"
	"github.com/penstock-go/penstock/pool/milvusv2"
	"github.com/penstock-go/penstock/pool/milvusv2/milvusv2fx"
)

// clients are a client without a name and one with a name.
type clients struct {
	fx.In
	Docs    *penstock.Client[*milvusv2.Conn]
	Archive *penstock.Client[*milvusv2.Conn] `name:"archive"`
}

func ExampleModule() {
	docs, err := milvustest.New(milvustest.Config{Version: "v2.6.0"}) // in place of a real Milvus
	if err != nil {
		log.Fatal(err)
	}
	defer docs.Close()
	archive, err := milvustest.New(milvustest.Config{Version: "v2.4.2"})
	if err != nil {
		log.Fatal(err)
	}
	defer archive.Close()

	app := fx.New(
		fxmodule.WithLogger(),
		fxmodule.Module(),
		milvusv2fx.Module(),
		milvusv2fx.Module(fxmodule.Named("archive")),
		fx.Supply(milvusv2.Config{Address: docs.Addr()}),
		fx.Supply(fx.Annotate(milvusv2.Config{Address: archive.Addr()}, fx.ResultTags(`name:"archive"`))),
		fx.Invoke(versions),
	)
	ctx := context.Background()
	if err := app.Start(ctx); err != nil {
		log.Fatal(err)
	}
	if err := app.Stop(ctx); err != nil {
		log.Fatal(err)
	}
	// Output:
	// docs has v2.6.0
	// archive has v2.4.2
}

// versions prints the versions of both servers when the application starts.
func versions(lifecycle fx.Lifecycle, c clients) {
	lifecycle.Append(fx.StartHook(func(ctx context.Context) error {
		docs, err := version(ctx, c.Docs)
		if err != nil {
			return err
		}
		archive, err := version(ctx, c.Archive)
		fmt.Printf("docs has %s\narchive has %s\n", docs, archive)
		return err
	}))
}

var getVersion = core.Op{Name: "GetVersion", Safety: core.ReadOnly}

func version(ctx context.Context, client *penstock.Client[*milvusv2.Conn]) (string, error) {
	return core.Do(ctx, client, getVersion, func(ctx context.Context, c *milvusv2.Conn) (string, error) {
		return c.GetServerVersion(ctx, milvusclient.NewGetServerVersionOption())
	})
}
