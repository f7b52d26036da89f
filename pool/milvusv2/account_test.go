// SPDX-License-Identifier: Apache-2.0

package milvusv2_test

import (
	"context"
	"errors"
	"testing"

	"google.golang.org/grpc/codes"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/pool/milvus/milvustest"
	"github.com/penstock-go/penstock/pool/milvusv2"
)

// TestTheAccountOfAnAttempt asks the chain whether an attempt is worth another
// one when its first request ended in some way, and its last one in a refusal
// that changed nothing.
func TestTheAccountOfAnAttempt(t *testing.T) {
	for name, c := range map[string]struct {
		fault   milvustest.Fault
		call    func(context.Context, *milvusv2.Conn) error
		applied bool
	}{
		"a write answered OK": {
			call: func(ctx context.Context, c *milvusv2.Conn) error { return insert(ctx, c, "v", 1) }, applied: true,
		},
		"a flush answered OK": {
			call: func(ctx context.Context, c *milvusv2.Conn) error { return flushOn(ctx, c, "docs", false) }, applied: true,
		},
		"reads": {
			call: func(ctx context.Context, c *milvusv2.Conn) error {
				_, has := hasCollectionOn(ctx, c, "docs")
				_, err := getVersionOn(ctx, c)
				return errors.Join(has, err)
			},
		},
		"a read cut off": {
			fault: milvustest.Fault{Method: "GetVersion", Drop: true},
			call:  func(ctx context.Context, c *milvusv2.Conn) error { _, err := getVersionOn(ctx, c); return err },
		},
		"a write cut off": {
			fault: milvustest.Fault{Method: "Insert", Drop: true},
			call:  func(ctx context.Context, c *milvusv2.Conn) error { return insert(ctx, c, "v", 1) }, applied: true,
		},
		"a write that failed inside": {
			fault: milvustest.Fault{Method: "Insert", Status: milvustest.NewStatus(65535, "?")},
			call:  func(ctx context.Context, c *milvusv2.Conn) error { return insert(ctx, c, "v", 1) }, applied: true,
		},
		"a write refused by a limit": {
			fault: milvustest.Fault{Method: "Insert", Status: milvustest.RateLimited("no")},
			call:  func(ctx context.Context, c *milvusv2.Conn) error { return insert(ctx, c, "v", 1) },
		},
		"a write refused as bad": {
			fault: milvustest.Fault{Method: "Insert", Status: milvustest.NewStatus(1100, "no")},
			call:  func(ctx context.Context, c *milvusv2.Conn) error { return insert(ctx, c, "v", 1) },
		},
		"a write that the SDK refused": {
			call: func(ctx context.Context, c *milvusv2.Conn) error { return insert(ctx, c, "other", 1) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			srv := start(t, milvustest.Config{})
			createDocs(t, connect(t, srv), "v")
			class := classOf(t, srv, func(ctx context.Context, conn *milvusv2.Conn) error {
				srv.Inject(c.fault)
				_ = c.call(ctx, conn)
				return &milvusv2.Error{Method: "Insert", Code: 8}
			})
			want := core.RetryAlways
			if c.applied {
				want = core.RetryIfIdempotent
			}
			if class.Retry != want {
				t.Errorf("Retry = %v, want %v", class.Retry, want)
			}
		})
	}
}

// classOf runs work as an attempt and returns what the chain learns.
func classOf(t *testing.T, srv *milvustest.Server, work func(context.Context, *milvusv2.Conn) error) core.Class {
	t.Helper()
	var class core.Class
	client := newClient(t, srv, func(next core.Handler) core.Handler {
		return func(ctx context.Context, call *core.Call) error {
			mark := call.Mark()
			err := next(ctx, call)
			class = call.LastSince(mark, err).Class
			return err
		}
	})
	_, err := core.Do(t.Context(), client, core.Op{Name: "test"}, func(ctx context.Context, c *milvusv2.Conn) (any, error) {
		return nil, work(ctx, c)
	})
	if err == nil {
		t.Fatal("the work did not fail")
	}
	return class
}

func newClient(t *testing.T, srv *milvustest.Server, m core.Middleware) *core.Client[*milvusv2.Conn] {
	t.Helper()
	p, err := milvusv2.NewPool(milvusv2.Config{Address: srv.Addr()})
	if err != nil {
		t.Fatal(err)
	}
	client, err := core.NewClient(core.ClientConfig[*milvusv2.Conn]{
		Source: p, Middleware: m, Classifier: milvusv2.Classify, Closers: []func(context.Context) error{p.Close},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := client.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return client
}

func TestAnUnsafeOperationIsNotRepeatedAfterItsInsert(t *testing.T) {
	srv := start(t, milvustest.Config{})
	createDocs(t, connect(t, srv), "v")
	srv.Inject(milvustest.Fault{Method: "Flush", Status: milvustest.RateLimited("no")})
	client := newClient(t, srv, func(next core.Handler) core.Handler {
		return func(ctx context.Context, call *core.Call) error {
			mark := call.Mark()
			err := next(ctx, call)
			for call.Attempt() < 3 && call.LastSince(mark, err).Retry.Allows(call.Op.Safety) {
				call.NextAttempt()
				mark = call.Mark()
				err = next(ctx, call)
			}
			return err
		}
	})
	_, err := core.Do(t.Context(), client, core.Op{Name: "ingest"}, func(ctx context.Context, c *milvusv2.Conn) (any, error) {
		if err := insert(ctx, c, "v", 1); err != nil {
			return nil, err
		}
		return nil, flushOn(ctx, c, "docs", false)
	})
	wantStatus(t, err, 8, codes.OK)
	if got := srv.Calls("Insert"); got != 1 {
		t.Errorf("Insert was called %d times, want 1", got)
	}
	if _, err = core.Do(t.Context(), client, core.Op{Name: "flush"}, func(ctx context.Context, c *milvusv2.Conn) (any, error) {
		return nil, flushOn(ctx, c, "docs", false)
	}); err == nil {
		t.Error("Flush succeeded")
	}
	if got := srv.Calls("Flush"); got != 1+3 {
		t.Errorf("Flush was called %d times, want 4", got)
	}
}
