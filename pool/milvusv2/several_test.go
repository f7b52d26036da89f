// SPDX-License-Identifier: Apache-2.0

package milvusv2_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus/client/v2/entity"
	"google.golang.org/grpc"

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

func TestAClientHasEndpointsInEachLane(t *testing.T) {
	srv := start(t, milvustest.Config{})
	c, err := milvusv2.Open(t.Context(), milvusv2.Config{Addresses: twice(t, srv), Lanes: lane.ReadWrite()}, penstock.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.WithoutCancel(t.Context()))
	if c.Pool() != nil || len(c.PoolStats()) != 2 || len(c.Endpoints()) != 2 {
		t.Errorf("Pool %v, PoolStats %v, Endpoints %v; want two lanes with two endpoints each", c.Pool(), c.PoolStats(), c.Endpoints())
	}
	if _, err := core.Do(t.Context(), c, milvusv2.ListCollections(), func(ctx context.Context, conn *milvusv2.Conn) (any, error) {
		return nil, askVersion(ctx, conn)
	}); err != nil {
		t.Error(err)
	}
}

func TestASessionReadThroughOneEndpointWaitsForTheWriteThroughAnother(t *testing.T) {
	srv := start(t, milvustest.Config{})
	s := new(spy)
	b, err := milvusv2.Config{
		Addresses: twice(t, srv), DialOptions: []grpc.DialOption{grpc.WithChainUnaryInterceptor(s.intercept)},
	}.Backend()
	if err != nil {
		t.Fatal(err)
	}
	var conns []*milvusv2.Conn
	for _, address := range b.Endpoints.Addresses {
		f, err := b.Endpoints.Factory(endpoint.Address{HostPort: address})
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, dial(t, f.(*milvusv2.Factory)))
	}
	createWith(t, conns[0], "v", entity.ClSession)
	var wrote, asked uint64
	s.look(func(req, reply any) {
		if r, ok := req.(*milvuspb.QueryRequest); ok {
			asked = r.GetGuaranteeTimestamp()
		}
		if r, ok := reply.(*milvuspb.MutationResult); ok {
			wrote = r.GetTimestamp()
		}
	})
	for id := range int64(4) {
		writer, reader := conns[id%2], conns[1-id%2]
		if err := insert(t.Context(), writer, "v", id+1); err != nil {
			t.Fatal(err)
		}
		if err := query(t, reader, "id"); err != nil {
			t.Fatal(err)
		}
		if wrote == 0 || asked != wrote {
			t.Errorf("the read waits for %d, want the last write, %d", asked, wrote)
		}
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
