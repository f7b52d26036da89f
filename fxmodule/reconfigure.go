// SPDX-License-Identifier: Apache-2.0

package fxmodule

import (
	"context"
	"errors"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/pool"
)

func reconfigure[C any](context.Context, *penstock.Client[C], pool.Config, penstock.Config, string) error {
	return errors.New("restart the program")
}
