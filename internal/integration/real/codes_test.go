// SPDX-License-Identifier: Apache-2.0

package real

import (
	"context"
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/milvus-io/milvus-sdk-go/v2/client"
	"github.com/milvus-io/milvus-sdk-go/v2/entity"

	"github.com/penstock-go/penstock/internal/servers"
	"github.com/penstock-go/penstock/pool/milvus"
	"github.com/penstock-go/penstock/pool/milvus/milvuserr"
)

// withoutRequest are codes of requests that the SDK does not send.
var withoutRequest = map[int]string{400: "GetReplicas without a collection", 1101: "DescribeAlias", 1200: "GetMetrics"}

// Every code that Milvus 2.3.5 has been made to answer reaches the caller of a connection.
func TestEachCodeOfARealMilvusArrives(t *testing.T) {
	m := servers.StartMilvus(t)
	ctx, p := poolWithDocs(t, m)
	if err := p.Do(ctx, createIdle); err != nil {
		t.Fatal(err)
	}
	provoked := requestsByCode(m.Addr())
	for code, ask := range provoked {
		err := p.Do(ctx, ask)
		if e, ok := errors.AsType[*milvuserr.Error](err); !ok || int(e.Code) != code {
			t.Errorf("%v, want code %d", err, code)
		}
	}
	for _, code := range codesOf(t, "../../../pool/milvus/milvuserr/testdata/milvus-2.3.5.tsv") {
		if provoked[code] == nil && withoutRequest[code] == "" {
			t.Errorf("the table has the code %d, and no request here provokes it", code)
		}
	}
}

// codesOf returns the codes of a table of answers.
func codesOf(t *testing.T, file string) (codes []int) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		code, err := strconv.Atoi(strings.Split(line, "\t")[2])
		if err != nil {
			t.Fatal(err)
		}
		codes = append(codes, code)
	}
	return codes
}

// createIdle creates the collection idle, which is not loaded and has no index, an
// empty partition of docs, and the alias x of docs.
func createIdle(ctx context.Context, c *milvus.Conn) error {
	if err := c.CreateCollection(ctx, docs().WithName("idle"), 1); err != nil {
		return err
	}
	if err := c.CreatePartition(ctx, "docs", "empty"); err != nil {
		return err
	}
	return c.CreateAlias(ctx, "docs", "x")
}

func requestsByCode(address string) map[int]func(context.Context, *milvus.Conn) error {
	type conn = *milvus.Conn
	return map[int]func(context.Context, conn) error{
		2: func(ctx context.Context, c conn) error {
			v := entity.NewColumnFloatVector("v", 2, [][]float32{{1, 2}})
			_, err := c.CalcDistance(ctx, "docs", nil, entity.L2, v, v)
			return err
		},
		5: func(ctx context.Context, c conn) error { return c.Delete(ctx, "docs", "", "1 == 1") },
		100: func(ctx context.Context, c conn) error {
			_, err := c.DescribeCollection(ctx, "nosuch")
			return err
		},
		101: func(ctx context.Context, c conn) error {
			_, err := c.Query(ctx, "idle", nil, "k == 1", []string{"k"})
			return err
		},
		200: func(ctx context.Context, c conn) error {
			return c.LoadPartitions(ctx, "docs", []string{"nosuch"}, false)
		},
		201: func(ctx context.Context, c conn) error {
			if err := c.ReleasePartitions(ctx, "docs", []string{"empty"}); err != nil {
				return err
			}
			_, err := c.GetLoadingProgress(ctx, "docs", []string{"empty"})
			return err
		},
		300: func(ctx context.Context, c conn) error {
			_, err := c.DescribeResourceGroup(ctx, "nosuch")
			return err
		},
		700: func(ctx context.Context, c conn) error { return c.LoadCollection(ctx, "idle", false) },
		800: func(ctx context.Context, _ conn) error {
			p, err := milvus.NewPool(milvus.Config{Address: address, Database: "nosuch"})
			if err != nil {
				return err
			}
			defer p.Close(context.Background())
			return p.Do(ctx, func(context.Context, conn) error { return nil })
		},
		802: func(ctx context.Context, c conn) error { return c.CreateDatabase(ctx, "a-b") },
		1000: func(ctx context.Context, c conn) error {
			_, err := c.GetBulkInsertState(ctx, 1)
			return err
		},
		1001: func(ctx context.Context, c conn) error {
			_, err := c.Insert(ctx, "docs", "", entity.NewColumnInt64("id", []int64{2}), entity.NewColumnInt64("k", []int64{2}),
				entity.NewColumnJSONBytes("j", [][]byte{[]byte("[1]")}), entity.NewColumnFloatVector("v", 2, [][]float32{{1, 2}}))
			return err
		},
		1100: func(ctx context.Context, c conn) error { return c.CreateAlias(ctx, "docs", "a-b") },
		1400: func(ctx context.Context, c conn) error {
			return c.UpdateCredential(ctx, "nosuch", "longenough", "longerthanthat")
		},
		1401: func(ctx context.Context, c conn) error { return c.DeleteCredential(ctx, "root") },
		1600: func(ctx context.Context, c conn) error { return c.AlterAlias(ctx, "docs", "nosuch") },
		1601: func(ctx context.Context, c conn) error { return c.CreateAlias(ctx, "docs", "idle") },
		1602: func(ctx context.Context, c conn) error { return c.CreateAlias(ctx, "idle", "x") },
		1701: func(ctx context.Context, c conn) error {
			schema := docs().WithName("wrong").WithField(entity.NewField().WithName("a-b").WithDataType(entity.FieldTypeInt64))
			return c.CreateCollection(ctx, schema, 1)
		},
		65535: func(ctx context.Context, c conn) error {
			_, err := c.Query(ctx, "docs", nil, "k >", []string{"k"}, client.WithLimit(1))
			return err
		},
	}
}
