// SPDX-License-Identifier: Apache-2.0

package milvustest_test

import (
	"context"
	"slices"
	"testing"
	"time"

	grpc_retry "github.com/grpc-ecosystem/go-grpc-middleware/retry"
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-sdk-go/v2/client"
	"github.com/milvus-io/milvus-sdk-go/v2/entity"
	"github.com/penstock-go/penstock/pool/milvus/milvustest"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials/insecure"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start returns a server that is closed at the end of the test, when nothing of
// it and of its clients may be left.
func start(t testing.TB, cfg milvustest.Config) *milvustest.Server {
	t.Helper()
	before := goleak.IgnoreCurrent()
	srv, err := milvustest.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := srv.Close(); err != nil {
			t.Errorf("Close = %v", err)
		}
		if err := goleak.Find(before); err != nil {
			t.Error(err)
		}
	})
	return srv
}

// testContext ends before the test runner loses its patience.
func testContext(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// dialOptions are those of the SDK without its retries.
func dialOptions(more ...grpc.DialOption) []grpc.DialOption {
	opts := append(slices.Clone(client.DefaultGrpcOpts), grpc.WithDefaultCallOptions(grpc_retry.Disable()))
	return append(opts, more...)
}

// connect returns an SDK client of the server that does not retry.
func connect(t testing.TB, srv *milvustest.Server, more ...grpc.DialOption) client.Client {
	t.Helper()
	return connectWith(t, client.Config{Address: srv.Addr(), DialOptions: dialOptions(more...)})
}

func connectWith(t testing.TB, cfg client.Config) client.Client {
	t.Helper()
	cfg.RetryRateLimit = &client.RetryRateLimitOption{MaxRetry: 0}
	c, err := client.NewClient(testContext(t), cfg)
	if err != nil {
		t.Fatalf("NewClient: %v", err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// stub returns a client of the bare protocol, for requests that the SDK would
// not send.
func stub(t testing.TB, srv *milvustest.Server) milvuspb.MilvusServiceClient {
	t.Helper()
	cc, err := grpc.NewClient("passthrough:///"+srv.Addr(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cc.Close() })
	return milvuspb.NewMilvusServiceClient(cc)
}

// awaitReady waits until the client has a connection.
func awaitReady(t testing.TB, c client.Client) {
	t.Helper()
	cc := c.(*client.GrpcClient).Conn
	for state := cc.GetState(); state != connectivity.Ready; state = cc.GetState() {
		cc.Connect()
		if !cc.WaitForStateChange(testContext(t), state) {
			t.Fatalf("the client stays %v", state)
		}
	}
}

// awaitLost waits until the client has noticed that its connection is broken.
func awaitLost(t testing.TB, c client.Client) {
	t.Helper()
	if !c.(*client.GrpcClient).Conn.WaitForStateChange(testContext(t), connectivity.Ready) {
		t.Fatal("the client does not notice that its connection is broken")
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

const dim = 4

// schemaOf is a schema with a field of every type that filters know.
func schemaOf(name string) *entity.Schema {
	return entity.NewSchema().WithName(name).WithDescription("a test").
		WithField(entity.NewField().WithName("id").WithDataType(entity.FieldTypeInt64).WithIsPrimaryKey(true)).
		WithField(entity.NewField().WithName("age").WithDataType(entity.FieldTypeInt8)).
		WithField(entity.NewField().WithName("size").WithDataType(entity.FieldTypeFloat)).
		WithField(entity.NewField().WithName("weight").WithDataType(entity.FieldTypeDouble)).
		WithField(entity.NewField().WithName("name").WithDataType(entity.FieldTypeVarChar).WithMaxLength(20)).
		WithField(entity.NewField().WithName("active").WithDataType(entity.FieldTypeBool)).
		WithField(entity.NewField().WithName("meta").WithDataType(entity.FieldTypeJSON)).
		WithField(entity.NewField().WithName("vec").WithDataType(entity.FieldTypeFloatVector).WithDim(dim))
}

// people are rows of schemaOf with the keys 1 to 5.
func people() []entity.Column {
	return []entity.Column{
		entity.NewColumnInt64("id", []int64{3, 1, 2, 5, 4}),
		entity.NewColumnInt8("age", []int8{30, 10, 20, 50, 40}),
		entity.NewColumnFloat("size", []float32{0.3, 0.1, 0.2, 0.5, 0.4}),
		entity.NewColumnDouble("weight", []float64{-3.5, -1.5, -2.5, 5.5, 4.5}),
		entity.NewColumnVarChar("name", []string{"cleo", "ann", "bob's", "eve", "dan \"d\""}),
		entity.NewColumnBool("active", []bool{true, true, false, true, false}),
		entity.NewColumnJSONBytes("meta", [][]byte{
			[]byte(`{"n": 3, "deep": {"s": "x"}}`), []byte(`{"n": 1}`), []byte(`{"n": 2.5, "ok": true}`), []byte(`{"n": "five"}`), []byte(`{}`),
		}),
		entity.NewColumnFloatVector("vec", dim, [][]float32{{3, 0, 0, 0}, {1, 0, 0, 0}, {2, 0, 0, 0}, {0, 5, 0, 0}, {0, 4, 0, 0}}),
	}
}

// fill makes a collection of people, ready to be searched.
func fill(t testing.TB, c client.Client, name string, metric entity.MetricType) {
	t.Helper()
	ctx := testContext(t)
	must(t, c.CreateCollection(ctx, schemaOf(name), 1))
	_, err := c.Insert(ctx, name, "", people()...)
	must(t, err)
	load(t, c, name, metric)
}

func load(t testing.TB, c client.Client, name string, metric entity.MetricType) {
	t.Helper()
	ctx := testContext(t)
	idx, err := entity.NewIndexFlat(metric)
	must(t, err)
	must(t, c.CreateIndex(ctx, name, "vec", idx, false))
	// The server loads at once, the client would look for that after 200 ms.
	must(t, c.LoadCollection(ctx, name, true))
}

func search(ctx context.Context, c client.Client, name string, metric entity.MetricType, topK int, expr string, outputs []string, queries ...[]float32) ([]client.SearchResult, error) {
	var vectors []entity.Vector
	for _, q := range queries {
		vectors = append(vectors, entity.FloatVector(q))
	}
	sp, err := entity.NewIndexFlatSearchParam()
	if err != nil {
		return nil, err
	}
	return c.Search(ctx, name, nil, expr, outputs, vectors, "vec", metric, topK, sp)
}

func int64s(t testing.TB, col entity.Column) []int64 {
	t.Helper()
	ids, ok := col.(*entity.ColumnInt64)
	if !ok {
		t.Fatalf("column is %T, want int64", col)
	}
	return ids.Data()
}
