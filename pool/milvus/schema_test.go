// SPDX-License-Identifier: Apache-2.0

package milvus_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-sdk-go/v2/client"
	"github.com/milvus-io/milvus-sdk-go/v2/entity"
	"google.golang.org/grpc"

	"github.com/penstock-go/penstock/pool/milvus"
	"github.com/penstock-go/penstock/pool/milvus/milvustest"
)

// spy is an interceptor that lets a test look at requests, change replies, and hold
// the next reply of one method back.
type spy struct {
	mu     sync.Mutex
	see    func(req, reply any) // guarded by mu, may be nil
	method string               // of the reply to hold back; guarded by mu
	held   chan struct{}        // closed when the reply is there; guarded by mu
	pass   chan struct{}        // closed when the reply may pass; guarded by mu
}

// hold holds the next reply of the method back. It returns a channel that is closed
// when the reply is there, and a function that lets the reply pass.
func (s *spy) hold(method string) (held <-chan struct{}, pass func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.method, s.held, s.pass = method, make(chan struct{}), make(chan struct{})
	return s.held, sync.OnceFunc(func() { close(s.pass) })
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
	if s.see != nil {
		s.see(req, reply)
	}
	held, pass := s.held, s.pass
	if s.method == "" || !strings.HasSuffix(method, "/"+s.method) {
		held = nil
	} else {
		s.method = ""
	}
	s.mu.Unlock()
	if held != nil {
		close(held)
		<-pass
	}
	return err
}

// inner returns a factory whose requests pass through s on their way to the server.
func (s *spy) inner(t *testing.T, srv *milvustest.Server) *milvus.Factory {
	return newFactory(t, milvus.Config{Address: srv.Addr(), DialOptions: []grpc.DialOption{grpc.WithChainUnaryInterceptor(s.intercept)}})
}

// outer returns a factory whose replies pass through s just before the SDK gets them.
func (s *spy) outer(t *testing.T, srv *milvustest.Server) *milvus.Factory {
	return newFactory(t, milvus.Config{Address: srv.Addr(), DialOptions: []grpc.DialOption{grpc.WithUnaryInterceptor(s.intercept)}})
}

// createWith creates the collection docs, empty and loaded, with a vector field of
// that name and a consistency level.
func createWith(t *testing.T, c *milvus.Conn, vector string, level entity.ConsistencyLevel) {
	t.Helper()
	schema := entity.NewSchema().WithName("docs").
		WithField(entity.NewField().WithName("id").WithDataType(entity.FieldTypeInt64).WithIsPrimaryKey(true)).
		WithField(entity.NewField().WithName(vector).WithDataType(entity.FieldTypeFloatVector).WithDim(2))
	if err := c.CreateCollection(t.Context(), schema, 1, client.WithConsistencyLevel(level)); err != nil {
		t.Fatal(err)
	}
	loadDocs(t, c, vector)
}

func query(t *testing.T, c *milvus.Conn, output string) error {
	t.Helper()
	_, err := c.Query(t.Context(), "docs", nil, "id > 0", []string{output})
	return err
}

// The reply is held back once on its way to the adapter, and once between the adapter
// and the SDK, which then stores the schema after it was forgotten.
func TestADescribeThatADropOvertakesIsNotUsed(t *testing.T) {
	for name, through := range map[string]func(*spy, *testing.T, *milvustest.Server) *milvus.Factory{
		"before the adapter has it": (*spy).inner,
		"before the SDK has it":     (*spy).outer,
	} {
		t.Run(name, func(t *testing.T) {
			srv := start(t, milvustest.Config{})
			s := new(spy)
			f := through(s, t, srv)
			a, b := dial(t, f), dial(t, f)
			createWith(t, a, "old", entity.ClStrong)

			held, pass := s.hold("DescribeCollection")
			defer pass()
			overtaken := make(chan *entity.Collection, 1)
			go func() {
				docs, err := b.DescribeCollection(t.Context(), "docs")
				if err != nil {
					t.Error(err)
				}
				overtaken <- docs
			}()
			<-held
			if err := a.DropCollection(t.Context(), "docs"); err != nil {
				t.Fatal(err)
			}
			createWith(t, a, "new", entity.ClEventually)
			pass()
			docs := <-overtaken
			if name == "before the adapter has it" && (docs == nil || docs.Schema.Fields[1].Name != "new") {
				t.Errorf("DescribeCollection = %+v, want the new schema", docs)
			}

			var waits uint64
			s.look(func(req, _ any) {
				if r, ok := req.(*milvuspb.QueryRequest); ok {
					waits = r.GetGuaranteeTimestamp()
				}
			})
			if err := query(t, b, "id"); err != nil {
				t.Fatal(err)
			}
			s.look(nil)
			if waits != 1 {
				t.Errorf("the read waits for %d, want 1: the level of the new collection", waits)
			}
			before := srv.Calls("DescribeCollection")
			for i := range 3 {
				if err := insert(t.Context(), b, "new", int64(i+1)); err != nil {
					t.Errorf("Insert = %v", err)
				}
			}
			if n := srv.Calls("DescribeCollection") - before; n != 0 {
				t.Errorf("the inserts asked for the schema %d times, want none: the read did", n)
			}
		})
	}
}

// replaced returns a server with the collection docs that another process drops and
// creates, with other fields, after each of the connections has used it.
func replaced(t *testing.T, s *spy, connections int) (*milvustest.Server, []*milvus.Conn) {
	t.Helper()
	srv := start(t, milvustest.Config{})
	f := s.inner(t, srv)
	other := connect(t, srv)
	createWith(t, other, "old", entity.ClStrong)
	conns := make([]*milvus.Conn, connections)
	for i := range conns {
		conns[i] = dial(t, f)
		if err := insert(t.Context(), conns[i], "old", int64(i+1)); err != nil {
			t.Fatal(err)
		}
	}
	if err := other.DropCollection(t.Context(), "docs"); err != nil {
		t.Fatal(err)
	}
	createWith(t, other, "new", entity.ClStrong)
	return srv, conns
}

func TestACollectionThatAnotherProcessReplacedCostsOneDescribe(t *testing.T) {
	for name, use := range map[string]func(t *testing.T, c *milvus.Conn, id int64) error{
		"Insert": func(t *testing.T, c *milvus.Conn, id int64) error { return insert(t.Context(), c, "new", id) },
		"Upsert": func(t *testing.T, c *milvus.Conn, id int64) error {
			_, err := c.Upsert(t.Context(), "docs", "", entity.NewColumnInt64("id", []int64{id}), entity.NewColumnFloatVector("new", 2, [][]float32{{0, 1}}))
			return err
		},
		"Query": func(t *testing.T, c *milvus.Conn, _ int64) error { return query(t, c, "*") },
		"QueryByPks": func(t *testing.T, c *milvus.Conn, id int64) error {
			_, err := c.QueryByPks(t.Context(), "docs", nil, entity.NewColumnInt64("id", []int64{id}), []string{"*"})
			return err
		},
		"Get": func(t *testing.T, c *milvus.Conn, id int64) error {
			_, err := c.Get(t.Context(), "docs", entity.NewColumnInt64("id", []int64{id}), client.GetWithOutputFields("*"))
			return err
		},
		"Search": func(t *testing.T, c *milvus.Conn, _ int64) error {
			param, err := entity.NewIndexFlatSearchParam()
			if err != nil {
				return err
			}
			results, err := c.Search(t.Context(), "docs", nil, "", []string{"*"}, []entity.Vector{entity.FloatVector{0, 1}}, "new", entity.L2, 1, param)
			if err != nil {
				return err
			}
			return results[0].Err
		},
	} {
		t.Run(name, func(t *testing.T) {
			srv, conns := replaced(t, new(spy), 4)
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
			if n := srv.Calls("DescribeCollection") - before; n != len(conns) {
				t.Errorf("the schema was asked for %d times, want once for each connection", n)
			}
		})
	}
}

func TestADescribeOnOneConnectionIsNewsForAll(t *testing.T) {
	srv, conns := replaced(t, new(spy), 4)
	if _, err := conns[0].DescribeCollection(t.Context(), "docs"); err != nil {
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
					if err := other.DropCollection(t.Context(), "docs"); err != nil {
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
				if e, ok := errors.AsType[*milvus.Error](err); ok && e.Code != refusal.code {
					t.Errorf("Insert = %v, want the refusal", err)
				}
			})
		}
	}
}

func TestAMistakeOfTheCallerIsMadeOnceAndForgetsNothing(t *testing.T) {
	srv := start(t, milvustest.Config{})
	f := newFactory(t, milvus.Config{Address: srv.Addr()})
	a, b := dial(t, f), dial(t, f)
	createDocs(t, a, "v")
	for _, c := range []*milvus.Conn{a, b} {
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
	srv, conns := replaced(t, new(spy), 2)
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
	if err := other.DropCollection(t.Context(), "docs"); err != nil {
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
