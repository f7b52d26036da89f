// SPDX-License-Identifier: Apache-2.0

package milvusfx_test

import (
	"context"
	"testing"

	"github.com/penstock-go/penstock/fxmodule/milvusfx"
	own "github.com/penstock-go/penstock/fxmodule/milvusfx/testdata/milvus"
	"github.com/penstock-go/penstock/internal/fxadapter/fxadaptertest"
	"github.com/penstock-go/penstock/pool/milvus"
)

func TestTheModuleProvidesAClientForMilvus(t *testing.T) {
	fxadaptertest.Run(t, fxadaptertest.Adapter[*milvus.Conn, milvus.Config]{
		Package: "milvusfx",
		Config:  "milvus.Config",
		Module:  milvusfx.Module,
		With: func(address, password string) milvus.Config {
			return milvus.Config{Address: address, Password: milvus.NewSecret(password)}
		},
		Version:    func(ctx context.Context, c *milvus.Conn) (string, error) { return c.GetVersion(ctx) },
		Own:        own.Config{Answer: 42},
		OwnPointer: &own.Config{},
	})
}
