// SPDX-License-Identifier: Apache-2.0

package fxmodule

import (
	"context"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/pool"
)

// reconfigure gives a client that runs the settings of a file.
func reconfigure[C any](ctx context.Context, client *penstock.Client[C], p pool.Config, cfg penstock.Config, by string) error {
	return client.Reconfigure(ctx, penstock.Change{Pool: p, Config: cfg, By: by})
}
