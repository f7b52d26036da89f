// SPDX-License-Identifier: Apache-2.0

package integration_test

import (
	"context"
	"errors"
	"maps"
	"net"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/milvus-io/milvus-sdk-go/v2/client"
	"github.com/milvus-io/milvus-sdk-go/v2/entity"
	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/contract/emitted"
	"github.com/penstock-go/penstock/otelx"
	"github.com/penstock-go/penstock/otelx/otelxtest"
	"github.com/penstock-go/penstock/pool/milvus"
	"github.com/penstock-go/penstock/pool/milvus/milvustest"
)

// observedMilvus is a client of a Milvus with the collection docs of three rows.
type observedMilvus struct {
	*penstock.Client[*milvus.Conn]
	t      *testing.T
	srv    *milvustest.Server
	addr   string
	spans  *tracetest.SpanRecorder
	reader *sdkmetric.ManualReader
}

func observeMilvus(t *testing.T, cfg milvus.Config, telemetry ...otelx.Option) *observedMilvus {
	t.Helper()
	srv := milvustest.Start(t)
	o := &observedMilvus{t: t, srv: srv, addr: srv.Addr(), spans: emitted.Spans(t), reader: emitted.Reader(t)}
	cfg.Address = srv.Addr()
	var err error
	o.Client, err = milvus.Open(t.Context(), cfg, penstock.Config{
		TracerProvider: sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(o.spans)),
		MeterProvider:  sdkmetric.NewMeterProvider(sdkmetric.WithReader(o.reader)),
		Telemetry:      telemetry,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { o.Close(context.Background()) })
	o.do("Setup", func(ctx context.Context, c *milvus.Conn) error {
		schema := entity.NewSchema().WithName("docs").
			WithField(entity.NewField().WithName("id").WithDataType(entity.FieldTypeInt64).WithIsPrimaryKey(true)).
			WithField(entity.NewField().WithName("v").WithDataType(entity.FieldTypeFloatVector).WithDim(2))
		if err := c.CreateCollection(ctx, schema, 1); err != nil {
			return err
		}
		index, err := entity.NewIndexFlat(entity.L2)
		if err != nil {
			return err
		}
		if err := c.CreateIndex(ctx, "docs", "v", index, false); err != nil {
			return err
		}
		return c.LoadCollection(ctx, "docs", false)
	})
	return o
}

func (o *observedMilvus) do(name string, fn func(context.Context, *milvus.Conn) error) {
	o.t.Helper()
	_, err := core.Do(o.t.Context(), o, core.Op{Name: name, Target: "docs"}, func(ctx context.Context, c *milvus.Conn) (bool, error) {
		return true, fn(ctx, c)
	})
	if err != nil {
		o.t.Fatal(err)
	}
}

// attributes returns those attributes of an operation's span that these tests compare.
func (o *observedMilvus) attributes(name string) map[string]any {
	o.t.Helper()
	spans := named(o.spans, name+" docs")
	if len(spans) != 1 {
		o.t.Fatalf("%d spans of %s, want 1", len(spans), name)
	}
	found := map[string]any{}
	for _, kv := range spans[0].Attributes() {
		key := string(kv.Key)
		if regexp.MustCompile(`^(milvus|network|db\.query)\.|^tenant$|^db\.system\.name$`).MatchString(key) {
			found[key] = kv.Value.AsInterface()
		}
	}
	return found
}

func (o *observedMilvus) want(name string, more map[string]any) {
	o.t.Helper()
	host, port, err := net.SplitHostPort(o.addr)
	if err != nil {
		o.t.Fatal(err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		o.t.Fatal(err)
	}
	want := map[string]any{"db.system.name": "milvus", "network.peer.address": host, "network.peer.port": int64(n)}
	maps.Copy(want, more)
	if got := o.attributes(name); !maps.Equal(got, want) {
		o.t.Errorf("%s has %v, want %v", name, got, want)
	}
}

func insertDocs(ctx context.Context, c *milvus.Conn, ids ...int64) error {
	vectors := make([][]float32, len(ids))
	for i := range ids {
		vectors[i] = []float32{float32(i), 0}
	}
	_, err := c.Insert(ctx, "docs", "", entity.NewColumnInt64("id", ids), entity.NewColumnFloatVector("v", 2, vectors))
	return err
}

func searchDocs(ctx context.Context, c *milvus.Conn, filter string, partitions []string, opts ...client.SearchQueryOptionFunc) error {
	param, err := entity.NewIndexFlatSearchParam()
	if err != nil {
		return err
	}
	_, err = c.Search(ctx, "docs", partitions, filter, nil, []entity.Vector{entity.FloatVector{0, 0}, entity.FloatVector{1, 0}}, "v", entity.L2, 2, param, opts...)
	return err
}

func TestSpansSayWhatMilvusWasAskedFor(t *testing.T) {
	o := observeMilvus(t, milvus.Config{})
	o.do("Write", func(ctx context.Context, c *milvus.Conn) error {
		if err := insertDocs(ctx, c, 1, 2, 3); err != nil {
			return err
		}
		if _, err := c.Upsert(ctx, "docs", "", entity.NewColumnInt64("id", []int64{3}), entity.NewColumnFloatVector("v", 2, [][]float32{{1, 1}})); err != nil {
			return err
		}
		return c.Flush(ctx, "docs", false)
	})
	o.do("Search", func(ctx context.Context, c *milvus.Conn) error {
		return searchDocs(ctx, c, "id > 1", []string{"_default"}, client.WithSearchQueryConsistencyLevel(entity.ClStrong))
	})
	o.do("Query", func(ctx context.Context, c *milvus.Conn) error {
		_, err := c.Query(ctx, "docs", nil, "id > 1", []string{"id"}, client.WithSearchQueryConsistencyLevel(entity.ClSession))
		return err
	})
	o.do("Reread", func(ctx context.Context, c *milvus.Conn) error {
		_, err := c.Query(ctx, "docs", nil, "id > 1", []string{"id"}, client.WithSearchQueryConsistencyLevel(entity.ClCustomized), client.WithGuaranteeTimestamp(7))
		return err
	})
	o.do("Delete", func(ctx context.Context, c *milvus.Conn) error { return c.Delete(ctx, "docs", "_default", "id in [1]") })

	o.want("Write", map[string]any{"milvus.rows_written": int64(4)})
	o.want("Search", map[string]any{
		"milvus.consistency_level": "Strong", "milvus.search.top_k": int64(2), "milvus.search.vectors": int64(2), "milvus.partitions": int64(1),
	})
	o.want("Query", map[string]any{"milvus.consistency_level": "Session"})
	o.want("Reread", map[string]any{"milvus.consistency_level": "Customized"})
	o.want("Delete", map[string]any{"milvus.partitions": int64(1), "milvus.rows_written": int64(1)})
}

func TestAnAttemptSaysWhatMilvusWasAskedFor(t *testing.T) {
	o := observeMilvus(t, milvus.Config{QueryText: true})
	o.srv.Inject(milvustest.Fault{Method: "Search", Status: milvustest.RateLimited("slow down"), Times: 1})
	op := core.Op{Name: "Search", Target: "docs", Safety: core.ReadOnly}
	if _, err := core.Do(t.Context(), o, op, func(ctx context.Context, c *milvus.Conn) (bool, error) {
		return true, errors.Join(insertDocs(ctx, c, 1, 2), searchDocs(ctx, c, "id > 1", []string{"_default"}, client.WithSearchQueryConsistencyLevel(entity.ClStrong)))
	}); err != nil {
		t.Fatal(err)
	}
	otelxtest.AssertSpan(t, o.spans.Ended(), otelxtest.Span{Name: "Search attempt", Parent: "Search docs", Attributes: []attribute.KeyValue{
		attribute.String("milvus.consistency_level", "Strong"), attribute.Int("milvus.search.top_k", 2), attribute.Int("milvus.search.vectors", 2),
		attribute.Int("milvus.partitions", 1), attribute.Int("milvus.rows_written", 2), attribute.String("db.query.text", "id > 1"),
	}})
	otelxtest.AssertMetric(t, collected(t, o.reader), otelxtest.Metric{
		Name: "penstock.retries", Attributes: []attribute.KeyValue{attribute.String("error.type", "rate_limited")}, Value: 1,
	})
}

func TestAMistakeOfTheCallerHasItsErrorType(t *testing.T) {
	o := observeMilvus(t, milvus.Config{})
	if _, err := core.Do(t.Context(), o, core.Op{Name: "Insert", Target: "docs"}, func(ctx context.Context, c *milvus.Conn) (bool, error) {
		_, err := c.Insert(ctx, "docs", "", entity.NewColumnInt64("id", []int64{1})) // a column is missing
		return false, err
	}); err == nil {
		t.Error("Do = nil")
	}
	otelxtest.AssertSpan(t, o.spans.Ended(), otelxtest.Span{Name: "Insert docs", Failed: true, Attributes: []attribute.KeyValue{attribute.String("error.type", "invalid_request")}})
}

// collected returns what was measured.
func collected(t *testing.T, reader *sdkmetric.ManualReader) (rm metricdata.ResourceMetrics) {
	t.Helper()
	if err := reader.Collect(t.Context(), &rm); err != nil {
		t.Fatal(err)
	}
	return rm
}

func TestAFilterIsOnSpansByOptionOnly(t *testing.T) {
	o := observeMilvus(t, milvus.Config{QueryText: true})
	o.do("Insert", func(ctx context.Context, c *milvus.Conn) error { return insertDocs(ctx, c, 1) })
	o.do("Search", func(ctx context.Context, c *milvus.Conn) error {
		return searchDocs(ctx, c, "id > 1", nil, client.WithSearchQueryConsistencyLevel(entity.ClEventually))
	})
	o.want("Search", map[string]any{
		"milvus.consistency_level": "Eventually", "milvus.search.top_k": int64(2), "milvus.search.vectors": int64(2), "db.query.text": "id > 1",
	})
}

func TestTheFunctionOfAnOperationAnnotatesItsSpan(t *testing.T) {
	emitted.Allow(t, "tenant")
	o := observeMilvus(t, milvus.Config{})
	o.do("Insert", func(ctx context.Context, c *milvus.Conn) error {
		otelx.Annotate(ctx, attribute.String("tenant", "a"), attribute.String("db.system.name", "forged"))
		err := insertDocs(ctx, c, 1)
		otelx.Annotate(ctx, attribute.String("tenant", "b"))
		return err
	})
	o.want("Insert", map[string]any{"milvus.rows_written": int64(1), "tenant": "b"})
}

func TestThePageListsTheAttributesOfMilvus(t *testing.T) {
	page, err := os.ReadFile("../../docs/telemetry.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "\n## Attributes of Milvus\n")
	section, _, _ = strings.Cut(section, "\n## ")
	var listed []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\|").FindAllStringSubmatch(section, -1) {
		listed = append(listed, m[1])
	}
	o := observeMilvus(t, milvus.Config{QueryText: true})
	o.do("All", func(ctx context.Context, c *milvus.Conn) error {
		return errors.Join(insertDocs(ctx, c, 1, 2), searchDocs(ctx, c, "id > 1", []string{"_default"}))
	})
	emitted := o.attributes("All")
	delete(emitted, "db.system.name")
	slices.Sort(listed)
	if got := slices.Sorted(maps.Keys(emitted)); !slices.Equal(got, listed) {
		t.Errorf("a span has %q, the page lists %q", got, listed)
	}
}

func TestMeasurementsAreApartByConsistency(t *testing.T) {
	o := observeMilvus(t, milvus.Config{}, otelx.WithReturnedRows())
	o.do("Insert", func(ctx context.Context, c *milvus.Conn) error { return insertDocs(ctx, c, 1, 2, 3) })
	for range 2 {
		o.do("Search", func(ctx context.Context, c *milvus.Conn) error {
			return searchDocs(ctx, c, "", nil, client.WithSearchQueryConsistencyLevel(entity.ClStrong))
		})
	}
	o.do("Search", func(ctx context.Context, c *milvus.Conn) error {
		return searchDocs(ctx, c, "", nil, client.WithSearchQueryConsistencyLevel(entity.ClBounded))
	})
	o.do("Query", func(ctx context.Context, c *milvus.Conn) error {
		_, err := c.Query(ctx, "docs", nil, "id > 1", []string{"id"}, client.WithSearchQueryConsistencyLevel(entity.ClStrong))
		return err
	})
	rm := collected(t, o.reader)
	counts, rows := map[string]uint64{}, map[string]int64{}
	key := func(set attribute.Set) string {
		op, _ := set.Value("db.operation.name")
		level, _ := set.Value("milvus.consistency_level")
		return op.AsString() + " " + level.AsString()
	}
	for _, scope := range rm.ScopeMetrics {
		for _, m := range scope.Metrics {
			switch data := m.Data.(type) {
			case metricdata.Histogram[float64]:
				for _, p := range data.DataPoints {
					if m.Name == "db.client.operation.duration" {
						counts[key(p.Attributes)] += p.Count
					}
				}
			case metricdata.Histogram[int64]:
				for _, p := range data.DataPoints {
					rows[key(p.Attributes)] += p.Sum
				}
			}
		}
	}
	if want := map[string]uint64{"Setup ": 1, "Insert ": 1, "Search Strong": 2, "Search Bounded": 1, "Query Strong": 1}; !maps.Equal(counts, want) {
		t.Errorf("operations measured: %v, want %v", counts, want)
	}
	// Each search is for two vectors and two rows for each.
	if want := map[string]int64{"Search Strong": 8, "Search Bounded": 4, "Query Strong": 2}; !maps.Equal(rows, want) {
		t.Errorf("rows returned: %v, want %v", rows, want)
	}
}
