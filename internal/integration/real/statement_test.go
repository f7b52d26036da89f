// SPDX-License-Identifier: Apache-2.0

package real

import (
	"context"
	"testing"
	"time"

	"github.com/milvus-io/milvus-sdk-go/v2/client"
	"github.com/milvus-io/milvus-sdk-go/v2/entity"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/servers"
	"github.com/penstock-go/penstock/pool"
	"github.com/penstock-go/penstock/pool/milvus"
)

// A real Milvus 2.3 answers most mistakes of a statement with code 65535, which it
// also has for its own failures.
func TestAMistakeOfTheStatementIsNoFailureOfTheServer(t *testing.T) {
	ctx, p := poolWithDocs(t, servers.StartMilvus(t))
	for name, ask := range mistakes() {
		err := p.Do(ctx, ask)
		class := milvus.Classify(err)
		for err != nil && class.Retry == core.RetryAlways && ctx.Err() == nil {
			err = p.Do(ctx, ask) // a loaded server fails now and then, whatever the statement is
			class = milvus.Classify(err)
		}
		if err == nil || class.Verdict != core.Success || class.Retry != core.RetryNever {
			t.Errorf("%s: %v is %v, want an answer of the server", name, err, class)
		}
	}
}

// poolWithDocs returns a pool of connections to a server that has the collection docs, and
// a context for a test of five minutes.
func poolWithDocs(t *testing.T, m *servers.Milvus) (context.Context, *pool.Pool[*milvus.Conn]) {
	t.Helper()
	ctx, cancel := context.WithTimeout(m.Context(), 5*time.Minute)
	t.Cleanup(cancel)
	p, err := milvus.NewPool(milvus.Config{Address: m.Addr()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close(context.Background()) })
	if err := p.Do(ctx, createDocs); err != nil {
		t.Fatal(err)
	}
	return ctx, p
}

// createDocs creates and loads the collection docs with one row.
func createDocs(ctx context.Context, c *milvus.Conn) error {
	if err := c.CreateCollection(ctx, docs(), 1); err != nil {
		return err
	}
	index, err := entity.NewIndexFlat(entity.L2)
	if err != nil {
		return err
	}
	if err := c.CreateIndex(ctx, "docs", "v", index, false); err != nil {
		return err
	}
	if err := c.LoadCollection(ctx, "docs", false); err != nil {
		return err
	}
	if _, err = c.Insert(ctx, "docs", "", entity.NewColumnInt64("id", []int64{1}), entity.NewColumnInt64("k", []int64{1}),
		entity.NewColumnJSONBytes("j", [][]byte{[]byte(`{"n":1}`)}), entity.NewColumnFloatVector("v", 2, [][]float32{{1, 2}})); err != nil {
		return err
	}
	// A strong read sees the row, and every later read does. Without a row Milvus
	// does not find out about some of the mistakes.
	_, err = c.Query(ctx, "docs", nil, "k == 1", []string{"k"}, client.WithSearchQueryConsistencyLevel(entity.ClStrong))
	return err
}

func docs() *entity.Schema {
	return entity.NewSchema().WithName("docs").
		WithField(entity.NewField().WithName("id").WithDataType(entity.FieldTypeInt64).WithIsPrimaryKey(true)).
		WithField(entity.NewField().WithName("k").WithDataType(entity.FieldTypeInt64)).
		WithField(entity.NewField().WithName("j").WithDataType(entity.FieldTypeJSON)).
		WithField(entity.NewField().WithName("v").WithDataType(entity.FieldTypeFloatVector).WithDim(2))
}

// mistakes returns statements that are wrong, by what is wrong with them.
func mistakes() map[string]func(context.Context, *milvus.Conn) error {
	type work = func(context.Context, *milvus.Conn) error
	query := func(partition, filter, output string, opts ...client.SearchQueryOptionFunc) work {
		return func(ctx context.Context, c *milvus.Conn) error {
			_, err := c.Query(ctx, "docs", []string{partition}, filter, []string{output}, opts...)
			return err
		}
	}
	search := func(filter, field string, metric entity.MetricType, topK int, v ...float32) work {
		return func(ctx context.Context, c *milvus.Conn) error {
			param, err := entity.NewIndexFlatSearchParam()
			if err != nil {
				return err
			}
			_, err = c.Search(ctx, "docs", nil, filter, nil, []entity.Vector{entity.FloatVector(v)}, field, metric, topK, param)
			return err
		}
	}
	all := map[string]work{
		"metric":       search("", "v", entity.COSINE, 3, 1, 2),
		"dimension":    search("", "v", entity.L2, 3, 1, 2, 3),
		"top k":        search("", "v", entity.L2, 0, 1, 2),
		"field":        search("", "nosuch", entity.L2, 3, 1, 2),
		"no vector":    search("", "k", entity.L2, 3, 1, 2),
		"partition":    query("nosuch", "k > 0", "k"),
		"output":       query("_default", "k > 0", "nosuch"),
		"no filter":    query("_default", "", "k"),
		"limit":        query("_default", "k > 0", "k", client.WithLimit(1<<30)),
		"create again": func(ctx context.Context, c *milvus.Conn) error { return c.CreateCollection(ctx, docs(), 2) },
		"too wide": func(ctx context.Context, c *milvus.Conn) error {
			return c.CreateCollection(ctx, docs().WithName("wide"), 99)
		},
		"delete":         func(ctx context.Context, c *milvus.Conn) error { return c.Delete(ctx, "docs", "", "k >") },
		"partition name": func(ctx context.Context, c *milvus.Conn) error { return c.CreatePartition(ctx, "docs", "a-b") },
		"loaded":         func(ctx context.Context, c *milvus.Conn) error { return c.DropIndex(ctx, "docs", "v") },
		"role":           func(ctx context.Context, c *milvus.Conn) error { return c.DropRole(ctx, "nosuch") },
		"user":           func(ctx context.Context, c *milvus.Conn) error { return c.CreateCredential(ctx, "root", "longenough") },
		"database":       func(ctx context.Context, c *milvus.Conn) error { return c.CreateDatabase(ctx, "default") },
	}
	for _, filter := range []string{
		`k >`, `nosuch > 1`, `k == "a"`, `true`, `j == 1`, `j["b"]`, `k == 1.5`, `1 < 2`, `k == j["n"]`,
		`j["n"] in [1, 2.5]`, `j["n"] in ["five", 1]`, `k in [1, "a"]`, `json_contains(k, 1)`,
	} {
		all["query "+filter] = query("_default", filter, "k")
		all["search "+filter] = search(filter, "v", entity.L2, 3, 1, 2)
	}
	return all
}
