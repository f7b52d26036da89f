// SPDX-License-Identifier: Apache-2.0

package milvustest_test

import (
	"context"
	"testing"

	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-sdk-go/v2/client"
	"github.com/milvus-io/milvus-sdk-go/v2/entity"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"github.com/penstock-go/penstock/pool/milvus/milvustest"
)

// struck makes n calls of GetVersion, and returns which of them a fault struck.
func struck(t *testing.T, c client.Client, n int) []bool {
	t.Helper()
	got := make([]bool, n)
	for i := range got {
		_, err := c.GetVersion(testContext(t))
		switch status.Code(err) {
		case codes.OK:
		case codes.Aborted:
			got[i] = true
		default:
			t.Fatalf("GetVersion = %v, want an answer or Aborted", err)
		}
	}
	return got
}

func count(strikes []bool) (n int) {
	for _, struck := range strikes {
		if struck {
			n++
		}
	}
	return n
}

func TestAFaultWithAShareStrikesThatShareOfTheCalls(t *testing.T) {
	srv := start(t, milvustest.Config{})
	c := connect(t, srv)
	for _, test := range []struct {
		share      float64
		calls      int
		least, all int // strikes
	}{
		{0.01, 200, 2, 2},
		{0.25, 40, 10, 10},
		{0.7, 100, 60, 71},
		{1, 20, 20, 20},
		{0, 20, 20, 20}, // every call
	} {
		remove := srv.Inject(milvustest.Fault{Method: "GetVersion", Share: test.share, Seed: 7, Err: status.Error(codes.Aborted, "")})
		if n := count(struck(t, c, test.calls)); n < test.least || n > test.all {
			t.Errorf("share %v: %d of %d calls struck, want %d to %d", test.share, n, test.calls, test.least, test.all)
		}
		remove()
	}
}

func TestTheSeedDecidesWhichCallsAShareStrikes(t *testing.T) {
	srv := start(t, milvustest.Config{})
	c := connect(t, srv)
	strikes := func(seed uint64) []bool {
		defer srv.Inject(milvustest.Fault{Method: "GetVersion", Share: 0.1, Seed: seed, Err: status.Error(codes.Aborted, "")})()
		return struck(t, c, 60)
	}
	differ := func(a, b []bool) bool {
		for i := range a {
			if a[i] != b[i] {
				return true
			}
		}
		return false
	}
	first := strikes(1)
	if differ(first, strikes(1)) {
		t.Error("the same seed struck other calls the second time")
	}
	if !differ(first, strikes(2)) {
		t.Error("another seed struck the same calls")
	}
}

func TestACallThatAShareLeavesOutGetsTheNextFault(t *testing.T) {
	srv := start(t, milvustest.Config{})
	c := connect(t, srv)
	srv.Inject(milvustest.Fault{Method: "GetVersion", Share: 0.5, Err: status.Error(codes.Aborted, "")})
	srv.Inject(milvustest.Fault{Method: "GetVersion", Err: status.Error(codes.DataLoss, "")})
	got := map[codes.Code]int{}
	for range 10 {
		_, err := c.GetVersion(testContext(t))
		got[status.Code(err)]++
	}
	if got[codes.Aborted] != 5 || got[codes.DataLoss] != 5 {
		t.Errorf("got %v, want 5 of each fault", got)
	}
}

func TestIfNarrowsAFaultToACollection(t *testing.T) {
	srv := start(t, milvustest.Config{})
	c := connect(t, srv)
	fill(t, c, "people", entity.L2)
	fill(t, c, "others", entity.L2)
	srv.Inject(milvustest.Fault{
		If:     func(_ context.Context, request any) bool { return milvustest.CollectionOf(request) == "people" },
		Status: milvustest.RateLimited("slow down"),
	})
	if _, err := c.HasCollection(testContext(t), "people"); err == nil || err.Error() != "slow down" {
		t.Errorf("HasCollection of people = %v, want slow down", err)
	}
	if _, err := c.HasCollection(testContext(t), "others"); err != nil {
		t.Errorf("HasCollection of others = %v, want an answer", err)
	}
	if _, err := c.GetVersion(testContext(t)); err != nil {
		t.Errorf("GetVersion = %v, want an answer: it names no collection", err)
	}
}

func TestIfNarrowsAFaultToAConnection(t *testing.T) {
	srv := start(t, milvustest.Config{})
	one, other := stub(t, srv), stub(t, srv)
	var of peer.Peer
	if _, err := one.GetVersion(testContext(t), &milvuspb.GetVersionRequest{}, grpc.Peer(&of)); err != nil {
		t.Fatal(err)
	}
	local := of.LocalAddr.String()
	srv.Inject(milvustest.Fault{
		If: func(ctx context.Context, _ any) bool {
			p, ok := peer.FromContext(ctx)
			return ok && p.Addr.String() == local
		},
		Err: status.Error(codes.Aborted, ""),
	})
	if _, err := one.GetVersion(testContext(t), &milvuspb.GetVersionRequest{}); status.Code(err) != codes.Aborted {
		t.Errorf("GetVersion on the bad connection = %v, want Aborted", err)
	}
	if _, err := other.GetVersion(testContext(t), &milvuspb.GetVersionRequest{}); err != nil {
		t.Errorf("GetVersion on the other connection = %v, want an answer", err)
	}
}
