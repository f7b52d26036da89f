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
// The client is configured by [Config] alone. What the graph holds for a client and no
// client takes is an error of the application, whether or not anything asks for a
// client: a Backend with a name that no client of its type has, or without any such
// client, a penstock.Config that no option passes on, and a pointer to either.
//
// Several clients of one type need names, see [Named]. If two have the same name, or
// none, fx reports that useNamedForASecondClientOf of the type is provided already.
func Client[C any](opts ...Option) fx.Option {
	if name := Name(opts...); strings.ContainsAny(name, "\"`\\") {
		return fx.Error(fmt.Errorf("fxmodule: the name %q of a client must be usable in a struct tag", name))
	}
	tag, own := NameTag(opts...), stagesOf(Name(opts...))
	optional := strings.TrimSpace(tag + ` optional:"true"`)
	construct := func(d deps, f pool.Factory[C], b penstock.Backend[C], own []middleware.Stage) (*penstock.Client[C], *core.Client[C], *pool.Pool[C], error) {
		c, err := build(d, d.in.Shared.resolve(opts), f, b, own)
		if err != nil {
			return nil, nil, nil, err
		}
		return c, c.Client, c.Pool(), nil
	}
	return fx.Module("penstock.client["+reflect.TypeFor[C]().String()+"]",
		// Comes first, so that of two clients the error of fx names this.
		fx.Provide(fx.Annotate(func() useNamedForASecondClientOf[C] { return useNamedForASecondClientOf[C]{} }, fx.ResultTags(tag))),
		fx.Provide(newDeps, fx.Private),
		fx.Provide(fx.Annotate(construct,
			fx.ParamTags("", optional, optional, own),
			fx.ResultTags(tag, tag, tag),
		)),
		members[C](opts),
		fx.Invoke(check),
	)
}

// useNamedForASecondClientOf is provided by each client of C. The error of fx for two
// clients of one name says only that a type is provided already, so the name of the
// type says what to do.
type useNamedForASecondClientOf[C any] struct{}

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
	Members   []*member          `group:"penstock.clients"`
}

func newDeps(in depsIn) deps { return deps{in} }

func build[C any](d deps, s settings, f pool.Factory[C], b penstock.Backend[C], own []middleware.Stage) (*penstock.Client[C], error) {
	conn, named := reflect.TypeFor[C](), withName(s.name)
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
