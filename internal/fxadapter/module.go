// SPDX-License-Identifier: Apache-2.0

// Package fxadapter is the fx module of an adapter. The adapter has a struct for its
// configuration in the graph, and another for its section in a file.
//
// The adapters of Milvus share the package. Their SDKs cannot be in one program, so their
// modules differ in the types.
package fxadapter

import (
	"cmp"
	"fmt"
	"reflect"
	"strings"

	"go.uber.org/fx"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/fxmodule"
	"github.com/penstock-go/penstock/fxmodule/config"
)

// Adapter is what the module of an adapter has of its own. All fields are needed.
type Adapter[Conn, Config, Settings any] struct {
	// Package is the name of the package with the module. It begins each error.
	Package string
	// Section is the name of the section in a file.
	Section string
	// Backend returns the backend of a client with that name, empty for the client
	// without a name.
	Backend func(cfg Config, name string) (penstock.Backend[Conn], error)
	// FromFile returns the configuration of a section.
	FromFile func(Settings) Config
}

// Module provides a client by [fxmodule.Client], with the options. The backend of the
// client comes from a Config in the graph, with the tag of the client's name, or from the
// section of the file. Three things are errors of the application: a client without a
// Config, a Config that Backend refuses, and a Config that no client takes.
func (a Adapter[Conn, Config, Settings]) Module(opts ...fxmodule.Option) fx.Option {
	const optional = `optional:"true"`
	tag, name := fxmodule.NameTag(opts...), fxmodule.Name(opts...)
	var none Settings
	made := func(cfg Config, file *config.File) *backend[Conn] {
		b, err := a.backend(cfg, file, name)
		if err != nil {
			err = fmt.Errorf("%s: the client%s: %w", a.Package, with(name), err)
		}
		return &backend[Conn]{b, err}
	}
	return fx.Module("penstock."+a.Section,
		fx.Provide(
			fx.Annotate(made, fx.ParamTags(strings.TrimSpace(tag+" "+optional), optional)),
			fx.Annotate(func(b *backend[Conn]) penstock.Backend[Conn] { return b.Backend }, fx.ResultTags(tag)),
			fx.Private,
		),
		fxmodule.FileSection(a.Section, none),
		fx.Supply(fx.Annotate(clientOf[Config]{name}, fx.ResultTags(`group:"penstock.adapters"`))),
		// fx runs the functions of a module after those of the modules within it, and
		// the module of the client would say that the client has no factory.
		fx.Module("wiring",
			fx.Invoke(func(w wiring[Config]) error { return w.check(a.Package) }),
			fx.Invoke(func(b *backend[Conn]) error { return b.err }),
		),
		fxmodule.Client[Conn](opts...),
	)
}

// backend is the backend of a client, or the fault of its configuration.
type backend[Conn any] struct {
	penstock.Backend[Conn]
	err error
}

// backend returns the backend of a client. cfg comes from the graph, and is zero if there is none.
func (a Adapter[Conn, Config, Settings]) backend(cfg Config, file *config.File, name string) (b penstock.Backend[Conn], err error) {
	if file != nil {
		if cfg, err = a.fromFile(cfg, file, name); err != nil {
			return b, err
		}
	}
	return a.Backend(cfg, name)
}

// fromFile returns the configuration that a file has for a client, or else cfg.
func (a Adapter[Conn, Config, Settings]) fromFile(cfg Config, file *config.File, name string) (Config, error) {
	client, err := file.Client(name)
	if err != nil {
		return cfg, err
	}
	settings, err := config.Section[Settings](client, a.Section)
	switch {
	case err != nil:
		return cfg, err
	case reflect.ValueOf(cfg).IsZero():
		return a.FromFile(settings), nil
	case !reflect.ValueOf(settings).IsZero():
		return cfg, fmt.Errorf("the graph has a %T, and %s has settings in the section %s: leave out one or the other", cfg, cmp.Or(file.Name(), "the environment"), a.Section)
	default:
		return cfg, nil
	}
}
