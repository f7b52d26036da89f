// SPDX-License-Identifier: Apache-2.0

package fxmodule

import (
	"fmt"
	"log/slog"
	"reflect"
	"strings"

	"go.uber.org/fx"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/health"
	"github.com/penstock-go/penstock/pool"
)

// Client provides a *penstock.Client[C], and the *core.Client[C] and *pool.Pool[C]
// within it. The graph must hold a penstock.Backend[C] or a pool.Factory[C]. It may
// hold both, if the Backend leaves the Factory out. A core.Classifier in the graph is
// for a Backend without one. A core.Observer in the graph takes the place of telemetry.
// The client starts and stops with the application, see [StartMode], if anything asks
// for it; see also [Ready].
//
// A client with a name also provides its *breaker.Breaker, *health.Monitor,
// *middleware.Chain and *otelx.Observer, with the same tag. [Module] provides the
// parts of the client without a name. To ask for a part that the client does not have is an error.
// The methods of penstock.Client return nil for such a part.
//
// The client is configured by [Config] alone. Three things are errors of the
// application, whether or not anything asks for a client: wiring of which no client can
// be made, a value in the graph for a client that no client takes, and a pointer to such
// a value.
//
// Several clients of one type need names, see [Named]. If two have the same name, or
// none, fx reports that useNamedForASecondClientOf of the type is provided already.
func Client[C any](opts ...Option) fx.Option {
	name := Name(opts...)
	if strings.ContainsAny(name, "\"`\\") {
		return fx.Error(fmt.Errorf("fxmodule: the name %q of a client must be usable in a struct tag: leave out quotation marks and backslashes", name))
	}
	const shared = `optional:"true"`
	tag, own := NameTag(opts...), strings.TrimSpace(NameTag(opts...)+" "+shared)
	m := newMember[C](name, opts)
	construct := func(d deps, f pool.Factory[C], b penstock.Backend[C], stages []middleware.Stage, c core.Classifier, o, all core.Observer) *built[C] {
		if o == nil {
			o = all
		}
		return build(d, m.number, given[C]{factory: f, backend: b, stages: stages, classifier: c, observer: o})
	}
	return fx.Module("penstock.client["+reflect.TypeFor[C]().String()+"]",
		// Come first, so that of two clients the error of fx names these.
		markers[C](name, tag),
		fx.Provide(newDeps, fx.Private),
		fx.Provide(fx.Annotate(construct, fx.ParamTags("", own, own, stagesOf(name), own, own, shared)), fx.Private),
		fx.Provide((*built[C]).run, fx.Private),
		fx.Provide(fx.Annotate((*lifecycle[C]).provided, fx.ResultTags(tag, tag, `group:"penstock.ready"`))),
		fx.Provide(fx.Annotate((*lifecycle[C]).pool, fx.ResultTags(tag))),
		partsOf[C](name, tag),
		m.option(),
		fx.Invoke(check),
		// fx would wrap the error of a constructor in its frames.
		fx.Invoke((*built[C]).check),
	)
}

// useNamedForASecondClientOf is provided by each client of C. The error of fx for two
// clients of one name says only that a type is provided already, so the name of the
// type says what to do.
type useNamedForASecondClientOf[C any] struct{}

// useAnotherNameForASecondClient is provided by each client with a name. The parts of
// two clients of one name would have the same keys, also if the clients have two types.
type useAnotherNameForASecondClient struct{}

func markers[C any](name, tag string) fx.Option {
	of := fx.Provide(fx.Annotate(func() useNamedForASecondClientOf[C] { return useNamedForASecondClientOf[C]{} }, fx.ResultTags(tag)))
	if name == "" {
		return of
	}
	return fx.Options(of, fx.Provide(fx.Annotate(func() useAnotherNameForASecondClient { return useAnotherNameForASecondClient{} }, fx.ResultTags(tag))))
}

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
	Watchers  []penstock.Watcher `group:"penstock.watchers"`
	File      *fromFile          `optional:"true"`
}

func newDeps(in depsIn) deps { return deps{in} }

// provided returns what the graph gets of a client.
func (l *lifecycle[C]) provided() (*penstock.Client[C], *core.Client[C], health.Check) {
	return l.client, l.client.Client, health.Check{Name: l.client.Name(), Ask: l.ready}
}

// pool returns the pool of the client.
func (l *lifecycle[C]) pool() (*pool.Pool[C], error) {
	if p := l.client.Pool(); p != nil {
		return p, nil
	}
	return nil, &wiringError{fmt.Errorf("fxmodule: %s has no single *pool.Pool: it has lanes or several addresses, so take the *penstock.Client and its PoolStats and Endpoints", l.who)}
}
