// SPDX-License-Identifier: Apache-2.0

package fxmodule

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strings"

	"go.uber.org/fx"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/pool"
)

// Client provides a *penstock.Client[C], and the *core.Client[C] and *pool.Pool[C]
// within it. The graph must hold a penstock.Backend[C] or a pool.Factory[C]. It may
// hold both, if the Backend leaves the Factory out. The client starts and stops
// with the application, see [StartMode].
//
// The client is configured by [Config] alone; a penstock.Config in the graph that
// no option gives to the client is an error. fx makes only what is asked for, and
// does not tell of the rest: a Backend, Factory or penstock.Config with a name that
// no client has is ignored, and so is a Backend or Factory without any client.
func Client[C any](opts ...Option) fx.Option {
	if name := Name(opts...); strings.ContainsAny(name, "\"`\\") {
		return fx.Error(fmt.Errorf("fxmodule: the name %q of a client must be usable in a struct tag", name))
	}
	tag, own := NameTag(opts...), stagesOf(Name(opts...))
	optional := strings.TrimSpace(tag + ` optional:"true"`)
	construct := func(d deps, f pool.Factory[C], b penstock.Backend[C], cfg penstock.Config, own []middleware.Stage) (*penstock.Client[C], *core.Client[C], *pool.Pool[C], error) {
		s := d.in.Shared.resolve(opts)
		if s.client == nil && !reflect.ValueOf(cfg).IsZero() {
			return nil, nil, nil, fmt.Errorf("fxmodule: a client of %v does not take the penstock.Config in the graph: make it before the application, and pass it to fxmodule.Config as an option of the client or of Module", reflect.TypeFor[C]())
		}
		c, err := build(d, s, f, b, own)
		if err != nil {
			return nil, nil, nil, err
		}
		return c, c.Client, c.Pool(), nil
	}
	return fx.Module("penstock.client["+reflect.TypeFor[C]().String()+"]",
		fx.Provide(newDeps, fx.Private),
		fx.Provide(fx.Annotate(construct,
			fx.ParamTags("", optional, optional, optional, own),
			fx.ResultTags(tag, tag, tag),
		)),
		fx.Supply(fx.Annotate(clientName(Name(opts...)), fx.ResultTags(`group:"penstock.clients"`))),
	)
}

// clientName is the name of a client of the application.
type clientName string

// deps is what every client takes from the graph. fx allows optional fields only
// in a parameter struct, and tags that are made at run time only outside of one.
// One constructor takes the struct and returns deps, another takes deps and what
// is tagged with the client's name.
type deps struct{ in depsIn }

type depsIn struct {
	fx.In
	Lifecycle fx.Lifecycle
	Shared    *shared      `optional:"true"`
	Logger    *slog.Logger `optional:"true"`
	Providers providers
	Stages    []middleware.Stage `group:"penstock.stages"`
}

func newDeps(in depsIn) deps { return deps{in} }

func build[C any](d deps, s settings, f pool.Factory[C], b penstock.Backend[C], own []middleware.Stage) (*penstock.Client[C], error) {
	conn, named := reflect.TypeFor[C](), ""
	if s.name != "" {
		named = fmt.Sprintf(" with the name %q", s.name)
	}
	switch {
	case s.start > StartLazy:
		return nil, fmt.Errorf("fxmodule: the start mode of a client is %v, want eager, background or lazy", s.start)
	case b.Factory == nil && f == nil:
		return nil, fmt.Errorf("fxmodule: a client of %v has no factory: provide a pool.Factory[%v] or a penstock.Backend[%v]%s, and what their constructors need", conn, conn, conn, named)
	case b.Factory != nil && f != nil:
		return nil, fmt.Errorf("fxmodule: a client of %v has two factories: leave out the pool.Factory[%v]%s or the Factory of its penstock.Backend", conn, conn, named)
	case b.Factory == nil:
		b.Factory = f
	}
	// Pool names tell the clients of an application apart.
	b.Pool.Name = cmp.Or(b.Pool.Name, s.name)
	var cfg penstock.Config
	if s.client != nil {
		cfg = *s.client
	}
	if cfg.Logger == nil {
		cfg.Logger = logger(d.in.Logger)
	}
	var err error
	if cfg.Observer == nil {
		if cfg.TracerProvider, cfg.MeterProvider, err = d.in.Providers.pick(cfg.TracerProvider, cfg.MeterProvider); err != nil {
			return nil, err
		}
	}
	if s.order != nil {
		cfg.Chain.Order = s.order
	}
	cfg.Chain.Stages = slices.Concat(cfg.Chain.Stages, d.in.Stages, own)
	cfg.Chain, err = cfg.Chain.Without(s.without...)
	client, clientErr := penstock.New(b, cfg)
	if err := errors.Join(err, clientErr); err != nil {
		return nil, err
	}
	l := &lifecycle[C]{mode: s.start, client: client, logger: cfg.Logger}
	d.in.Lifecycle.Append(fx.StartStopHook(l.start, l.stop))
	return client, nil
}
