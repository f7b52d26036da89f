// SPDX-License-Identifier: Apache-2.0

package catalog_test

import (
	"context"
	"testing"
	"time"

	"github.com/milvus-io/milvus-sdk-go/v2/entity"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	catalog "github.com/penstock-go/penstock/examples/testing"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/retry"
	"github.com/penstock-go/penstock/pool/milvus"
	"github.com/penstock-go/penstock/pool/milvus/milvustest"
)

// open returns a client of the server, closed with the test. It repeats an attempt at
// once: time is real here.
func open(t *testing.T, srv *milvustest.Server, processors ...sdktrace.SpanProcessor) *penstock.Client[*milvus.Conn] {
	t.Helper()
	var options []sdktrace.TracerProviderOption
	for _, p := range processors {
		options = append(options, sdktrace.WithSpanProcessor(p))
	}
	client, err := milvus.Open(t.Context(), milvus.Config{Address: srv.Addr()}, penstock.Config{
		Chain:          middleware.Config{Retry: retry.Config{Interval: time.Millisecond}},
		TracerProvider: sdktrace.NewTracerProvider(options...),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := client.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return client
}

// The server speaks the protocol of Milvus, and starts in a millisecond.
func TestTheCatalogSeesACollectionOfMilvus(t *testing.T) {
	srv := milvustest.Start(t)
	client := open(t, srv)
	docs := catalog.New(client, "docs")
	if has, fresh, err := docs.Has(t.Context()); has || !fresh || err != nil {
		t.Fatalf("Has = %t, %t, %v, want a fresh false", has, fresh, err)
	}
	_, err := core.Do(t.Context(), client, milvus.CreateCollection("docs"), func(ctx context.Context, conn *milvus.Conn) (struct{}, error) {
		return struct{}{}, conn.CreateCollection(ctx, entity.NewSchema().WithName("docs").
			WithField(entity.NewField().WithName("id").WithDataType(entity.FieldTypeInt64).WithIsPrimaryKey(true)).
			WithField(entity.NewField().WithName("v").WithDataType(entity.FieldTypeFloatVector).WithDim(2)), 1)
	})
	if err != nil {
		t.Fatal(err)
	}
	if has, fresh, err := docs.Has(t.Context()); !has || !fresh || err != nil {
		t.Errorf("Has = %t, %t, %v, want a fresh true", has, fresh, err)
	}
}

// A fault strikes as often as the test says, and the server counts the calls.
func TestALostConnectionIsNotSeen(t *testing.T) {
	srv := milvustest.Start(t)
	docs := catalog.New(open(t, srv), "docs")
	srv.Inject(milvustest.Fault{Method: "HasCollection", Drop: true, Times: 1})
	if _, fresh, err := docs.Has(t.Context()); !fresh || err != nil {
		t.Errorf("Has = fresh: %t, %v, want a fresh answer", fresh, err)
	}
	if calls := srv.Calls("HasCollection"); calls != 2 {
		t.Errorf("the server was asked %d times, want 2", calls)
	}
}
