// SPDX-License-Identifier: Apache-2.0

package real

import (
	"context"
	"testing"
	"time"

	"github.com/milvus-io/milvus-sdk-go/v2/entity"

	"github.com/penstock-go/penstock/internal/servers"
	"github.com/penstock-go/penstock/pool"
	"github.com/penstock-go/penstock/pool/milvus"
)

// Two pools know nothing of each other, as two processes do.
func TestACollectionThatAnotherProcessReplacedTakesInsertsAtOnce(t *testing.T) {
	m := servers.StartMilvus(t)
	ctx, cancel := context.WithTimeout(m.Context(), 5*time.Minute)
	defer cancel()
	open := func() *pool.Pool[*milvus.Conn] {
		p, err := milvus.NewPool(milvus.Config{Address: m.Addr(), Pool: pool.Config{MinSize: 4}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { p.Close(context.Background()) })
		if err := p.Start(ctx); err != nil {
			t.Fatal(err)
		}
		return p
	}
	mine, other := open(), open()
	create := func(vector string) {
		err := other.Do(ctx, func(ctx context.Context, c *milvus.Conn) error {
			return c.CreateCollection(ctx, entity.NewSchema().WithName("docs").
				WithField(entity.NewField().WithName("id").WithDataType(entity.FieldTypeInt64).WithIsPrimaryKey(true)).
				WithField(entity.NewField().WithName(vector).WithDataType(entity.FieldTypeFloatVector).WithDim(2)), 1)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	insert := func(vector string) {
		t.Helper()
		for i := range 20 {
			err := mine.Do(ctx, func(ctx context.Context, c *milvus.Conn) error {
				_, err := c.Insert(ctx, "docs", "", entity.NewColumnInt64("id", []int64{int64(i)}),
					entity.NewColumnFloatVector(vector, 2, [][]float32{{1, 2}}))
				return err
			})
			if err != nil {
				t.Errorf("insert %d of %s: %v", i, vector, err)
			}
		}
	}
	create("old")
	insert("old")
	if err := other.Do(ctx, func(ctx context.Context, c *milvus.Conn) error { return c.DropCollection(ctx, "docs") }); err != nil {
		t.Fatal(err)
	}
	create("new")
	insert("new")
}
