// SPDX-License-Identifier: Apache-2.0

// Httpapi is a client for an HTTP API, wired by fx; it is explained in
// docs/own-backend.md. The program brings the API along.
package main

import (
	"go.uber.org/fx"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/fxmodule"
	"github.com/penstock-go/penstock/pool"
)

func main() {
	fx.New(
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
	).Run()
}
