// SPDX-License-Identifier: Apache-2.0

package milvus

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/milvusbase"
	"github.com/penstock-go/penstock/pool/milvus/milvuserr"
)

// hook is the outermost interceptor of one connection. It sees the reply of the
// server, which the SDK's methods partly drop.
type hook struct {
	cc     *grpc.ClientConn // set by the Connect RPC, while dialing
	conn   *Conn            // set at the end of the dial
	family *family
	// rotates says that a further dial may have other credentials.
	rotates bool
	// traces says that requests carry the trace context.
	traces bool
	// database is the database of the configuration, "" for the server's default.
	database string
	// queryText says that spans have the filter of a request.
	queryText bool
	// described has, for each slot of the family, the generation of the schema that
	// the SDK was given last.
	described [slots]atomic.Uint64
}

// ahead is how much earlier than this process the server may notice that the
// deadline of a request has passed.
const ahead = 50 * time.Millisecond

func (h *hook) intercept(
	ctx context.Context, fullMethod string, req, reply any,
	cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption,
) error {
	if answerLocally(ctx, reply) {
		return nil
	}
	method := fullMethod[strings.LastIndexByte(fullMethod, '/')+1:]
	if method == milvuserr.MethodConnect {
		h.cc = cc
	}
	ctx = milvusbase.Iterated(ctx, req)
	database := h.databaseOf(ctx)
	unkey(req, database)
	if err := h.checkSchema(ctx, database, req); err != nil {
		return err
	}
	if hybrid, ok := req.(*milvuspb.HybridSearchRequest); ok {
		setLevel(ctx, hybrid)
	}
	r := new(milvusbase.Request)
	r.Ask(req, database, levelOf(req), h.queryText) // before the session timestamp is set
	h.setSession(database, req)
	outgoing := ctx
	if h.traces {
		outgoing = milvusbase.WithTraceContext(ctx)
	}
	outgoing, err := h.route(outgoing, database)
	if err != nil {
		return err
	}
	send := func() *Error {
		r.To = peer.Peer{}
		err := invoke(outgoing, fullMethod, req, reply, cc, append(slices.Clip(opts), grpc.Peer(&r.To))...)
		if deadline, ok := ctx.Deadline(); ok && status.Code(err) == codes.DeadlineExceeded && time.Until(deadline) < ahead {
			<-ctx.Done() // so that ctx.Err says whose deadline it was
		}
		e := milvuserr.FromReply(method, err, milvusbase.StatusOf(reply), ctx.Err())
		if e != nil {
			e.NotSent = err != nil && r.To.Addr == nil
			e.Rotates = h.rotates && h.conn != nil
		}
		return e
	}
	var e *Error
	if describe, ok := req.(*milvuspb.DescribeCollectionRequest); ok {
		e = h.describe(ctx, keyOf(database, describe.GetCollectionName()), reply.(*milvuspb.DescribeCollectionResponse), send)
	} else {
		e = send()
	}
	r.End(ctx, reply, e == nil)

	if !milvuserr.ReadOnly(method) && (e == nil || e.MayHaveApplied()) {
		core.MarkApplied(ctx)
		h.family.heard(database, req, reply)
	}
	if e == nil {
		if use := useOf(ctx); use != nil && method != methodDescribe {
			use.answer(req, reply)
		}
		return h.completeEmpty(ctx, cc, database, req, reply)
	}
	if r, ok := req.(interface{ GetCollectionName() string }); ok && e.Code == milvuserr.CodeCollectionNotFound {
		h.family.gone(keyOf(database, r.GetCollectionName()))
	}
	if method == methodGetFlushState {
		endPolling(ctx, e)
	}
	return e
}

const (
	methodGetFlushState = "GetFlushState"
	methodDescribe      = "DescribeCollection"
	methodInsert        = "Insert"
	methodUpsert        = "Upsert"
)
