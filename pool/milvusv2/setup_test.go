// SPDX-License-Identifier: Apache-2.0

package milvusv2_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/milvus-io/milvus/client/v2/entity"
	"github.com/milvus-io/milvus/client/v2/index"
	"github.com/milvus-io/milvus/client/v2/milvusclient"
	"go.uber.org/goleak"
	"google.golang.org/grpc/codes"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/pool/milvus/milvustest"
	"github.com/penstock-go/penstock/pool/milvusv2"
)

// A package that the SDK imports starts goroutines of its own, which never end.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m, goleak.IgnoreCurrent()) }

// enough is longer than any test here takes.
const enough = 20 * time.Second

func start(t *testing.T, cfg milvustest.Config) *milvustest.Server {
	t.Helper()
	return milvustest.Start(t, cfg)
}

func newFactory(t *testing.T, cfg milvusv2.Config) *milvusv2.Factory {
	t.Helper()
	f, err := milvusv2.NewFactory(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func dial(t *testing.T, f *milvusv2.Factory) *milvusv2.Conn {
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
func connect(t *testing.T, srv *milvustest.Server) *milvusv2.Conn {
	t.Helper()
	return dial(t, newFactory(t, milvusv2.Config{Address: srv.Addr()}))
}

// dialError returns the error of a dial with cfg, which must fail.
func dialError(t *testing.T, cfg milvusv2.Config) *milvusv2.Error {
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

func asError(t *testing.T, err error) *milvusv2.Error {
	t.Helper()
	e, ok := errors.AsType[*milvusv2.Error](err)
	if !ok {
		t.Fatalf("error is %T %v, want a *milvusv2.Error", err, err)
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
	got := milvusv2.Classify(err)
	if want.ErrorType == "" {
		want.ErrorType = got.ErrorType
	}
	if got != want {
		t.Errorf("Classify(%v) = %+v, want %+v", err, got, want)
	}
}

var (
	useless = core.Class{Verdict: core.Neutral, Retry: core.RetryNever, Conn: core.Keep}
	suspect = core.Class{Verdict: core.Failure, Retry: core.RetryIfIdempotent, Conn: core.Suspect}
)

func with(c core.Class, change func(*core.Class)) core.Class {
	change(&c)
	return c
}

// docs returns the schema of the collection docs with a field for the key and a vector
// field of that name.
func docs(vector string) *entity.Schema {
	return entity.NewSchema().WithName("docs").
		WithField(entity.NewField().WithName("id").WithDataType(entity.FieldTypeInt64).WithIsPrimaryKey(true)).
		WithField(entity.NewField().WithName(vector).WithDataType(entity.FieldTypeFloatVector).WithDim(2))
}

func createDocs(t *testing.T, c *milvusv2.Conn, vector string) {
	t.Helper()
	if err := c.CreateCollection(t.Context(), milvusclient.NewCreateCollectionOption("docs", docs(vector))); err != nil {
		t.Fatal(err)
	}
}

// createWith creates the collection docs, empty and loaded, with a vector field of
// that name and a consistency level.
func createWith(t *testing.T, c *milvusv2.Conn, vector string, level entity.ConsistencyLevel) {
	t.Helper()
	if err := c.CreateCollection(t.Context(), milvusclient.NewCreateCollectionOption("docs", docs(vector)).WithConsistencyLevel(level)); err != nil {
		t.Fatal(err)
	}
	loadDocs(t, c, vector)
}

func loadDocs(t *testing.T, c *milvusv2.Conn, vector string) {
	t.Helper()
	if err := loadDocsOn(t.Context(), c, vector); err != nil {
		t.Fatal(err)
	}
}

func loadDocsOn(ctx context.Context, c *milvusv2.Conn, vector string) error {
	made, err := c.CreateIndex(ctx, milvusclient.NewCreateIndexOption("docs", vector, index.NewFlatIndex(entity.L2)))
	if err != nil {
		return err
	}
	if err := made.Await(ctx); err != nil {
		return err
	}
	loaded, err := c.LoadCollection(ctx, milvusclient.NewLoadCollectionOption("docs"))
	if err != nil {
		return err
	}
	return loaded.Await(ctx)
}

func insert(ctx context.Context, c *milvusv2.Conn, vector string, ids ...int64) error {
	_, err := c.Insert(ctx, rows(vector, ids...))
	return err
}

// rows returns what insert and upsert write.
func rows(vector string, ids ...int64) interface {
	milvusclient.InsertOption
	milvusclient.UpsertOption
} {
	vectors := make([][]float32, len(ids))
	for i, id := range ids {
		vectors[i] = []float32{float32(id), 0}
	}
	return milvusclient.NewColumnBasedInsertOption("docs").WithInt64Column("id", ids).WithFloatVectorColumn(vector, 2, vectors)
}

func search(ctx context.Context, c *milvusv2.Conn, vector string, queries int) ([]milvusclient.ResultSet, error) {
	vectors := make([]entity.Vector, queries)
	for i := range vectors {
		vectors[i] = entity.FloatVector{0, 0}
	}
	return c.Search(ctx, milvusclient.NewSearchOption("docs", 1, vectors).WithANNSField(vector))
}

func query(t *testing.T, c *milvusv2.Conn, output string) error {
	t.Helper()
	_, err := c.Query(t.Context(), milvusclient.NewQueryOption("docs").WithFilter("id > 0").WithOutputFields(output))
	return err
}

func getVersionOn(ctx context.Context, c *milvusv2.Conn) (string, error) {
	return c.GetServerVersion(ctx, milvusclient.NewGetServerVersionOption())
}

func dropCollectionOn(ctx context.Context, c *milvusv2.Conn, name string) error {
	return c.DropCollection(ctx, milvusclient.NewDropCollectionOption(name))
}

func createDatabaseOn(ctx context.Context, c *milvusv2.Conn, name string) error {
	return c.CreateDatabase(ctx, milvusclient.NewCreateDatabaseOption(name))
}

func describeCollectionOn(ctx context.Context, c *milvusv2.Conn, name string) (*entity.Collection, error) {
	return c.DescribeCollection(ctx, milvusclient.NewDescribeCollectionOption(name))
}

// hasCollectionOn asks by ShowCollections: the SDK's HasCollection describes.
func hasCollectionOn(ctx context.Context, c *milvusv2.Conn, name string) (bool, error) {
	names, err := c.ListCollections(ctx, milvusclient.NewListCollectionOption())
	for _, n := range names {
		if n == name {
			return true, err
		}
	}
	return false, err
}

func flushOn(ctx context.Context, c *milvusv2.Conn, name string, async bool) error {
	task, err := c.Flush(ctx, milvusclient.NewFlushOption(name))
	if err != nil || async {
		return err
	}
	return task.Await(ctx)
}
