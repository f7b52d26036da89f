// SPDX-License-Identifier: Apache-2.0

package milvus_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/milvus-io/milvus-sdk-go/v2/client"
	"github.com/milvus-io/milvus-sdk-go/v2/entity"
	"go.uber.org/goleak"
	"google.golang.org/grpc/codes"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/pool/milvus"
	"github.com/penstock-go/penstock/pool/milvus/milvustest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// enough is longer than any test here takes.
const enough = 20 * time.Second

func start(t *testing.T, cfg milvustest.Config) *milvustest.Server {
	t.Helper()
	return milvustest.Start(t, cfg)
}

func newFactory(t *testing.T, cfg milvus.Config) *milvus.Factory {
	t.Helper()
	f, err := milvus.NewFactory(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func dial(t *testing.T, f *milvus.Factory) *milvus.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), enough)
	defer cancel()
	c, err := f.Dial(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(context.Background(), c); err != nil {
			t.Error(err)
		}
	})
	return c
}

// connect returns a connection to srv.
func connect(t *testing.T, srv *milvustest.Server) *milvus.Conn {
	t.Helper()
	return dial(t, newFactory(t, milvus.Config{Address: srv.Addr()}))
}

// dialError returns the error of a dial with cfg, which must fail.
func dialError(t *testing.T, cfg milvus.Config) *milvus.Error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), enough)
	defer cancel()
	f := newFactory(t, cfg)
	c, err := f.Dial(ctx)
	if err == nil {
		f.Close(ctx, c)
		t.Fatal("Dial succeeded")
	}
	if ctx.Err() != nil {
		t.Fatalf("Dial needed all of its time: %v", err)
	}
	return asError(t, err)
}

func asError(t *testing.T, err error) *milvus.Error {
	t.Helper()
	e, ok := errors.AsType[*milvus.Error](err)
	if !ok {
		t.Fatalf("error is %T %v, want a *milvus.Error", err, err)
	}
	return e
}

func wantStatus(t *testing.T, err error, code int32, grpc codes.Code) {
	t.Helper()
	if e := asError(t, err); e.Code != code || e.GRPC != grpc {
		t.Errorf("%v has Code %d and GRPC %v, want %d and %v", e, e.Code, e.GRPC, code, grpc)
	}
}

func wantClass(t *testing.T, err error, want core.Class) {
	t.Helper()
	got := milvus.Classify(err)
	if want.ErrorType == "" {
		want.ErrorType = got.ErrorType
	}
	if got != want {
		t.Errorf("Classify(%v) = %+v, want %+v", err, got, want)
	}
}

// createDocs creates the collection docs with a field for the key and a vector
// field of that name.
func createDocs(t *testing.T, c *milvus.Conn, vector string) {
	t.Helper()
	schema := entity.NewSchema().WithName("docs").
		WithField(entity.NewField().WithName("id").WithDataType(entity.FieldTypeInt64).WithIsPrimaryKey(true)).
		WithField(entity.NewField().WithName(vector).WithDataType(entity.FieldTypeFloatVector).WithDim(2))
	if err := c.CreateCollection(t.Context(), schema, 1); err != nil {
		t.Fatal(err)
	}
}

func loadDocs(t *testing.T, c *milvus.Conn, vector string) {
	t.Helper()
	index, err := entity.NewIndexFlat(entity.L2)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.CreateIndex(t.Context(), "docs", vector, index, false); err != nil {
		t.Fatal(err)
	}
	if err := c.LoadCollection(t.Context(), "docs", true); err != nil {
		t.Fatal(err)
	}
}

func insert(ctx context.Context, c *milvus.Conn, vector string, ids ...int64) error {
	vectors := make([][]float32, len(ids))
	for i, id := range ids {
		vectors[i] = []float32{float32(id), 0}
	}
	_, err := c.Insert(ctx, "docs", "", entity.NewColumnInt64("id", ids), entity.NewColumnFloatVector(vector, 2, vectors))
	return err
}

func search(ctx context.Context, c *milvus.Conn, vector string, queries int) ([]client.SearchResult, error) {
	param, err := entity.NewIndexFlatSearchParam()
	if err != nil {
		return nil, err
	}
	vectors := make([]entity.Vector, queries)
	for i := range vectors {
		vectors[i] = entity.FloatVector{0, 0}
	}
	return c.Search(ctx, "docs", nil, "", nil, vectors, vector, entity.L2, 1, param)
}
