// SPDX-License-Identifier: Apache-2.0

package milvus_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-sdk-go/v2/client"
	"github.com/milvus-io/milvus-sdk-go/v2/entity"
	"google.golang.org/grpc"

	"github.com/penstock-go/penstock/pool/milvus"
	"github.com/penstock-go/penstock/pool/milvus/milvustest"
)

func TestAConnectionForgetsASchemaThatAnotherOneReplaced(t *testing.T) {
	srv := start(t, milvustest.Config{})
	f := newFactory(t, milvus.Config{Address: srv.Addr()})
	a, b := dial(t, f), dial(t, f)
	createDocs(t, a, "old")
	if err := insert(t.Context(), b, "old", 1); err != nil { // b caches the schema
		t.Fatal(err)
	}
	if err := a.DropCollection(t.Context(), "docs"); err != nil {
		t.Fatal(err)
	}
	createDocs(t, a, "new")
	if err := insert(t.Context(), b, "new", 1); err != nil {
		t.Errorf("Insert = %v", err)
	}
	if got := srv.Calls("DropCollection"); got != 1 {
		t.Errorf("the server was told %d times to drop, want once", got)
	}
}

func TestAConnectionForgetsASchemaAlsoWhenTheDropIsOfUnknownEnd(t *testing.T) {
	srv := start(t, milvustest.Config{})
	f := newFactory(t, milvus.Config{Address: srv.Addr()})
	a, b := dial(t, f), dial(t, f)
	createDocs(t, a, "v")
	if err := insert(t.Context(), b, "v", 1); err != nil {
		t.Fatal(err)
	}
	srv.Inject(milvustest.Fault{Method: "DropCollection", Drop: true, After: true})
	if err := a.DropCollection(t.Context(), "docs"); err == nil {
		t.Fatal("DropCollection succeeded")
	}
	wantStatus(t, insert(t.Context(), b, "v", 1), 100, 0)
}

func TestWhateverChangesWhatANameStandsForIsHeard(t *testing.T) {
	srv := start(t, milvustest.Config{})
	f := newFactory(t, milvus.Config{Address: srv.Addr()})
	a, b := dial(t, f), dial(t, f)
	createDocs(t, a, "v")
	for method, call := range map[string]func(context.Context) error{
		"AlterCollection": func(ctx context.Context) error {
			return a.AlterCollection(ctx, "docs", entity.CollectionTTL(60))
		},
		"RenameCollection": func(ctx context.Context) error { return a.RenameCollection(ctx, "other", "docs") },
		"CreateAlias":      func(ctx context.Context) error { return a.CreateAlias(ctx, "other", "docs") },
		"AlterAlias":       func(ctx context.Context) error { return a.AlterAlias(ctx, "other", "docs") },
		"DropAlias":        func(ctx context.Context) error { return a.DropAlias(ctx, "docs") },
	} {
		t.Run(method, func(t *testing.T) {
			if err := insert(t.Context(), b, "v", 1); err != nil { // b caches the schema
				t.Fatal(err)
			}
			defer srv.Inject(milvustest.Fault{Method: method, Status: milvustest.NewStatus(0, "")})()
			if err := call(t.Context()); err != nil {
				t.Fatal(err)
			}
			before := srv.Calls("DescribeCollection")
			for range 2 {
				if err := insert(t.Context(), b, "v", 1); err != nil {
					t.Fatal(err)
				}
			}
			if got := srv.Calls("DescribeCollection") - before; got != 1 {
				t.Errorf("the schema was asked for %d times, want once", got)
			}
		})
	}
}

func TestSessionReadsSeeTheWritesOfAllConnections(t *testing.T) {
	srv := start(t, milvustest.Config{})
	var mu sync.Mutex
	var asked uint64 // guarded by mu
	var wrote uint64 // guarded by mu
	spy := func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
		err := invoke(ctx, method, req, reply, cc, opts...)
		mu.Lock()
		defer mu.Unlock()
		if r, ok := req.(*milvuspb.QueryRequest); ok {
			asked = r.GetGuaranteeTimestamp()
		}
		if r, ok := reply.(*milvuspb.MutationResult); ok {
			wrote = r.GetTimestamp()
		}
		return err
	}
	f := newFactory(t, milvus.Config{Address: srv.Addr(), DialOptions: []grpc.DialOption{grpc.WithChainUnaryInterceptor(spy)}})
	a, b := dial(t, f), dial(t, f)
	createDocs(t, a, "v")
	loadDocs(t, a, "v")

	read := func(c *milvus.Conn) {
		t.Helper()
		_, err := c.Query(t.Context(), "docs", nil, "id > 0", []string{"id"}, client.WithSearchQueryConsistencyLevel(entity.ClSession))
		if err != nil {
			t.Fatal(err)
		}
		mu.Lock()
		defer mu.Unlock()
		if wrote == 0 || asked != wrote {
			t.Errorf("a session read waits for %d, want the last write, %d", asked, wrote)
		}
	}
	if err := insert(t.Context(), a, "v", 1); err != nil {
		t.Fatal(err)
	}
	read(b)
	if err := b.Delete(t.Context(), "docs", "", "id in [1]"); err != nil {
		t.Fatal(err)
	}
	read(a)
	read(dial(t, f)) // one that was not there
	if got := srv.Calls("Delete"); got != 1 {
		t.Errorf("the server was told %d times to delete, want once", got)
	}
}

// Applications name collections after tenants and days, and other processes drop
// them. The work is counted: the SDK's calls in a dial, and what a write allocates.
func TestAFamilyDoesNotGrowWithTheNamesOfCollections(t *testing.T) {
	srv := start(t, milvustest.Config{})
	var calls int
	count := func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
		calls++ // also for calls that do not leave the process
		return invoke(ctx, method, req, reply, cc, opts...)
	}
	f := newFactory(t, milvus.Config{Address: srv.Addr(), DialOptions: []grpc.DialOption{grpc.WithUnaryInterceptor(count)}})
	dial(t, f)
	few := calls

	names := make([]string, 200_000)
	for i := range names {
		names[i] = fmt.Sprint("docs_", i)
	}
	i := 0
	if n := testing.AllocsPerRun(len(names)-1, func() {
		f.Wrote(names[i], uint64(1000+i))
		i++
	}); n != 0 {
		t.Errorf("a write to a new collection leaves %v allocations behind, want none", n)
	}
	calls = 0
	dial(t, f)
	if calls != few {
		t.Errorf("a dial makes %d calls after writes to %d collections, want %d", calls, len(names), few)
	}
	for i, name := range names {
		if ts := f.Session(name); ts < uint64(1000+i) {
			t.Fatalf("a session read of %s waits for %d, want no less than its last write, %d", name, ts, 1000+i)
		}
	}
}

func TestASessionReadWithoutAWriteWaitsForNothing(t *testing.T) {
	srv := start(t, milvustest.Config{})
	s := new(spy)
	c := dial(t, s.inner(t, srv))
	createWith(t, connect(t, srv), "v", entity.ClSession)
	var waits uint64
	s.look(func(req, _ any) {
		if r, ok := req.(*milvuspb.QueryRequest); ok {
			waits = r.GetGuaranteeTimestamp()
		}
	})
	if err := query(t, c, "id"); err != nil {
		t.Fatal(err)
	}
	if waits != 1 {
		t.Errorf("the read waits for %d, want 1: eventually", waits)
	}
	at := client.WithGuaranteeTimestamp(77)
	if _, err := c.Query(t.Context(), "docs", nil, "id > 0", []string{"id"}, client.WithSearchQueryConsistencyLevel(entity.ClCustomized), at); err != nil {
		t.Fatal(err)
	}
	if waits != 77 {
		t.Errorf("the read waits for %d, want 77, as the caller says", waits)
	}
}

func TestConnectionsOfAFamilyMayBeUsedAtTheSameTime(t *testing.T) {
	srv := start(t, milvustest.Config{})
	p, err := milvus.NewPool(milvus.Config{Address: srv.Addr()})
	if err != nil {
		t.Fatal(err)
	}
	f := newFactory(t, milvus.Config{Address: srv.Addr()})
	setup := dial(t, f)
	createDocs(t, setup, "v")
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			err := p.Do(t.Context(), func(ctx context.Context, c *milvus.Conn) error {
				for j := range 20 {
					if err := insert(ctx, c, "v", int64(100*i+j)); err != nil {
						return err
					}
					if j%5 == 0 {
						if err := c.DropCollection(ctx, fmt.Sprintf("other%d", i)); err != nil {
							return err
						}
					}
				}
				return c.Flush(ctx, "docs", true)
			})
			if err != nil {
				t.Error(err)
			}
		})
		wg.Go(func() { // connections come and go
			c, err := f.Dial(t.Context())
			if err != nil {
				t.Error(err)
				return
			}
			if err := insert(t.Context(), c, "v", int64(10000+i)); err != nil {
				t.Error(err)
			}
			if err := f.Close(t.Context(), c); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if err := p.Close(context.Background()); err != nil {
		t.Error(err)
	}
}
