// SPDX-License-Identifier: Apache-2.0

// Custom-middleware shows an fx application with a backend of its own (line.go), whose
// connections are lent exclusively, and a stage of its own (audit.go).
//
//	go run ./examples/custom-middleware
package main

import (
	"context"
	"fmt"
	"time"

	"go.uber.org/fx"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/fxmodule"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/retry"
)

func main() {
	fx.New(
		fxmodule.Module(fxmodule.Config(penstock.Config{Chain: middleware.Config{Retry: retry.Config{Interval: 10 * time.Millisecond}}})),
		fxmodule.Telemetry(),
		fxmodule.Client[*Line](),
		fxmodule.AsMiddleware(NewAudit, fxmodule.After("retry")),
		fx.Supply(penstock.Backend[*Line]{Factory: Lines{}, Classifier: classify}, newLogger()),
		fx.Invoke(question),
		fx.NopLogger,
	).Run()
}

var ask = core.Op{Name: "Ask", Safety: core.ReadOnly}

func question(lifecycle fx.Lifecycle, stop fx.Shutdowner, client *penstock.Client[*Line]) {
	lifecycle.Append(fx.StartHook(func(ctx context.Context) error {
		answer, err := core.Do(ctx, client, ask, func(_ context.Context, l *Line) (string, error) {
			return l.Ask("everything")
		})
		if err != nil {
			return err
		}
		fmt.Println(answer)
		fmt.Println(client.Chain())
		return stop.Shutdown()
	}))
}
