// SPDX-License-Identifier: Apache-2.0

// Custom-middleware shows two stages of an application's own: an audit that logs each
// attempt that failed (audit.go), and a quota that refuses a tenant's operations beyond
// its share (quota.go). The backend is one of its own, too (line.go).
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

func main() { fx.New(app()).Run() }

func app() fx.Option {
	return fx.Options(
		fxmodule.WithLogger(),
		fxmodule.Module(fxmodule.Config(penstock.Config{Chain: middleware.Config{Retry: retry.Config{Interval: 10 * time.Millisecond}}})),
		fxmodule.Telemetry(),
		fxmodule.Client[*Line](),
		fxmodule.AsMiddleware(NewAudit, fxmodule.After("retry")),
		fxmodule.AsMiddleware(NewQuota, fxmodule.Before("breaker")),
		fx.Supply(penstock.Backend[*Line]{Factory: Lines{}, Classifier: classify}, newLogger()),
		fx.Supply(Quota{Rate: 0.1, Burst: 2, MaxTenants: 1000}),
		fx.Invoke(questions),
	)
}

var ask = core.Op{Name: "Ask", Safety: core.ReadOnly}

// questions asks for two tenants, and ends the application.
func questions(lifecycle fx.Lifecycle, stop fx.Shutdowner, client *penstock.Client[*Line]) {
	lifecycle.Append(fx.StartHook(func(ctx context.Context) error {
		fmt.Println(client.Chain())
		for _, tenant := range []string{"red", "red", "red", "blue"} {
			answer, err := core.Do(WithTenant(ctx, tenant), client, ask, func(_ context.Context, l *Line) (string, error) {
				return l.Ask("everything")
			})
			if err != nil {
				answer = err.Error()
			}
			fmt.Printf("%s: %s\n", tenant, answer)
		}
		return stop.Shutdown()
	}))
}
