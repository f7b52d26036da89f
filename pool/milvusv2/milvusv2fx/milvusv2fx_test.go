// SPDX-License-Identifier: Apache-2.0

package milvusv2fx_test

import (
	"context"
	"testing"

	"github.com/milvus-io/milvus/client/v2/milvusclient"

	"github.com/penstock-go/penstock/internal/fxadapter/fxadaptertest"
	"github.com/penstock-go/penstock/pool/milvusv2"
	"github.com/penstock-go/penstock/pool/milvusv2/milvusv2fx"
	own "github.com/penstock-go/penstock/pool/milvusv2/milvusv2fx/testdata/milvusv2"
)

func TestTheModuleProvidesAClientForMilvus(t *testing.T) {
	fxadaptertest.Run(t, fxadaptertest.Adapter[*milvusv2.Conn, milvusv2.Config]{
		Package: "milvusv2fx",
		Config:  "milvusv2.Config",
		Module:  milvusv2fx.Module,
		With: func(address, password string) milvusv2.Config {
			return milvusv2.Config{Address: address, Password: milvusv2.NewSecret(password)}
		},
		Version: func(ctx context.Context, c *milvusv2.Conn) (string, error) {
			return c.GetServerVersion(ctx, milvusclient.NewGetServerVersionOption())
		},
		Own:        own.Config{Answer: 42},
		OwnPointer: &own.Config{},
	})
}
