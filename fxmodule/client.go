// SPDX-License-Identifier: Apache-2.0

package fxmodule

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strings"

	"go.uber.org/fx"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/otelx"
	"github.com/penstock-go/penstock/pool"
)

// Backend is what a client should know of the backend behind a pool.Factory.
// All fields are optional; provide one beside the factory.
type Backend[C any] struct {
	// Pool configures the pool.
	Pool pool.Config
	// Classifier tells what the errors mean that operations return. Without one
	// every error, also one of the operation's own such as "not found", counts as
	// a failure of the backend; see core.Classify.
	Classifier core.Classifier
	// Probe returns a probe that asks for a sign of life, past the chain, on a
	// connection of the pool. It feeds the health gate; see health.Config.Probe.
	Probe func(*pool.Pool[C]) func(context.Context) error
	// Telemetry describes the backend in spans and metrics: its system name,
	// address and so on.
	Telemetry []otelx.Option
}

// Client provides a *pool.Pool[C] and a *core.Client[C], made of the
// pool.Factory[C] in the graph. Both are closed when the application stops.
func Client[C any](opts ...Option) fx.Option {
	if name := Name(opts...); strings.ContainsAny(name, "\"`\\") {
		return fx.Error(fmt.Errorf("fxmodule: the name %q of a client must be usable in a struct tag", name))
	}
	tag := NameTag(opts...)
	construct := func(d deps, f pool.Factory[C], b Backend[C], own []core.Stage) (*pool.Pool[C], *core.Client[C], error) {
		return build(d, opts, f, b, own)
	}
	own := stagesOf(Name(opts...))
	return fx.Module("penstock.client["+reflect.TypeFor[C]().String()+"]",
		fx.Provide(newDeps, fx.Private),
		fx.Provide(fx.Annotate(construct,
			fx.ParamTags("", tag, tag+` optional:"true"`, own),
			fx.ResultTags(tag, tag),
		)),
	)
}

// deps is what a client takes from the graph besides its own backend. fx wants
// a struct with optional fields in one constructor, and tags that depend on
// the client's name in another, so deps carries the former to the latter.
type deps struct{ in depsIn }

type depsIn struct {
	fx.In
	Lifecycle fx.Lifecycle
	Shared    *shared      `optional:"true"`
	Logger    *slog.Logger `optional:"true"`
	Providers providers
	Stages    []core.Stage `group:"penstock.stages"`
}

func newDeps(in depsIn) deps { return deps{in} }

func build[C any](d deps, opts []Option, f pool.Factory[C], b Backend[C], own []core.Stage) (*pool.Pool[C], *core.Client[C], error) {
	if f == nil {
		return nil, nil, errors.New("fxmodule: the pool.Factory is nil")
	}
	s := d.in.Shared.resolve(opts)
	// The name must tell this client from the others of the application.
	b.Pool.Name = cmp.Or(b.Pool.Name, s.name, strings.TrimLeft(reflect.TypeFor[C]().String(), "*"))
	if s.start > StartLazy {
		return nil, nil, fmt.Errorf("fxmodule: unknown start mode %d", s.start)
	}
	tracer, meter, err := d.in.Providers.pick(s)
	if err != nil {
		return nil, nil, err
	}
	telemetry := slices.Concat(
		[]otelx.Option{otelx.WithTracerProvider(tracer), otelx.WithMeterProvider(meter), otelx.WithPoolName(b.Pool.Name)},
		b.Telemetry,
	)
	observer, observerErr := otelx.NewObserver(telemetry...)
	cfg := core.ClientConfig[C]{Classifier: b.Classifier, Timeout: s.timeout}
	if observerErr == nil && observer.Enabled() { // without anybody who listens, the chain is not slowed down
		cfg.Observer = observer
		b.Pool.Observer = observer
		s.chain.Health.Observer = observer
	}
	p, poolErr := pool.New(f, b.Pool)
	cfg.Source = p
	if b.Probe != nil && s.chain.Health.Probe == nil {
		s.chain.Health.Probe = func(ctx context.Context) error { return b.Probe(p)(ctx) }
	}
	s.chain.Name = cmp.Or(s.chain.Name, b.Pool.Name)
	s.chain.Stages = slices.Concat(s.chain.Stages, d.in.Stages, own)
	client, clientErr := middleware.NewClient(cfg, s.chain)
	if err := errors.Join(observerErr, poolErr, clientErr); err != nil { // all that is wrong, in one error
		return nil, nil, err
	}
	// Last, because nobody takes it back if a constructor fails.
	if err := observer.RegisterPool(p.Name(), p.Stats); err != nil {
		return nil, nil, err
	}
	l := &lifecycle[C]{mode: s.start, pool: p, client: client, observer: observer, meter: meter, logger: logger(d.in.Logger)}
	d.in.Lifecycle.Append(fx.StartStopHook(l.start, l.stop))
	return p, client, nil
}
