// SPDX-License-Identifier: Apache-2.0

package real

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/milvus-io/milvus-sdk-go/v2/entity"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/servers"
	"github.com/penstock-go/penstock/pool"
	"github.com/penstock-go/penstock/pool/lane"
	"github.com/penstock-go/penstock/pool/milvus"
)

// An insert of 30 MB fills the buffers of its connection, and a search on the same
// connection waits for them: the longer, the slower the network is.
// docs/milvus-endpoints.md has the figures of three rounds.
func TestHowLongSearchesTakeBesideABulkInsert(t *testing.T) {
	for _, link := range []struct {
		name      string
		perSecond int
	}{{"100 Mbit a second", 12_500_000}, {"25 Mbit a second", 3_125_000}} {
		t.Run(link.name, func(t *testing.T) {
			m := servers.StartMilvus(t)
			ctx, cancel := context.WithTimeout(m.Context(), 5*time.Minute)
			defer cancel()
			besideBulk(ctx, t, milvus.Config{Address: narrowLink(t, m.Addr(), link.perSecond)})
		})
	}
}

// besideBulk prints how long searches take alone, beside an insert of 30 MB on one
// connection, and with lanes.
func besideBulk(ctx context.Context, t *testing.T, cfg milvus.Config) {
	cfg.Pool = pool.Config{MaxSize: 1}
	one := openBulk(ctx, t, cfg, "one")
	cfg.Lanes = lane.ReadWrite()
	lanes := openBulk(ctx, t, cfg, "lanes")
	prepareBulk(ctx, t, one)
	var took [3][]time.Duration
	for range *rounds { // in turn, because the load of the machine changes
		took[0] = append(took[0], searchBeside(ctx, t, one, false)...)
		took[1] = append(took[1], searchBeside(ctx, t, one, true)...)
		took[2] = append(took[2], searchBeside(ctx, t, lanes, true)...)
	}
	for i, what := range []string{"alone", "beside 30 MB on one connection", "beside 30 MB with lanes"} {
		sorted := slices.Sorted(slices.Values(took[i]))
		t.Logf("searches %s: %d, p50 %v, p99 %v, longest %v", what, len(sorted),
			sorted[len(sorted)/2].Round(10*time.Microsecond), sorted[len(sorted)*99/100].Round(10*time.Microsecond), sorted[len(sorted)-1].Round(10*time.Microsecond))
	}
}

func openBulk(ctx context.Context, t *testing.T, cfg milvus.Config, name string) *penstock.Client[*milvus.Conn] {
	t.Helper()
	cfg.Pool.Name = name
	c, err := milvus.Open(ctx, cfg, penstock.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(context.Background()) })
	return c
}

const bulkDim = 128

// prepareBulk creates the collections bulk and small, and loads small.
func prepareBulk(ctx context.Context, t *testing.T, c *penstock.Client[*milvus.Conn]) {
	t.Helper()
	_, err := core.Do(ctx, c, core.Op{Name: "Prepare"}, func(ctx context.Context, conn *milvus.Conn) (int, error) {
		for _, name := range []string{"bulk", "small"} {
			schema := entity.NewSchema().WithName(name).
				WithField(entity.NewField().WithName("id").WithDataType(entity.FieldTypeInt64).WithIsPrimaryKey(true)).
				WithField(entity.NewField().WithName("v").WithDataType(entity.FieldTypeFloatVector).WithDim(bulkDim))
			if err := conn.CreateCollection(ctx, schema, 1); err != nil {
				return 0, err
			}
		}
		ids, vectors := bulkRows(100)
		if _, err := conn.Insert(ctx, "small", "", ids, vectors); err != nil {
			return 0, err
		}
		index, err := entity.NewIndexFlat(entity.L2)
		if err != nil {
			return 0, err
		}
		if err := conn.CreateIndex(ctx, "small", "v", index, false); err != nil {
			return 0, err
		}
		return 0, conn.LoadCollection(ctx, "small", false)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func bulkRows(n int) (*entity.ColumnInt64, *entity.ColumnFloatVector) {
	ids, vectors := make([]int64, n), make([][]float32, n)
	for i := range ids {
		ids[i], vectors[i] = int64(i), make([]float32, bulkDim)
		vectors[i][i%bulkDim] = float32(i)
	}
	return entity.NewColumnInt64("id", ids), entity.NewColumnFloatVector("v", bulkDim, vectors)
}

// searchBeside runs searches, one after the other, for three seconds, or while an insert
// of 30 MB runs. It returns how long each search took.
func searchBeside(ctx context.Context, t *testing.T, c *penstock.Client[*milvus.Conn], bulk bool) (took []time.Duration) {
	t.Helper()
	ids, vectors := bulkRows(30 << 20 / (4 * bulkDim))
	over := make(chan struct{})
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() {
		defer close(over)
		if !bulk {
			select {
			case <-time.After(3 * time.Second):
			case <-ctx.Done():
			}
			return
		}
		// 30 MB take 10 s over 25 Mbit a second, which is what an attempt may take.
		_, err := core.Do(ctx, c, core.Op{Name: "Insert", Timeout: time.Minute}, func(ctx context.Context, conn *milvus.Conn) (int, error) {
			_, err := conn.Insert(ctx, "bulk", "", ids, vectors)
			return 0, err
		})
		if err != nil {
			t.Errorf("Insert = %v", err)
		}
	})
	param, err := entity.NewIndexFlatSearchParam()
	if err != nil {
		t.Fatal(err)
	}
	search := core.Op{Name: "Search", Target: "small", Safety: core.ReadOnly}
	for {
		select {
		case <-over:
			return took
		default:
		}
		began := time.Now()
		_, err := core.Do(ctx, c, search, func(ctx context.Context, conn *milvus.Conn) (int, error) {
			_, err := conn.Search(ctx, "small", nil, "", nil, []entity.Vector{entity.FloatVector(make([]float32, bulkDim))}, "v", entity.L2, 1, param)
			return 0, err
		})
		if err != nil {
			t.Errorf("Search = %v", err)
			return took
		}
		took = append(took, time.Since(began))
	}
}
