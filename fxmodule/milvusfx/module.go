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
	"reflect"
	"slices"
	"strings"

	"go.uber.org/fx"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/fxmodule"
	"github.com/penstock-go/penstock/fxmodule/config"
	"github.com/penstock-go/penstock/internal/fxgraph"
	"github.com/penstock-go/penstock/pool"
	"github.com/penstock-go/penstock/pool/milvus"
)

// Module provides a *penstock.Client[*milvus.Conn], and its core client, pool and
// parts, as [fxmodule.Client] does. The graph must hold a [milvus.Config]. With
// [fxmodule.Named] the configuration has the same tag, and its pool has the same
// name unless Pool.Name is set. Three things are errors of the application: a client
// without a Config, a Config that cannot be, and a Config that no client takes. With
// fxmodule.FromFile the section "milvus" of the file takes the place of the Config.
func Module(opts ...fxmodule.Option) fx.Option {
	tag, name := fxmodule.NameTag(opts...), fxmodule.Name(opts...)
	return fx.Module("penstock.milvus",
		fx.Provide(
			fx.Annotate(func(cfg milvus.Config, file *config.File) *backend { return newBackend(cfg, file, name) },
				fx.ParamTags(strings.TrimSpace(tag+` optional:"true"`), `optional:"true"`)),
			fx.Annotate(func(b *backend) penstock.Backend[*milvus.Conn] { return b.Backend }, fx.ResultTags(tag)),
			fx.Private,
		),
		fxmodule.FileSection(section, milvus.Settings{}),
		fx.Supply(fx.Annotate(clientName(name), fx.ResultTags(`group:"penstock.milvus"`))),
		// fx runs the functions of a module after those of the modules within it, and
		// the module of the client would say that the client has no factory.
		fx.Module("wiring", fx.Invoke(check, func(b *backend) error { return b.err })),
		fxmodule.Client[*milvus.Conn](opts...),
	)
}

// backend is the backend of a client, or the fault of its configuration.
type backend struct {
	penstock.Backend[*milvus.Conn]
	err error
}

// section is the section of Milvus in a file.
const section = "milvus"

func newBackend(cfg milvus.Config, file *config.File, name string) *backend {
	if file != nil {
		c, err := file.Client(name)
		if err == nil {
			cfg, err = fromFile(cfg, c, file.Name())
		}
		if err != nil {
			return &backend{err: fmt.Errorf("milvusfx: the client%s: %w", clientName(name).with(), err)}
		}
	}
	cfg.Pool.Name = cmp.Or(cfg.Pool.Name, name)
	b, err := cfg.Backend()
	if err != nil {
		err = fmt.Errorf("milvusfx: the client%s: %w", clientName(name).with(), err)
	}
	return &backend{b, err}
}

// fromFile returns the configuration that a file has for a client. cfg is that of the graph,
// zero if there is none.
func fromFile(cfg milvus.Config, c config.Client, file string) (milvus.Config, error) {
	settings, err := config.Section[milvus.Settings](c, section)
	switch {
	case err != nil:
		return cfg, err
	case reflect.ValueOf(cfg).IsZero():
		return settings.Config(pool.Config{}), nil
	case !reflect.ValueOf(settings).IsZero():
		return cfg, fmt.Errorf("the graph has a milvus.Config, and %s has settings in the section milvus: leave out one or the other", cmp.Or(file, "the environment"))
	default:
		return cfg, nil
	}
}

// clientName is the name of a client of the application.
type clientName string

type wiring struct {
	fx.In
	Graph   fx.DotGraph
	Config  milvus.Config `optional:"true"` // a mistake, unless a client has no name
	File    *config.File  `optional:"true"`
	Clients []clientName  `group:"penstock.milvus"`
}

// check returns an error that names each client without a configuration, and each
// configuration that no client takes.
func check(w wiring) error {
	given, left, fault := map[clientName]bool{}, "", false
	taken := fxgraph.Taken(w.Graph) // also by what the application has for itself
	for _, k := range fxgraph.Provided(w.Graph) {
		name := clientName(k.Name)
		switch {
		case k.Type == "milvus.Config" && slices.Contains(w.Clients, name):
			given[name] = true
		case taken[k]:
		case k.Type == "milvus.Config", k.Type == "*milvus.Config":
			left += fmt.Sprintf("; no client takes the %s%s", k.Type, name.with())
			fault = fault || k.Type == "milvus.Config" && w.isOurs(name)
		}
	}
	var faults []error
	for _, name := range slices.Sorted(slices.Values(w.Clients)) {
		if !given[name] && w.File == nil {
			faults = append(faults, fmt.Errorf("milvusfx: the client%s has no configuration: provide a milvus.Config%s%s", name.with(), name.with(), left))
		}
	}
	if fault && len(faults) == 0 {
		return fmt.Errorf("milvusfx: %s: give it the name of a client, one of %s, or add milvusfx.Module with that fxmodule.Named", strings.TrimPrefix(left, "; "), w.names())
	}
	return errors.Join(faults...)
}

// isOurs reports whether the graph has a milvus.Config of the Milvus adapter by that
// name. The application may have a package milvus with a Config of its own, and the graph
// has the names of types without their paths: so the value without a name must be there,
// too. A value with a name is taken for one of the adapter.
func (w wiring) isOurs(name clientName) bool {
	return name != "" || !reflect.ValueOf(w.Config).IsZero()
}

func (w wiring) names() string {
	var all []string
	for _, name := range slices.Sorted(slices.Values(w.Clients)) {
		all = append(all, fmt.Sprintf("%q", string(name)))
	}
	return strings.Join(all, ", ")
}

// with says which name a value has, if any.
func (n clientName) with() string {
	if n == "" {
		return ""
	}
	return fmt.Sprintf(" with the name %q", string(n))
}
