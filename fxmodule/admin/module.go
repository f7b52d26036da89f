// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"cmp"
	"context"
	"log/slog"

	"go.uber.org/fx"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/fxmodule/config"
)

// Reload reads the configuration again and applies it. An error means that nothing has
// changed. by is who asks.
type Reload func(ctx context.Context, by string) error

// Module adds an [Admin] that watches every client of package fxmodule, and listens while
// the application runs: it starts before the clients and stops after them. An application
// has one.
//
// Config.Logger and Config.Reload come from the graph if cfg has none: from a
// *slog.Logger, or else slog.Default, and from a [Reload], or else the *config.Watcher of
// fxmodule.FromFile.
func Module(cfg Config) fx.Option {
	return fx.Module("penstock.admin",
		// Comes first, so that of two modules the error of fx names this.
		fx.Provide(func() useOneAdminModule { return useOneAdminModule{} }),
		fx.Provide(func(in moduleIn) (*Admin, error) {
			cfg := cfg
			cfg.Logger = cmp.Or(cfg.Logger, in.Logger, slog.Default())
			if cfg.Reload == nil {
				cfg.Reload = in.Reload
			}
			if cfg.Reload == nil && in.Watcher != nil {
				cfg.Reload = in.Watcher.Reload
			}
			a, err := New(cfg)
			if err != nil {
				return nil, err
			}
			in.Lifecycle.Append(fx.StartStopHook(a.Listen, a.Close))
			return a, nil
		}),
		fx.Provide(fx.Annotate(func(a *Admin) penstock.Watcher { return a }, fx.ResultTags(`group:"penstock.watchers"`))),
		fx.Invoke(func(*Admin) {}),
	)
}

// useOneAdminModule is provided by each Module. The error of fx for two of them says only
// that a type is provided already, so the name of the type says what to do.
type useOneAdminModule struct{}

type moduleIn struct {
	fx.In
	Lifecycle fx.Lifecycle
	Logger    *slog.Logger    `optional:"true"`
	Reload    Reload          `optional:"true"`
	Watcher   *config.Watcher `optional:"true"`
}
