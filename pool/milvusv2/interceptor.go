// SPDX-License-Identifier: Apache-2.0

package milvusv2

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus/pkg/v2/util/merr"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/milvusbase"
	"github.com/penstock-go/penstock/pool/milvus/milvuserr"
)

// hook is the outermost interceptor of one connection. It sees each RPC once, with the
// reply of the server.
type hook struct {
	cc      *grpc.ClientConn // set by the Connect RPC, while dialing
	dialed  bool             // set at the end of the dial
	schemas *schemas
	// rotates says that a further dial may have other credentials.
	rotates bool
	// traces says that requests carry the trace context.
	traces bool
	// queryText says that spans have the filter of a request.
	queryText bool
	// database is the database of the configuration, "" for the server's default.
	database string
}

// ahead is how much earlier than this process the server may notice that the
// deadline of a request has passed.
const ahead = 50 * time.Millisecond

const (
	methodInsert   = "Insert"
	methodUpsert   = "Upsert"
	methodDescribe = "DescribeCollection"
)

func (h *hook) intercept(
	ctx context.Context, fullMethod string, req, reply any,
	cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption,
) error {
	method := fullMethod[strings.LastIndexByte(fullMethod, '/')+1:]
	if method == milvuserr.MethodConnect {
		h.cc = cc
	}
	ctx = milvusbase.Iterated(ctx, req)
	database := h.databaseOf(ctx)
	about := h.about(database, req)
	r := new(milvusbase.Request)
	r.Ask(req, database, levelName(about, req), h.queryText)
	if about != nil {
		about.setSession(req)
	}
	outgoing := ctx
	if h.traces {
		outgoing = milvusbase.WithTraceContext(ctx)
	}
	outgoing, err := h.route(outgoing, database)
	if err != nil {
		return err
	}
	err = invoke(outgoing, fullMethod, req, reply, cc, append(slices.Clip(opts), grpc.Peer(&r.To))...)
	if deadline, ok := ctx.Deadline(); ok && status.Code(err) == codes.DeadlineExceeded && time.Until(deadline) < ahead {
		<-ctx.Done() // so that ctx.Err says whose deadline it was
	}
	e := h.failure(ctx, method, err, reply, r.To)
	r.End(ctx, reply, e == nil)

	if !milvuserr.ReadOnly(method) && (e == nil || e.MayHaveApplied()) {
		core.MarkApplied(ctx)
		h.schemas.heard(database, req, reply)
	}
	u := useOf(ctx)
	if e != nil {
		if about != nil && e.Code == milvuserr.CodeCollectionNotFound {
			about.gone()
		}
		if u != nil && u.stop != nil && e.Code == milvuserr.CodeSchemaMismatch {
			u.stop() // or the SDK would make the write again
		}
		return e
	}
	if described, ok := reply.(*milvuspb.DescribeCollectionResponse); ok && about != nil {
		news := h.schemas.learn(about, described)
		if u != nil {
			u.asked, u.news = true, news
		}
	} else if u != nil {
		u.answered = true
		if found, ok := reply.(*milvuspb.SearchResults); ok {
			u.key = found.GetResults().GetPrimaryFieldName()
		}
	}
	return nil
}

// failure returns the error of an RPC, nil if there is none.
func (h *hook) failure(ctx context.Context, method string, err error, reply any, to peer.Peer) *Error {
	st := milvusbase.StatusOf(reply)
	e := milvuserr.FromReply(method, err, st, ctx.Err())
	if e == nil {
		return nil
	}
	e.NotSent = err != nil && to.Addr == nil
	e.Rotates = h.rotates && h.dialed
	if err == nil {
		// The SDK, and programs made for it, ask for errors of package merr.
		milvuserr.Wrap(e, merr.Error(st))
	}
	return e
}

// about returns the collection of the database that a request is about, nil if there is
// none. It puts the real name back into the request.
func (h *hook) about(database string, req any) *collection {
	r, ok := req.(interface{ GetCollectionName() string })
	if !ok {
		return nil
	}
	name := r.GetCollectionName()
	if strings.HasPrefix(name, mark) {
		name = name[strings.LastIndex(name, mark)+len(mark):]
		switch r := req.(type) {
		case *milvuspb.DescribeCollectionRequest:
			r.CollectionName = name
		case *milvuspb.SearchRequest:
			r.CollectionName = name
		case *milvuspb.HybridSearchRequest:
			r.CollectionName = name
		case *milvuspb.QueryRequest:
			r.CollectionName = name
		}
	}
	return h.schemas.of(database, name)
}

// levelName returns the name of the consistency level of a read, "" if it is not known.
func levelName(c *collection, req any) string {
	r, ok := req.(reader)
	if !ok || c == nil {
		return ""
	}
	level, known := c.levelOf(r)
	if !known {
		return ""
	}
	return milvusbase.LevelName(level)
}
