// SPDX-License-Identifier: Apache-2.0

package milvus_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/milvus-io/milvus-sdk-go/v2/client"
	"github.com/milvus-io/milvus-sdk-go/v2/entity"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/pool"
	"github.com/penstock-go/penstock/pool/milvus"
	"github.com/penstock-go/penstock/pool/milvus/milvustest"
)

// tenant creates a database with a loaded collection docs, whose vectors have that many
// dimensions, and a row of each key.
func tenant(t *testing.T, c *milvus.Conn, name string, dim int, keys ...string) context.Context {
	t.Helper()
	ctx := milvus.WithDatabase(t.Context(), name)
	if name != "default" {
		if err := c.CreateDatabase(ctx, name); err != nil {
			t.Fatal(err)
		}
	}
	field := fmt.Sprint("v", dim)
	schema := entity.NewSchema().WithName("docs").
		WithField(entity.NewField().WithName("id").WithDataType(entity.FieldTypeVarChar).WithMaxLength(100).WithIsPrimaryKey(true)).
		WithField(entity.NewField().WithName(field).WithDataType(entity.FieldTypeFloatVector).WithDim(int64(dim)))
	if err := c.CreateCollection(ctx, schema, 1, milvus.WithConsistencyLevel(entity.ClSession)); err != nil {
		t.Fatal(err)
	}
	index, err := entity.NewIndexFlat(entity.L2)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.CreateIndex(ctx, "docs", field, index, false); err != nil {
		t.Fatal(err)
	}
	if err := c.LoadCollection(ctx, "docs", true); err != nil {
		t.Fatal(err)
	}
	write(ctx, t, c, dim, keys...)
	return ctx
}

func write(ctx context.Context, t *testing.T, c *milvus.Conn, dim int, keys ...string) {
	t.Helper()
	vectors := make([][]float32, len(keys))
	for i := range vectors {
		vectors[i] = make([]float32, dim)
	}
	if len(keys) == 0 {
		return
	}
	_, err := c.Insert(ctx, "docs", "", entity.NewColumnVarChar("id", keys), entity.NewColumnFloatVector(fmt.Sprint("v", dim), dim, vectors))
	if err != nil {
		t.Errorf("Insert = %v", err)
	}
}

// found returns the keys that a search finds.
func found(ctx context.Context, t *testing.T, c *milvus.Conn, dim int) []string {
	t.Helper()
	param, err := entity.NewIndexFlatSearchParam()
	if err != nil {
		t.Fatal(err)
	}
	results, err := c.Search(ctx, "docs", nil, "", []string{"id"}, []entity.Vector{entity.FloatVector(make([]float32, dim))},
		fmt.Sprint("v", dim), entity.L2, 10, param)
	if err != nil {
		t.Errorf("Search = %v", err)
		return nil
	}
	keys := results[0].IDs.(*entity.ColumnVarChar).Data()
	slices.Sort(keys)
	return keys
}

func TestEachCallHasItsDatabase(t *testing.T) {
	c := connect(t, start(t, milvustest.Config{}))
	dims := map[string]int{"default": 2, "tenant_a": 3, "tenant_b": 4}
	calls := map[string]context.Context{}
	for name, dim := range dims {
		calls[name] = tenant(t, c, name, dim, name+"_1")
	}
	for range 3 { // in turns: the schema of one database is not used for another
		for name, dim := range dims {
			ctx := calls[name]
			write(ctx, t, c, dim, fmt.Sprint(name, "_2"))
			if got := found(ctx, t, c, dim); !slices.Contains(got, name+"_1") || slices.ContainsFunc(got, func(key string) bool { return !strings.HasPrefix(key, name) }) {
				t.Errorf("in %s, Search finds %q", name, got)
			}
			described, err := c.DescribeCollection(ctx, "docs")
			if err != nil || described.Name != "docs" || described.Schema.Fields[1].Name != fmt.Sprint("v", dim) {
				t.Errorf("in %s, DescribeCollection = %v, %v", name, described, err)
			}
			it, err := c.QueryIterator(ctx, client.NewQueryIteratorOption("docs").WithExpr(`id like "%"`).WithOutputFields("id").WithBatchSize(1))
			if err != nil {
				t.Fatal(err)
			}
			rows, err := it.Next(ctx)
			if err != nil || !strings.HasPrefix(rows.GetColumn("id").(*entity.ColumnVarChar).Data()[0], name) {
				t.Errorf("in %s, Next = %v, %v", name, rows, err)
			}
		}
	}
	// What happens to a collection of one database does not concern the others.
	if err := c.DropCollection(calls["tenant_a"], "docs"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.DescribeCollection(calls["tenant_a"], "docs"); err == nil {
		t.Error("the collection of tenant_a is still there")
	}
	if got := found(calls["tenant_b"], t, c, 4); len(got) == 0 {
		t.Error("the rows of tenant_b are gone")
	}
	if got := found(milvus.WithDatabase(calls["tenant_b"], ""), t, c, 2); len(got) == 0 || !strings.HasPrefix(got[0], "default") {
		t.Errorf("an empty name finds %q, want the rows of the database of the configuration", got)
	}
}

func TestADatabaseThatIsNotThereIsNamed(t *testing.T) {
	c := connect(t, start(t, milvustest.Config{}))
	for name, want := range map[string]string{"nowhere": "800", "two\nlines": "invalid_request"} {
		_, err := c.ListCollections(milvus.WithDatabase(t.Context(), name))
		if got := core.ErrorType(err); got != want {
			t.Errorf("in %q, ListCollections = %v of type %s, want type %s", name, err, got, want)
		}
	}
}

func TestAHundredDatabasesNeedNoHundredPools(t *testing.T) {
	srv := start(t, milvustest.Config{})
	setup := connect(t, srv)
	const databases = 100
	contexts := make([]context.Context, databases)
	for i := range contexts {
		contexts[i] = tenant(t, setup, fmt.Sprint("tenant_", i), 2+i%3)
	}
	before := srv.Conns()
	p, err := milvus.NewPool(milvus.Config{Address: srv.Addr(), Pool: pool.Config{MaxSize: 2}})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close(context.Background())
	var wg sync.WaitGroup
	for i, ctx := range contexts {
		wg.Go(func() {
			for n := range 3 {
				key := fmt.Sprint("key_", i, "_", n)
				if err := p.Do(ctx, func(ctx context.Context, c *milvus.Conn) error {
					write(ctx, t, c, 2+i%3, key)
					return nil
				}); err != nil {
					t.Errorf("Do = %v", err)
				}
				// On any connection: the session of a database is that of the pool.
				if err := p.Do(ctx, func(ctx context.Context, c *milvus.Conn) error {
					if got := found(ctx, t, c, 2+i%3); len(got) != n+1 || !slices.Contains(got, key) {
						t.Errorf("tenant_%d finds %q after the write of %s", i, got, key)
					}
					return nil
				}); err != nil {
					t.Errorf("Do = %v", err)
				}
			}
		})
	}
	wg.Wait()
	if got := srv.Conns() - before; got > 2 {
		t.Errorf("%d connections, want at most 2", got)
	}
}

func TestAKeyIsNotAPartOfTheFilter(t *testing.T) {
	c := connect(t, start(t, milvustest.Config{}))
	ctx := tenant(t, c, "tenant", 2, "plain", `quo"ted`, `back\slash`)
	hostile := entity.NewColumnVarChar("id", []string{`x"] or id != "`})
	if rows, err := c.QueryByPks(ctx, "docs", nil, hostile, []string{"id"}); err != nil || rows.Len() != 0 {
		t.Errorf("QueryByPks of a hostile key = %d rows, %v, want none", rows.Len(), err)
	}
	if err := c.DeleteByPks(ctx, "docs", "", hostile); err != nil {
		t.Errorf("DeleteByPks = %v", err)
	}
	if got := found(ctx, t, c, 2); len(got) != 3 {
		t.Errorf("after the delete of a key that is not there, the rows are %q, want 3", got)
	}
	keys := entity.NewColumnVarChar("id", []string{`quo"ted`, `back\slash`})
	for range 2 { // another attempt of the same operation
		if rows, err := c.Get(ctx, "docs", keys); err != nil || rows.GetColumn("id").Len() != 2 {
			t.Errorf("Get = %v, %v, want 2 rows", rows, err)
		}
	}
	if err := c.DeleteByPks(ctx, "docs", "", keys); err != nil {
		t.Fatal(err)
	}
	if got := found(ctx, t, c, 2); !slices.Equal(got, []string{"plain"}) {
		t.Errorf("after the delete the rows are %q, want plain", got)
	}
}

func TestNewCollectionOfOneDatabaseLeavesTheSchemasOfOthersAlone(t *testing.T) {
	c := connect(t, start(t, milvustest.Config{}))
	createDocs(t, c, "v")
	loadDocs(t, c, "v")
	if err := insert(t.Context(), c, "v", 1); err != nil { // the schema is cached
		t.Fatal(err)
	}
	if err := c.CreateDatabase(t.Context(), "other"); err != nil {
		t.Fatal(err)
	}
	other := milvus.WithDatabase(t.Context(), "other")
	if err := c.NewCollection(other, "docs", 7); err != nil {
		t.Fatal(err)
	}
	if err := insert(t.Context(), c, "v", 2); err != nil {
		t.Errorf("Insert = %v, want no trace of the collection of the other database", err)
	}
	if described, err := c.DescribeCollection(other, "docs"); err != nil || described.Name != "docs" || described.Schema.Fields[1].Name != "vector" {
		t.Errorf("in the other database, DescribeCollection = %v, %v", described, err)
	}
}

func TestAnIteratorReadsEachKeyOfItsDatabase(t *testing.T) {
	c := connect(t, start(t, milvustest.Config{}))
	hostile := []string{`a`, `b"x`, `b"y`, `c\d`, "d\ne", `e" or id > "`, `f) and id > "g`}
	tenant(t, c, "default", 2, "z1", "z2")
	ctx := tenant(t, c, "tenant", 2, hostile...)
	for filter, want := range map[string][]string{"": hostile, `id != "a"`: hostile[1:], `(id != "a") and (id != "b")`: hostile[1:]} {
		it, err := c.QueryIterator(ctx, client.NewQueryIteratorOption("docs").WithExpr(filter).WithOutputFields("id").WithBatchSize(1))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for len(got) <= len(hostile) {
			rows, err := it.Next(t.Context()) // which names no database
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("after %q, Next = %v", got, err)
			}
			got = append(got, rows.GetColumn("id").(*entity.ColumnVarChar).Data()...)
		}
		if !slices.Equal(got, want) {
			t.Errorf("with the filter %q the iterator reads %q, want %q", filter, got, want)
		}
	}
}

func TestAnIteratorOfTheConfiguredDatabaseStaysThere(t *testing.T) {
	c := connect(t, start(t, milvustest.Config{}))
	mine := tenant(t, c, "default", 2, "a", "b", "c")
	other := tenant(t, c, "tenant", 2, "x", "y", "z")
	it, err := c.QueryIterator(mine, client.NewQueryIteratorOption("docs").WithExpr(`id != ""`).WithOutputFields("id").WithBatchSize(1))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"a", "b", "c"} {
		rows, err := it.Next(other)
		if err != nil || rows.GetColumn("id").(*entity.ColumnVarChar).Data()[0] != want {
			t.Errorf("Next = %v, %v, want %s", rows, err, want)
		}
	}
}
