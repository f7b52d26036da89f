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
package milvusfx

import (
	"cmp"

	"go.uber.org/fx"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/fxmodule"
	"github.com/penstock-go/penstock/pool/milvus"
)

// Module provides a *penstock.Client[*milvus.Conn], and its core client and pool,
// as [fxmodule.Client] does. The graph must hold a [milvus.Config]. With
// [fxmodule.Named] the configuration has the same tag, and its pool has the same
// name unless Pool.Name is set.
func Module(opts ...fxmodule.Option) fx.Option {
	tag, name := fxmodule.NameTag(opts...), fxmodule.Name(opts...)
	return fx.Module("penstock.milvus",
		fx.Provide(
			fx.Annotate(func(cfg milvus.Config) (penstock.Backend[*milvus.Conn], error) {
				cfg.Pool.Name = cmp.Or(cfg.Pool.Name, name)
				return cfg.Backend()
			}, fx.ParamTags(tag), fx.ResultTags(tag)),
			fx.Private,
		),
		fxmodule.Client[*milvus.Conn](opts...),
	)
}
