// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"

	"go.uber.org/fx"
)

// fx finds everything that the application asks for.
func TestTheWiringIsWhole(t *testing.T) {
	t.Setenv("MILVUS_ADDRESS", "localhost:19530") // nothing connects
	if err := fx.ValidateApp(app()); err != nil {
		t.Error(err)
	}
}
