// SPDX-License-Identifier: Apache-2.0

package milvusv2_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/milvus-io/milvus/client/v2/entity"
	"github.com/milvus-io/milvus/client/v2/milvusclient"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/pool/endpoint"
	"github.com/penstock-go/penstock/pool/lane"
	"github.com/penstock-go/penstock/pool/milvus/milvustest"
	"github.com/penstock-go/penstock/pool/milvusv2"
)

// twice returns two addresses of one server.
func twice(t *testing.T, srv *milvustest.Server) []string {
	t.Helper()
	_, port, err := net.SplitHostPort(srv.Addr())
	if err != nil {
		t.Fatal(err)
	}
	return []string{srv.Addr(), net.JoinHostPort("localhost", port)}
}

func TestEndpointsAndLanesShareWhatTheyKnow(t *testing.T) {
	srv := start(t, milvustest.Config{})
	c, err := milvusv2.Open(t.Context(), milvusv2.Config{Addresses: twice(t, srv), Lanes: lane.ReadWrite()}, penstock.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.WithoutCancel(t.Context()))
	if c.Pool() != nil || len(c.PoolStats()) != 2 || len(c.Endpoints()) != 2 {
		t.Errorf("Pool %v, PoolStats %v, Endpoints %v; want two lanes with two endpoints each", c.Pool(), c.PoolStats(), c.Endpoints())
	}
	do := func(op core.Op, fn func(context.Context, *milvusv2.Conn) error) {
		t.Helper()
		if _, err := core.Do(t.Context(), c, op, func(ctx context.Context, conn *milvusv2.Conn) (any, error) { return nil, fn(ctx, conn) }); err != nil {
			t.Fatal(err)
		}
	}
	do(core.Op{Name: "Setup"}, func(_ context.Context, conn *milvusv2.Conn) error {
		createWith(t, conn, "v", entity.ClSession)
		return nil
	})
	for id := range int64(20) {
		do(milvusv2.Insert("docs"), func(ctx context.Context, conn *milvusv2.Conn) error { return insert(ctx, conn, "v", id+1) })
		do(milvusv2.Query("docs"), func(ctx context.Context, conn *milvusv2.Conn) error {
			found, err := conn.Query(ctx, milvusclient.NewQueryOption("docs").WithFilter("id > 0").WithOutputFields("id"))
			if err == nil && found.ResultCount != int(id+1) {
				t.Errorf("%d rows after %d inserts", found.ResultCount, id+1)
			}
			return err
		})
	}
	// Another endpoint may have the schema from before in its cache.
	do(milvusv2.DropCollection("docs"), func(ctx context.Context, conn *milvusv2.Conn) error { return dropCollectionOn(ctx, conn, "docs") })
	do(core.Op{Name: "Setup"}, func(_ context.Context, conn *milvusv2.Conn) error {
		createWith(t, conn, "w", entity.ClSession)
		return nil
	})
	before := srv.Calls("Insert")
	for id := range int64(20) {
		do(milvusv2.Insert("docs"), func(ctx context.Context, conn *milvusv2.Conn) error { return insert(ctx, conn, "w", id+1) })
	}
	if n := srv.Calls("Insert") - before; n != 20 {
		t.Errorf("%d inserts, want 20: one was made with an old schema", n)
	}
}

func TestSharedPoolsOfASetOfAddresses(t *testing.T) {
	addresses := twice(t, start(t, milvustest.Config{}))
	one, err := milvusv2.Shared(milvusv2.Config{Addresses: addresses})
	if err != nil {
		t.Fatal(err)
	}
	defer one.Close(context.WithoutCancel(t.Context()))
	other, err := milvusv2.Shared(milvusv2.Config{Addresses: []string{addresses[1], addresses[0]}})
	if err != nil {
		t.Fatalf("Shared = %v, want the same pool for the same set", err)
	}
	if other.Pool() != nil {
		t.Error("Pool is not nil with several addresses")
	}
	if err := other.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if err := one.Do(t.Context(), askVersion); err != nil {
		t.Errorf("Do = %v, want success while a handle is open", err)
	}
	if _, err := milvusv2.Shared(milvusv2.Config{Addresses: addresses, Endpoints: endpoint.Detection{Disabled: true}}); !errors.Is(err, milvusv2.ErrDiffers) {
		t.Errorf("Shared = %v, want ErrDiffers", err)
	}
}

func TestBadAddressesAreNamed(t *testing.T) {
	cfg := milvusv2.Config{
		Address: "localhost:1", Addresses: []string{"root:hunter2@localhost:1", "nowhere"},
		Endpoints: endpoint.Detection{ConsecutiveFailures: -1}, Lanes: []lane.Lane{{}},
	}
	_, err := cfg.Backend()
	for _, word := range []string{"Address and Addresses", "user information", "nowhere", "ConsecutiveFailures", "lane"} {
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("Backend = %v, want %s in it", err, word)
		}
	}
	if text := err.Error() + cfg.String(); strings.Contains(text, "hunter2") {
		t.Errorf("%s shows a password", text)
	}
	if _, err := milvusv2.NewPool(milvusv2.Config{Addresses: []string{"a:1", "b:1"}}); err == nil || !strings.Contains(err.Error(), "milvusv2.Open") {
		t.Errorf("NewPool = %v, want a refusal of two addresses", err)
	}
}
