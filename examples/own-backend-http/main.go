// SPDX-License-Identifier: Apache-2.0

// Own-backend-http shows a client for an HTTP API, wired by fx; docs/own-backend.md
// explains it. The program brings the API along.
//
//	go run ./examples/own-backend-http
package main

import (
	"go.uber.org/fx"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/fxmodule"
	"github.com/penstock-go/penstock/pool"
)

func main() { fx.New(app()).Run() }

func app() fx.Option {
	return fx.Options(
		fxmodule.WithLogger(), // tells errors alone
		fxmodule.Module(),
		fxmodule.Telemetry(), // from the OTEL_* variables
		fxmodule.Client[*API](),
		fx.Supply(penstock.Backend[*API]{
			Factory:    site(),
			Classifier: classify,
			Pool:       pool.Config{Mode: pool.Shared},
			System:     "library",
		}),
		fx.Invoke(story),
	)
}
