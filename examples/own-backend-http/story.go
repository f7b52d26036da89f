// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"

	"go.uber.org/fx"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
)

var getBook = core.Op{Name: "GetBook", Safety: core.ReadOnly}

// story asks for two books when the application has started, and ends it.
func story(lifecycle fx.Lifecycle, stop fx.Shutdowner, client *penstock.Client[*API]) {
	lifecycle.Append(fx.StartHook(func(ctx context.Context) error {
		for _, path := range []string{"/books/1", "/books/2"} {
			attempts := 0
			title, err := core.Do(ctx, client, getBook, func(ctx context.Context, api *API) (string, error) {
				attempts++
				return api.Get(ctx, path)
			})
			fmt.Printf("%s: %q, %v (attempts: %d)\n", path, title, err, attempts)
		}
		return stop.Shutdown()
	}))
}
