// SPDX-License-Identifier: Apache-2.0

package milvusv2_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus/client/v2/column"
	"github.com/milvus-io/milvus/client/v2/entity"
	"github.com/milvus-io/milvus/client/v2/milvusclient"
	"google.golang.org/grpc"

	"github.com/penstock-go/penstock/pool/milvus/milvustest"
	"github.com/penstock-go/penstock/pool/milvusv2"
)

// spy is an interceptor that lets a test look at requests and change replies.
type spy struct {
	mu  sync.Mutex
	see func(req, reply any) // guarded by mu, may be nil
}

// look has see called with each request and its reply.
func (s *spy) look(see func(req, reply any)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.see = see
}

func (s *spy) intercept(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	err := invoke(ctx, method, req, reply, cc, opts...)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.see != nil {
		s.see(req, reply)
	}
	return err
}

// inner returns a factory whose requests pass through s on their way to the server.
func (s *spy) inner(t *testing.T, srv *milvustest.Server) *milvusv2.Factory {
	return newFactory(t, milvusv2.Config{Address: srv.Addr(), DialOptions: []grpc.DialOption{grpc.WithChainUnaryInterceptor(s.intercept)}})
}

// replaced returns a server with the collection docs that another process drops and
// creates, with other fields, after each of the connections has used it.
func replaced(t *testing.T, connections int) (*milvustest.Server, []*milvusv2.Conn) {
	t.Helper()
	srv := start(t, milvustest.Config{})
	f := newFactory(t, milvusv2.Config{Address: srv.Addr()})
	other := connect(t, srv)
	createWith(t, other, "old", entity.ClStrong)
	conns := make([]*milvusv2.Conn, connections)
	for i := range conns {
		conns[i] = dial(t, f)
		if err := insert(t.Context(), conns[i], "old", int64(i+1)); err != nil {
			t.Fatal(err)
		}
	}
	if err := dropCollectionOn(t.Context(), other, "docs"); err != nil {
		t.Fatal(err)
	}
	createWith(t, other, "new", entity.ClStrong)
	return srv, conns
}

// A read gets the fields from the reply, so it needs no schema but for the keys.
func TestACollectionThatAnotherProcessReplacedCostsADescribeForEachWriter(t *testing.T) {
	for name, use := range map[string]func(t *testing.T, c *milvusv2.Conn, id int64) error{
		"Insert": func(t *testing.T, c *milvusv2.Conn, id int64) error { return insert(t.Context(), c, "new", id) },
		"Upsert": func(t *testing.T, c *milvusv2.Conn, id int64) error {
			_, err := c.Upsert(t.Context(), rows("new", id))
			return err
		},
		"Query": func(t *testing.T, c *milvusv2.Conn, _ int64) error { return query(t, c, "*") },
		"Get": func(t *testing.T, c *milvusv2.Conn, id int64) error {
			_, err := c.Get(t.Context(), milvusclient.NewQueryOption("docs").WithIDs(column.NewColumnInt64("id", []int64{id})).WithOutputFields("*"))
			return err
		},
		"Search": func(t *testing.T, c *milvusv2.Conn, _ int64) error {
			results, err := c.Search(t.Context(), milvusclient.NewSearchOption("docs", 1, []entity.Vector{entity.FloatVector{0, 1}}).
				WithANNSField("new").WithOutputFields("*"))
			if err != nil {
				return err
			}
			return results[0].Err
		},
	} {
		t.Run(name, func(t *testing.T) {
			srv, conns := replaced(t, 4)
			if err := insert(t.Context(), connect(t, srv), "new", 100); err != nil {
				t.Fatal(err)
			}
			before := srv.Calls("DescribeCollection")
			for range 2 {
				for i, c := range conns {
					if err := use(t, c, int64(i+1)); err != nil {
						t.Errorf("connection %d: %v", i, err)
					}
				}
			}
			want := 0
			if name == "Insert" || name == "Upsert" {
				want = 1 + len(conns) // one to find out
			}
			if n := srv.Calls("DescribeCollection") - before; n != want {
				t.Errorf("the schema was asked for %d times, want %d", n, want)
			}
		})
	}
}

func TestADescribeOnOneConnectionIsNewsForAll(t *testing.T) {
	srv, conns := replaced(t, 4)
	if _, err := describeCollectionOn(t.Context(), conns[0], "docs"); err != nil {
		t.Fatal(err)
	}
	for i, c := range conns {
		if err := insert(t.Context(), c, "new", int64(i+1)); err != nil {
			t.Errorf("connection %d: %v", i, err)
		}
	}
	if got, want := srv.Calls("Insert"), 4+4; got != want {
		t.Errorf("the server got %d inserts, want %d", got, want)
	}
}

func TestAWriteThatTheServerRefusesIsMadeOnceMoreIfTheSchemaIsAnother(t *testing.T) {
	for _, refusal := range []struct {
		code   int32
		reason string
		again  bool
	}{
		{109, "collection schema mismatch", true},
		{1100, "the num of fields does not match", true},
		{1700, "field not found", true},
		{65535, "field v not exist", true},
		{65535, "worker failed", false}, // the write may have been applied
		{5, "field v not exist", false},
		{8, "rate limit", false},
		{200, "partition not found", false},
	} {
		for _, changed := range []bool{true, false} {
			t.Run(fmt.Sprint(refusal.code, " ", refusal.reason, " ", changed), func(t *testing.T) {
				srv := start(t, milvustest.Config{})
				c, other := connect(t, srv), connect(t, srv)
				createDocs(t, other, "v")
				if err := insert(t.Context(), c, "v", 1); err != nil {
					t.Fatal(err)
				}
				if changed {
					if err := dropCollectionOn(t.Context(), other, "docs"); err != nil {
						t.Fatal(err)
					}
					createDocs(t, other, "v") // the SDK's own check finds nothing
				}
				srv.Inject(milvustest.Fault{Method: "Insert", Status: milvustest.NewStatus(milvustest.Code(refusal.code), refusal.reason), Times: 1})
				before := srv.Calls("Insert")
				err := insert(t.Context(), c, "v", 2)
				want := 1
				if refusal.again && changed {
					want = 2
				}
				if n := srv.Calls("Insert") - before; n != want || (err == nil) != (want == 2) {
					t.Errorf("%d inserts and %v, want %d inserts", n, err, want)
				}
				if e, ok := errors.AsType[*milvusv2.Error](err); ok && e.Code != refusal.code {
					t.Errorf("Insert = %v, want the refusal", err)
				}
			})
		}
	}
}

func TestAMistakeOfTheCallerIsMadeOnceAndForgetsNothing(t *testing.T) {
	srv := start(t, milvustest.Config{})
	f := newFactory(t, milvusv2.Config{Address: srv.Addr()})
	a, b := dial(t, f), dial(t, f)
	createDocs(t, a, "v")
	for _, c := range []*milvusv2.Conn{a, b} {
		if err := insert(t.Context(), c, "v", 1); err != nil {
			t.Fatal(err)
		}
	}
	inserts, describes := srv.Calls("Insert"), srv.Calls("DescribeCollection")
	if err := insert(t.Context(), a, "nosuch", 2); err == nil || !strings.Contains(err.Error(), "nosuch") {
		t.Errorf("Insert = %v, want the SDK's own error", err)
	}
	if err := insert(t.Context(), b, "v", 2); err != nil {
		t.Error(err)
	}
	if n := srv.Calls("Insert") - inserts; n != 1 {
		t.Errorf("%d inserts, want 1", n)
	}
	if n := srv.Calls("DescribeCollection") - describes; n != 1 {
		t.Errorf("the schema was asked for %d times, want once, after the mistake", n)
	}
}

func TestAWriteThatWasAppliedIsNotMadeAgain(t *testing.T) {
	srv := start(t, milvustest.Config{})
	s := new(spy)
	c := dial(t, s.inner(t, srv))
	createDocs(t, c, "v")
	first := true
	s.look(func(_, reply any) {
		if r, ok := reply.(*milvuspb.DescribeCollectionResponse); ok && first {
			first = false
			for _, field := range r.GetSchema().GetFields() {
				field.IsPrimaryKey = false // the SDK fails at the keys in the reply to Insert
			}
		}
	})
	if err := insert(t.Context(), c, "v", 1); err == nil {
		t.Error("Insert succeeded, want the SDK's error")
	}
	if n := srv.Calls("Insert"); n != 1 {
		t.Errorf("%d inserts, want 1", n)
	}
}

func TestManyInsertersFindOutTogether(t *testing.T) {
	srv, conns := replaced(t, 2)
	before := srv.Calls("Insert")
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			if err := insert(t.Context(), conns[i%2], "new", int64(i+1)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := srv.Calls("Insert") - before; n != 40 {
		t.Errorf("%d inserts, want 40", n)
	}
}

func TestACollectionThatIsGoneIsForgotten(t *testing.T) {
	srv := start(t, milvustest.Config{})
	c, other := connect(t, srv), connect(t, srv)
	createWith(t, other, "v", entity.ClStrong)
	if err := query(t, c, "id"); err != nil {
		t.Fatal(err)
	}
	if err := dropCollectionOn(t.Context(), other, "docs"); err != nil {
		t.Fatal(err)
	}
	wantStatus(t, query(t, c, "id"), 100, 0)
	createWith(t, other, "v", entity.ClEventually)
	before := srv.Calls("DescribeCollection")
	if err := query(t, c, "id"); err != nil {
		t.Error(err)
	}
	if n := srv.Calls("DescribeCollection") - before; n != 1 {
		t.Errorf("the schema was asked for %d times, want once", n)
	}
}
