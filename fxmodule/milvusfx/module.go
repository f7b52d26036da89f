// SPDX-License-Identifier: Apache-2.0

// Package milvusfx provides the Milvus client to an fx application. Only programs
// that import it link the Milvus SDK.
//
//	fx.New(
//		fxmodule.Module(),
//		fxmodule.Telemetry(),
//		milvusfx.Module(),
//		fx.Supply(milvus.Config{Address: "localhost:19530"}),
//		fx.Invoke(func(client *penstock.Client[*milvus.Conn]) { ... }),
//	)
//
// Package pool/milvusv2/milvusv2fx is the same for the current SDK.
package milvusfx

import (
	"cmp"

	"go.uber.org/fx"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/fxmodule"
	"github.com/penstock-go/penstock/internal/fxadapter"
	"github.com/penstock-go/penstock/pool"
	"github.com/penstock-go/penstock/pool/milvus"
)

// Module provides a *penstock.Client[*milvus.Conn], and its core client, pool and
// parts, as [fxmodule.Client] does. The graph must hold a [milvus.Config]. With
// [fxmodule.Named] the configuration has the same tag, and its pool has the same
// name unless Pool.Name is set. Three things are errors of the application: a client
// without a Config, a Config that cannot be, and a Config that no client takes. With
// fxmodule.FromFile the section "milvus" of the file takes the place of the Config.
func Module(opts ...fxmodule.Option) fx.Option { return adapter.Module(opts...) }

var adapter = fxadapter.Adapter[*milvus.Conn, milvus.Config, milvus.Settings]{
	Package: "milvusfx",
	Section: "milvus",
	Backend: func(cfg milvus.Config, name string) (penstock.Backend[*milvus.Conn], error) {
		cfg.Pool.Name = cmp.Or(cfg.Pool.Name, name)
		return cfg.Backend()
	},
	FromFile: func(s milvus.Settings) milvus.Config { return s.Config(pool.Config{}) },
}
