// SPDX-License-Identifier: Apache-2.0

// Package milvusv2fx provides the client of package milvusv2 to an fx application.
//
//	fx.New(
//		fxmodule.Module(),
//		fxmodule.Telemetry(),
//		milvusv2fx.Module(),
//		fx.Supply(milvusv2.Config{Address: "localhost:19530"}),
//		fx.Invoke(func(client *penstock.Client[*milvusv2.Conn]) { ... }),
//	)
//
// It is fxmodule/milvusfx for the current SDK, and like package milvusv2 a part of a module
// of its own.
package milvusv2fx

import (
	"cmp"

	"go.uber.org/fx"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/fxmodule"
	"github.com/penstock-go/penstock/internal/fxadapter"
	"github.com/penstock-go/penstock/pool"
	"github.com/penstock-go/penstock/pool/milvusv2"
)

// Module provides a *penstock.Client[*milvusv2.Conn], and its core client, pool and
// parts, as [fxmodule.Client] does. The graph must hold a [milvusv2.Config]. With
// [fxmodule.Named] the configuration has the same tag, and its pool has the same
// name unless Pool.Name is set. Three things are errors of the application: a client
// without a Config, a Config that cannot be, and a Config that no client takes. With
// fxmodule.FromFile the section "milvus" of the file takes the place of the Config.
func Module(opts ...fxmodule.Option) fx.Option { return adapter.Module(opts...) }

var adapter = fxadapter.Adapter[*milvusv2.Conn, milvusv2.Config, milvusv2.Settings]{
	Package: "milvusv2fx",
	Section: "milvus",
	Backend: func(cfg milvusv2.Config, name string) (penstock.Backend[*milvusv2.Conn], error) {
		cfg.Pool.Name = cmp.Or(cfg.Pool.Name, name)
		return cfg.Backend()
	},
	FromFile: func(s milvusv2.Settings) milvusv2.Config { return s.Config(pool.Config{}) },
}
