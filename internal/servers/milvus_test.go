// SPDX-License-Identifier: Apache-2.0

package servers_test

import (
	"context"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/protoadapt"

	"github.com/penstock-go/penstock/internal/servers"
)

func TestMilvusKeepsItsDataAndAddressWhenItIsKilledAndRestarted(t *testing.T) {
	var first, second int
	t.Run("while it runs", func(t *testing.T) {
		begin := time.Now()
		m := servers.StartMilvus(t)
		t.Logf("Milvus answered %v after StartMilvus", time.Since(begin))
		addr := m.Addr()
		if err := createCollection(t.Context(), addr, "kept"); err != nil {
			t.Fatal(err)
		}

		m.WaitHealthy()
		first = m.PID()
		m.Kill()
		m.Kill() // again: no effect
		if !gone(first) {
			t.Errorf("process %d is there after Kill", first)
		}
		if conn, err := net.Dial("tcp", addr); err == nil {
			_ = conn.Close()
			t.Errorf("somebody listens at %s after Kill", addr)
		}
		if err := m.Context().Err(); err != nil {
			t.Errorf("Context ended with Kill: %v", context.Cause(m.Context()))
		}

		begin = time.Now()
		m.Restart()
		t.Logf("Milvus answered %v after Restart", time.Since(begin))
		second = m.PID()
		if m.Addr() != addr {
			t.Errorf("Addr = %s after Restart, want %s", m.Addr(), addr)
		}
		if second == first {
			t.Errorf("PID = %d after Restart, as before", second)
		}
		if ok, err := hasCollection(t.Context(), addr, "kept"); err != nil || !ok {
			t.Errorf("the collection is there after Restart: %v, %v; want true", ok, err)
		}
	})
	if second != 0 && !gone(second) {
		t.Errorf("process %d outlived its test", second)
	}
}

func TestMilvusLiteAnswersUntilItIsTerminated(t *testing.T) {
	begin := time.Now()
	m := servers.StartMilvusLite(t)
	t.Logf("milvus-lite answered %v after StartMilvusLite", time.Since(begin))
	if err := createCollection(t.Context(), m.Addr(), "docs"); err != nil {
		t.Fatal(err)
	}
	if ok, err := hasCollection(t.Context(), m.Addr(), "docs"); err != nil || !ok {
		t.Errorf("the collection is there: %v, %v; want true", ok, err)
	}
	m.Terminate()
	if !gone(m.PID()) {
		t.Errorf("process %d is there after Terminate", m.PID())
	}
	if err := m.Context().Err(); err != nil {
		t.Errorf("Context ended with Terminate: %v", context.Cause(m.Context()))
	}
}

func client(addr string) (milvuspb.MilvusServiceClient, func(), error) {
	conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, nil, err
	}
	return milvuspb.NewMilvusServiceClient(conn), func() { _ = conn.Close() }, nil
}

func createCollection(ctx context.Context, addr, name string) error {
	c, done, err := client(addr)
	if err != nil {
		return err
	}
	defer done()
	schema, err := proto.Marshal(protoadapt.MessageV2Of(&schemapb.CollectionSchema{
		Name: name,
		Fields: []*schemapb.FieldSchema{
			{Name: "id", DataType: schemapb.DataType_Int64, IsPrimaryKey: true},
			{Name: "vector", DataType: schemapb.DataType_FloatVector, TypeParams: []*commonpb.KeyValuePair{{Key: "dim", Value: "4"}}},
		},
	}))
	if err != nil {
		return err
	}
	status, err := c.CreateCollection(ctx, &milvuspb.CreateCollectionRequest{CollectionName: name, Schema: schema, ShardsNum: 1})
	if err != nil {
		return err
	}
	if status.GetCode() != 0 {
		return fmt.Errorf("CreateCollection: %s", status.GetReason())
	}
	return nil
}

func hasCollection(ctx context.Context, addr, name string) (bool, error) {
	c, done, err := client(addr)
	if err != nil {
		return false, err
	}
	defer done()
	answer, err := c.HasCollection(ctx, &milvuspb.HasCollectionRequest{CollectionName: name})
	if err != nil {
		return false, err
	}
	if answer.GetStatus().GetCode() != 0 {
		return false, fmt.Errorf("HasCollection: %s", answer.GetStatus().GetReason())
	}
	return answer.GetValue(), nil
}
