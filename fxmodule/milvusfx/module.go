// SPDX-License-Identifier: Apache-2.0

// Package milvusfx provides the Milvus client to an fx application. It is a
// package of its own so that only its users link the Milvus SDK.
//
//	fx.New(
//		fxmodule.Module(),
//		fxmodule.Telemetry(),
//		milvusfx.Module(),
//		fx.Supply(milvus.Config{Address: "localhost:19530"}),
//		fx.Invoke(func(client *core.Client[*milvus.Conn]) { ... }),
//	)
package milvusfx

import (
	"cmp"

	"go.uber.org/fx"

	"github.com/penstock-go/penstock/fxmodule"
	"github.com/penstock-go/penstock/otelx"
	"github.com/penstock-go/penstock/pool"
	"github.com/penstock-go/penstock/pool/milvus"
)

// Module provides a *core.Client[*milvus.Conn] and its *pool.Pool[*milvus.Conn],
// as [fxmodule.Client] does. They are made of the [milvus.Config] in the graph.
// With [fxmodule.Named] the configuration is looked for by that name, which is
// the name of the pool too unless the configuration has another.
func Module(opts ...fxmodule.Option) fx.Option {
	tag, name := fxmodule.NameTag(opts...), fxmodule.Name(opts...)
	return fx.Module("penstock.milvus",
		fx.Provide(
			fx.Annotate(newFactory, fx.ParamTags(tag), fx.ResultTags(tag)),
			fx.Annotate(func(cfg milvus.Config) fxmodule.Backend[*milvus.Conn] {
				cfg.Pool.Name = cmp.Or(cfg.Pool.Name, name)
				return newBackend(cfg)
			}, fx.ParamTags(tag), fx.ResultTags(tag)),
			fx.Private,
		),
		fxmodule.Client[*milvus.Conn](opts...),
	)
}

func newFactory(cfg milvus.Config) (pool.Factory[*milvus.Conn], error) {
	f, err := milvus.NewFactory(cfg)
	if err != nil {
		return nil, err
	}
	return f, nil
}

func newBackend(cfg milvus.Config) fxmodule.Backend[*milvus.Conn] {
	host, port := cfg.Endpoint()
	return fxmodule.Backend[*milvus.Conn]{
		Pool:       cfg.PoolConfig(),
		Classifier: milvus.Classify,
		Probe:      milvus.Probe,
		Telemetry: []otelx.Option{
			otelx.WithSystem(milvus.System),
			otelx.WithNamespace(cfg.Namespace()),
			otelx.WithServer(host, port),
		},
	}
}
