// SPDX-License-Identifier: Apache-2.0

package milvustest_test

import (
	"context"
	"testing"
	"time"

	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-sdk-go/v2/client"
	"github.com/milvus-io/milvus-sdk-go/v2/entity"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/penstock-go/penstock/pool/milvus/milvustest"
)

// never is a tick that no test sees.
const never = 24 * time.Hour

func query(ctx context.Context, c client.Client, level entity.ConsistencyLevel, more ...client.SearchQueryOptionFunc) error {
	_, err := c.Query(ctx, "people", nil, "id > 0", []string{"id"},
		append([]client.SearchQueryOptionFunc{client.WithSearchQueryConsistencyLevel(level)}, more...)...)
	return err
}

func TestAStrongReadWaitsForTheNextTick(t *testing.T) {
	srv := start(t, milvustest.Config{TimeTick: never})
	c := connect(t, srv)
	fill(t, c, "people", entity.L2)
	for _, level := range []entity.ConsistencyLevel{entity.ClBounded, entity.ClEventually} {
		if err := query(testContext(t), c, level); err != nil {
			t.Errorf("Query with level %d = %v, want an answer without a tick", level, err)
		}
	}

	for name, read := range map[string]func(context.Context) error{
		"query": func(ctx context.Context) error { return query(ctx, c, entity.ClStrong) },
		"search": func(ctx context.Context) error {
			flat, err := entity.NewIndexFlatSearchParam()
			must(t, err)
			_, err = c.Search(ctx, "people", nil, "", nil, []entity.Vector{entity.FloatVector{1, 0, 0, 0}}, "vec", entity.L2, 1, flat,
				client.WithSearchQueryConsistencyLevel(entity.ClStrong))
			return err
		},
		// The time of a write that Session consistency waits for.
		"timestamp": func(ctx context.Context) error {
			return query(ctx, c, entity.ClCustomized, client.WithGuaranteeTimestamp(uint64(time.Now().UnixMilli())<<18))
		},
	} {
		t.Run(name, func(t *testing.T) {
			rpc := map[bool]string{true: "Search", false: "Query"}[name == "search"]
			before := srv.Calls(rpc)
			ctx, cancel := context.WithCancel(testContext(t))
			defer cancel()
			done := make(chan error, 1)
			go func() { done <- read(ctx) }()
			must(t, srv.AwaitCalls(testContext(t), rpc, before+1))
			cancel()
			if err := <-done; status.Code(err) != codes.Canceled {
				t.Errorf("read = %v, want Canceled: it has to wait until its caller leaves", err)
			}
		})
	}
}

func TestAStrongReadIsAnsweredAfterTheTick(t *testing.T) {
	srv := start(t, milvustest.Config{TimeTick: time.Millisecond})
	c := connect(t, srv)
	fill(t, c, "people", entity.L2)
	if err := query(testContext(t), c, entity.ClStrong); err != nil {
		t.Errorf("Query = %v, want an answer", err)
	}
	old := client.WithGuaranteeTimestamp(uint64(time.Now().Add(-time.Hour).UnixMilli()) << 18)
	if err := query(testContext(t), c, entity.ClCustomized, old); err != nil {
		t.Errorf("Query of an old timestamp = %v, want an answer", err)
	}
}

func TestTheDefaultConsistencyIsThatOfTheCollection(t *testing.T) {
	srv := start(t, milvustest.Config{TimeTick: never})
	c, raw := connect(t, srv), stub(t, srv)
	fill(t, c, "people", entity.L2) // created with Bounded, the default of the client
	reply, err := raw.Query(testContext(t), &milvuspb.QueryRequest{CollectionName: "people", Expr: "id > 0", UseDefaultConsistency: true})
	if err != nil || reply.GetStatus().GetCode() != 0 {
		t.Errorf("Query = %v, %v, want an answer without a tick", reply.GetStatus(), err)
	}
}
