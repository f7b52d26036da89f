// SPDX-License-Identifier: Apache-2.0

package milvusv2_test

import (
	"context"
	"errors"
	"net"
	"strconv"
	"strings"
	"testing"

	"github.com/milvus-io/milvus/client/v2/entity"
	"github.com/milvus-io/milvus/client/v2/milvusclient"
	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/otelx/otelxtest"
	"github.com/penstock-go/penstock/pool/milvus/milvustest"
	"github.com/penstock-go/penstock/pool/milvusv2"
)

// observed is a client whose telemetry is kept, and its server.
type observed struct {
	*penstock.Client[*milvusv2.Conn]
	srv    *milvustest.Server
	spans  *tracetest.SpanRecorder
	reader *sdkmetric.ManualReader
}

func observe(t *testing.T, cfg milvusv2.Config) *observed {
	t.Helper()
	o := &observed{srv: start(t, milvustest.Config{}), spans: tracetest.NewSpanRecorder(), reader: sdkmetric.NewManualReader()}
	cfg.Address = o.srv.Addr()
	var err error
	o.Client, err = milvusv2.Open(t.Context(), cfg, penstock.Config{
		TracerProvider: sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(o.spans)),
		MeterProvider:  sdkmetric.NewMeterProvider(sdkmetric.WithReader(o.reader)),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := o.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return o
}

func (o *observed) do(t *testing.T, op core.Op, fn func(context.Context, *milvusv2.Conn) error) {
	t.Helper()
	_, err := core.Do(t.Context(), o, op, func(ctx context.Context, c *milvusv2.Conn) (any, error) { return nil, fn(ctx, c) })
	if err != nil {
		t.Fatal(err)
	}
}

// wantSpan checks the attributes of one span, and that each of the absent keys is not there.
func (o *observed) wantSpan(t *testing.T, name string, absent []attribute.Key, want ...attribute.KeyValue) {
	t.Helper()
	otelxtest.AssertSpan(t, o.spans.Ended(), otelxtest.Span{Name: name, Attributes: want})
	for _, span := range o.spans.Ended() {
		for _, kv := range span.Attributes() {
			for _, key := range absent {
				if span.Name() == name && kv.Key == key {
					t.Errorf("span %s has %s=%s", name, key, kv.Value.String())
				}
			}
		}
	}
}

func TestSpansSayWhatMilvusWasAskedFor(t *testing.T) {
	o := observe(t, milvusv2.Config{})
	host, text, err := net.SplitHostPort(o.srv.Addr())
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	o.do(t, core.Op{Name: "Setup"}, func(ctx context.Context, c *milvusv2.Conn) error {
		if err := createDatabaseOn(ctx, c, "tenant"); err != nil {
			return err
		}
		if err := c.CreateCollection(ctx, milvusclient.NewCreateCollectionOption("docs", docs("v")).WithConsistencyLevel(entity.ClSession)); err != nil {
			return err
		}
		return loadDocsOn(ctx, c, "v")
	})
	o.do(t, milvusv2.Insert("docs"), func(ctx context.Context, c *milvusv2.Conn) error { return insert(ctx, c, "v", 1, 2, 3) })
	o.do(t, milvusv2.Upsert("docs"), func(ctx context.Context, c *milvusv2.Conn) error {
		_, err := c.Upsert(ctx, rows("v", 3))
		return err
	})
	o.do(t, milvusv2.Search("docs"), func(ctx context.Context, c *milvusv2.Conn) error {
		vectors := []entity.Vector{entity.FloatVector{0, 0}, entity.FloatVector{1, 0}}
		_, err := c.Search(ctx, milvusclient.NewSearchOption("docs", 2, vectors).WithANNSField("v").
			WithFilter("id > 1").WithPartitions("_default").WithConsistencyLevel(entity.ClStrong))
		return err
	})
	o.do(t, milvusv2.Query("docs"), func(ctx context.Context, c *milvusv2.Conn) error { return queryDocs(ctx, c) })
	o.do(t, milvusv2.Delete("docs"), func(ctx context.Context, c *milvusv2.Conn) error {
		_, err := c.Delete(ctx, milvusclient.NewDeleteOption("docs").WithPartition("_default").WithExpr("id in [1]"))
		return err
	})
	o.do(t, milvusv2.ListCollections(), func(ctx context.Context, c *milvusv2.Conn) error {
		_, err := hasCollectionOn(milvusv2.WithDatabase(ctx, "tenant"), c, "docs")
		return err
	})

	peer := []attribute.KeyValue{attribute.String("network.peer.address", host), attribute.Int("network.peer.port", port)}
	noFilter := []attribute.Key{"db.query.text"}
	o.wantSpan(t, "Insert docs", noFilter, append(peer, attribute.Int("milvus.rows_written", 3), attribute.String("db.namespace", "default"))...)
	o.wantSpan(t, "Upsert docs", noFilter, attribute.Int("milvus.rows_written", 1))
	o.wantSpan(t, "Search docs", noFilter, append(peer,
		attribute.String("milvus.consistency_level", "Strong"), attribute.Int("milvus.search.top_k", 2), attribute.Int("milvus.search.vectors", 2),
		attribute.Int("milvus.partitions", 1))...)
	o.wantSpan(t, "Query docs", noFilter, attribute.String("milvus.consistency_level", "Session"))
	o.wantSpan(t, "Delete docs", noFilter, attribute.Int("milvus.partitions", 1), attribute.Int("milvus.rows_written", 1))
	o.wantSpan(t, "ListCollections default", noFilter, attribute.String("db.namespace", "tenant"))
}

// queryDocs reads with the consistency level of the collection.
func queryDocs(ctx context.Context, c *milvusv2.Conn) error {
	_, err := c.Query(ctx, milvusclient.NewQueryOption("docs").WithFilter("id > 1").WithOutputFields("id"))
	return err
}

func TestAnAttemptSaysWhatMilvusWasAskedFor(t *testing.T) {
	o := observe(t, milvusv2.Config{QueryText: true})
	o.do(t, core.Op{Name: "Setup"}, func(ctx context.Context, c *milvusv2.Conn) error {
		if err := c.CreateCollection(ctx, milvusclient.NewCreateCollectionOption("docs", docs("v")).WithConsistencyLevel(entity.ClEventually)); err != nil {
			return err
		}
		return loadDocsOn(ctx, c, "v")
	})
	o.srv.Inject(milvustest.Fault{Method: "Query", Status: milvustest.RateLimited("slow down"), Times: 1})
	o.do(t, milvusv2.Query("docs"), queryDocs)
	otelxtest.AssertSpan(t, o.spans.Ended(), otelxtest.Span{Name: "Query attempt", Parent: "Query docs", Attributes: []attribute.KeyValue{
		attribute.String("milvus.consistency_level", "Eventually"), attribute.String("db.query.text", "id > 1"),
	}})
	var rm metricdata.ResourceMetrics
	if err := o.reader.Collect(t.Context(), &rm); err != nil {
		t.Fatal(err)
	}
	otelxtest.AssertMetric(t, rm, otelxtest.Metric{
		Name: "penstock.retries", Attributes: []attribute.KeyValue{attribute.String("error.type", "rate_limited")}, Value: 1,
	})
}

func TestAnErrorAdvises(t *testing.T) {
	c := connect(t, start(t, milvustest.Config{}))
	createDocs(t, c, "v")
	_, err := search(t.Context(), c, "v", 1)
	e, ok := errors.AsType[*milvusv2.Error](err)
	if !ok || e.Advice() == "" || !strings.HasSuffix(err.Error(), e.Advice()) {
		t.Errorf("Search of a collection that is not loaded = %v, want an advice at its end", err)
	}
}
