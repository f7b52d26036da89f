// SPDX-License-Identifier: Apache-2.0

package fxmodule

import (
	"fmt"
	"slices"
	"strings"

	"go.uber.org/fx"

	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/middleware/health"
	"github.com/penstock-go/penstock/otelx"
)

// parts are the parts of a client that the graph gets, of any type of connection.
type parts struct {
	who      string
	chain    *middleware.Chain
	observer *otelx.Observer // nil if the client does not tell OpenTelemetry
}

func (l *lifecycle[C]) parts() *parts {
	observer, _ := l.client.Observer().(*otelx.Observer)
	return &parts{who: l.who, chain: l.client.Chain(), observer: observer}
}

func (p *parts) theChain() *middleware.Chain { return p.chain }

func (p *parts) theBreaker() (*breaker.Breaker, error) {
	return part(p, p.chain.Breaker, "*breaker.Breaker", `keep the stage "breaker" in its chain`)
}

func (p *parts) theMonitor() (*health.Monitor, error) {
	return part(p, p.chain.Monitor, "*health.Monitor", `give its factory a Ping, and keep the stage "health" in its chain`)
}

func (p *parts) theObserver() (*otelx.Observer, error) {
	return part(p, p.observer, "*otelx.Observer", "give it a TracerProvider or a MeterProvider and no core.Observer")
}

// part returns what an application asks for, or the error that the client has none.
func part[P any](p *parts, value *P, what, remedy string) (*P, error) {
	if value == nil {
		return nil, &wiringError{fmt.Errorf("fxmodule: %s has no %s, and the application asks for it: %s, or take the *penstock.Client, whose method returns nil", p.who, what, remedy)}
	}
	return value, nil
}

// partsOf provides the parts of a client. The keys of parts do not have the type of the
// connections. So the parts of a client without a name go to [Module], which provides them
// if there is one such client.
func partsOf[C any](name, tag string) fx.Option {
	if name == "" {
		return fx.Provide(fx.Annotate((*lifecycle[C]).parts, fx.ResultTags(`group:"penstock.parts"`)))
	}
	return fx.Options(fx.Provide((*lifecycle[C]).parts, fx.Private), giveOut(tag))
}

// giveOut provides each of the parts on its own.
func giveOut(tag string) fx.Option {
	return fx.Provide(
		fx.Annotate((*parts).theChain, fx.ResultTags(tag)),
		fx.Annotate((*parts).theBreaker, fx.ResultTags(tag)),
		fx.Annotate((*parts).theMonitor, fx.ResultTags(tag)),
		fx.Annotate((*parts).theObserver, fx.ResultTags(tag)),
	)
}

type unnamed struct {
	fx.In
	Parts []*parts `group:"penstock.parts"`
}

// only returns the parts of the client without a name.
func (u unnamed) only() (*parts, error) {
	switch len(u.Parts) {
	case 1:
		return u.Parts[0], nil
	case 0:
		return nil, &wiringError{fmt.Errorf("fxmodule: the application asks for a part of the client without a name, and no client is without one: ask with the tag name:\"...\" of a client")}
	default:
		var who []string
		for _, p := range u.Parts {
			who = append(who, p.who)
		}
		slices.Sort(who) // fx shuffles groups
		return nil, &wiringError{fmt.Errorf("fxmodule: the application asks for a part of the client without a name, and there are several, %s: give names by fxmodule.Named, and ask with the tag name:\"...\"", strings.Join(who, ", "))}
	}
}
