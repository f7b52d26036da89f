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
	"errors"
	"fmt"
	"slices"

	"go.uber.org/fx"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/fxmodule"
	"github.com/penstock-go/penstock/internal/fxgraph"
	"github.com/penstock-go/penstock/pool/milvus"
)

// Module provides a *penstock.Client[*milvus.Conn], and its core client and pool,
// as [fxmodule.Client] does. The graph must hold a [milvus.Config]. With
// [fxmodule.Named] the configuration has the same tag, and its pool has the same
// name unless Pool.Name is set. A client without a Config is an error of the
// application, which says whether there is a Config with another name, or a pointer.
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
		fx.Supply(fx.Annotate(clientName(name), fx.ResultTags(`group:"penstock.milvus"`))),
		fx.Invoke(check),
		fxmodule.Client[*milvus.Conn](opts...),
	)
}

// clientName is the name of a client of the application.
type clientName string

type wiring struct {
	fx.In
	Graph   fx.DotGraph
	Clients []clientName `group:"penstock.milvus"`
}

// check returns an error that names each client without a configuration, and says which
// ones no client takes. Without such a client there is no error: the application may
// have a package milvus with a Config of its own.
func check(w wiring) error {
	given, left := map[clientName]bool{}, ""
	for _, k := range fxgraph.Provided(w.Graph) {
		if name := clientName(k.Name); k.Type == "milvus.Config" && slices.Contains(w.Clients, name) {
			given[name] = true
		} else if k.Type == "milvus.Config" || k.Type == "*milvus.Config" {
			left += fmt.Sprintf("; no client takes the %s%s", k.Type, name.with())
		}
	}
	var faults []error
	for _, name := range slices.Sorted(slices.Values(w.Clients)) {
		if !given[name] {
			faults = append(faults, fmt.Errorf("milvusfx: a client%s has no configuration: provide a milvus.Config%s%s", name.with(), name.with(), left))
		}
	}
	return errors.Join(faults...)
}

// with says which name a value has, if any.
func (n clientName) with() string {
	if n == "" {
		return ""
	}
	return fmt.Sprintf(" with the name %q", string(n))
}
