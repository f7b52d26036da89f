// SPDX-License-Identifier: Apache-2.0

package real

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/milvus-io/milvus-sdk-go/v2/entity"
	"google.golang.org/grpc/codes"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/servers"
	"github.com/penstock-go/penstock/pool/milvus"
	"github.com/penstock-go/penstock/pool/milvus/milvuserr"
	"github.com/penstock-go/penstock/pool/milvus/milvustest"
)

// An insert of 70 MB is beyond what a Milvus takes: the error says so and what to do, the
// connection goes on, and no row is in the collection.
func TestAMessageBeyondTheLimitIsRefused(t *testing.T) {
	m := servers.StartMilvus(t)
	for name, address := range map[string]string{
		"Milvus":     m.Addr(),
		"milvustest": milvustest.Start(t, milvustest.Config{Version: "v2.3.5"}).Addr(),
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(m.Context(), 2*time.Minute)
			defer cancel()
			c, err := milvus.Open(ctx, milvus.Config{Address: address}, penstock.Config{})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close(context.Background())
			prepareBulk(ctx, t, c)
			ids, vectors := bulkRows(70 << 20 / (4 * bulkDim))
			dials := c.Pool().Stats().Dials
			_, err = core.Do(ctx, c, milvus.Insert("bulk"), func(ctx context.Context, conn *milvus.Conn) (entity.Column, error) {
				return conn.Insert(ctx, "bulk", "", ids, vectors)
			})
			e, ok := errors.AsType[*milvuserr.Error](err)
			if !ok || e.GRPC != codes.ResourceExhausted || !strings.Contains(err.Error(), "67108864") || !strings.Contains(err.Error(), "send fewer rows") {
				t.Errorf("Insert of 70 MB = %v, want that it is beyond 64 MB, and to send fewer rows", err)
			}
			t.Log(err)
			rows, err := core.Do(ctx, c, milvus.Query("small"), func(ctx context.Context, conn *milvus.Conn) (int, error) {
				found, err := conn.Query(ctx, "small", nil, "id == 1", []string{"id"})
				return found.Len(), err
			})
			if err != nil || rows != 1 {
				t.Errorf("Query after it = %d, %v, want one row", rows, err)
			}
			if n := c.Pool().Stats().Dials - dials; n != 0 {
				t.Errorf("%d dials after it, want none: the connection is good", n)
			}
		})
	}
}
