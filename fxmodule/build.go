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

	"go.uber.org/fx"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/pool"
)

// given is what the graph has for one client. All of it is optional.
type given[C any] struct {
	factory    pool.Factory[C]
	backend    penstock.Backend[C]
	stages     []middleware.Stage
	classifier core.Classifier
	observer   core.Observer
}

// built is a client that is not started, or the fault of its wiring.
type built[C any] struct {
	lifecycle *lifecycle[C]
	hooks     fx.Lifecycle
	err       error
	asked     bool // whether anything asks for the client
}

// check returns the fault. A client that nothing asks for is closed when the application
// starts, so that no penstock.Watcher goes on looking at it.
func (b *built[C]) check() error {
	if b.err == nil {
		b.hooks.Append(fx.StartHook(func(ctx context.Context) error {
			if b.asked {
				return nil
			}
			return b.lifecycle.client.Close(ctx)
		}))
	}
	return b.err
}

// run lets the client start and stop with the application. fx calls it if anything asks
// for the client.
func (b *built[C]) run() (*lifecycle[C], error) {
	if b.err != nil {
		return nil, b.err
	}
	b.asked = true
	b.hooks.Append(fx.StartStopHook(b.lifecycle.start, b.lifecycle.stop))
	return b.lifecycle, nil
}

// wiringError is an error that names the client and the remedy. [Explain] finds it
// below the frames of fx.
type wiringError struct{ error }

func (e *wiringError) Unwrap() error { return e.error }

// build makes the client of the member with that number.
func build[C any](d deps, number int64, g given[C]) *built[C] {
	at := slices.IndexFunc(d.in.Members, func(m *member) bool { return m.number == number })
	m := d.in.Members[at]
	s := d.in.Shared.resolve(m.opts)
	cfg, err := configuration(d, s, m, g)
	if err == nil {
		err = complete(&g, s, m)
	}
	if err != nil {
		return &built[C]{err: &wiringError{err}}
	}
	without := func(cfg *penstock.Config) (err error) {
		if cfg.Chain, err = cfg.Chain.Without(s.without...); err != nil {
			err = fmt.Errorf("fxmodule: %s: option Without: %w", m.who(), err)
		}
		return err
	}
	if d.in.File != nil && d.in.File.err != nil {
		return &built[C]{err: d.in.File.err}
	}
	client, err := newClient(d.in.File, m.name, g.backend, cfg, without)
	if err != nil {
		return &built[C]{err: &wiringError{err}}
	}
	return &built[C]{
		lifecycle: &lifecycle[C]{mode: s.start, client: client, logger: cfg.Logger, who: m.who(), me: m, all: d.in.Members},
		hooks:     d.in.Lifecycle,
	}
}

// newClient makes the client with that name, with the settings of the file if there is one.
// finish completes the settings.
func newClient[C any](file *fromFile, name string, b penstock.Backend[C], cfg penstock.Config, finish func(*penstock.Config) error) (*penstock.Client[C], error) {
	if file == nil {
		finishErr := finish(&cfg)
		client, err := penstock.New(b, cfg)
		return client, errors.Join(finishErr, err)
	}
	c, fileErr := file.configure(name, b.Pool, cfg, finish)
	b.Pool = c.first.Pool
	client, err := penstock.New(b, c.first.Config)
	if err = errors.Join(fileErr, err); err != nil {
		if c.first.Explain != nil {
			err = c.first.Explain(err)
		}
		return nil, err
	}
	if err := file.join(c, client); err != nil {
		_ = client.Close(context.Background()) // it has not dialed, so there is nothing to wait for
		return nil, err
	}
	return client, nil
}

// complete fills in what the backend leaves to the graph.
func complete[C any](g *given[C], s settings, m *member) error {
	b, conn := &g.backend, reflect.TypeFor[C]()
	switch {
	case s.start > StartLazy:
		return fmt.Errorf("fxmodule: %s: the start mode is %v: use StartEager, StartBackground or StartLazy", m.who(), s.start)
	case b.Factory == nil && g.factory == nil:
		return m.noFactory(fmt.Sprintf("pool.Factory[%v] or a penstock.Backend[%v] that has a Factory", conn, conn))
	case b.Factory != nil && g.factory != nil:
		return fmt.Errorf("fxmodule: %s has two factories: leave out the pool.Factory[%v]%s or the Factory of its penstock.Backend", m.who(), conn, withName(s.name))
	case b.Factory == nil:
		b.Factory = g.factory
	}
	switch {
	case g.classifier != nil && b.Classifier != nil:
		return fmt.Errorf("fxmodule: %s has two classifiers: leave out the core.Classifier%s or the Classifier of its penstock.Backend", m.who(), withName(s.name))
	case b.Classifier == nil:
		b.Classifier = g.classifier
	}
	// Pool names tell the clients of an application apart.
	b.Pool.Name = cmp.Or(b.Pool.Name, s.name)
	return nil
}

// configuration returns the configuration of a client: what its options say, and for
// the rest what the graph has.
func configuration[C any](d deps, s settings, m *member, g given[C]) (cfg penstock.Config, err error) {
	if s.client != nil {
		cfg = *s.client
	}
	if cfg.Logger == nil {
		cfg.Logger = logger(d.in.Logger)
	}
	if cfg.Observer == nil && g.observer != nil {
		if cfg.TracerProvider != nil || cfg.MeterProvider != nil || len(cfg.Telemetry) > 0 || cfg.UseTime {
			return cfg, fmt.Errorf("fxmodule: %s: its fxmodule.Config sets TracerProvider, MeterProvider, Telemetry or UseTime, and the graph has a core.Observer, which takes the place of them: leave out one or the other", m.who())
		}
		cfg.Observer = g.observer
	}
	if cfg.Observer == nil {
		if cfg.TracerProvider, cfg.MeterProvider, err = d.in.Providers.pick(cfg.TracerProvider, cfg.MeterProvider); err != nil {
			return cfg, fmt.Errorf("fxmodule: %s: %w", m.who(), err)
		}
	}
	if s.order != nil {
		cfg.Chain.Order = s.order
	}
	cfg.Chain.Stages = slices.Concat(cfg.Chain.Stages, d.in.Stages, g.stages)
	cfg.Watchers = slices.Concat(cfg.Watchers, d.in.Watchers)
	return cfg, nil
}

func logger(l *slog.Logger) *slog.Logger {
	if l == nil {
		return slog.Default()
	}
	return l
}
