// SPDX-License-Identifier: Apache-2.0

package milvus

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"github.com/penstock-go/penstock/core"
)

// hook is the outermost interceptor of one connection: the only place that sees
// what the server really answered.
type hook struct {
	cc     *grpc.ClientConn // set by the Connect RPC, while dialing
	family *family
}

// ahead is by how much the server, which is told of the deadline, may be ahead of
// our own clock in noticing that it has passed.
const ahead = 50 * time.Millisecond

func (h *hook) intercept(
	ctx context.Context, fullMethod string, req, reply any,
	cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption,
) error {
	if answerLocally(ctx, reply) {
		return nil
	}
	method := fullMethod[strings.LastIndexByte(fullMethod, '/')+1:]
	if method == methodConnect {
		h.cc = cc
	}

	// Stays empty if the request never got a transport to be written to.
	var to peer.Peer
	err := invoke(ctx, fullMethod, req, reply, cc, append(slices.Clip(opts), grpc.Peer(&to))...)
	if deadline, ok := ctx.Deadline(); ok && status.Code(err) == codes.DeadlineExceeded && time.Until(deadline) < ahead {
		<-ctx.Done() // so that everybody sees whose deadline it was
	}
	e := newError(method, err, statusOf(reply), ctx.Err())
	if e != nil {
		e.NotSent = err != nil && to.Addr == nil
	}

	if !readOnly[method] && (e == nil || e.class().Sent) {
		core.AttemptOf(ctx).MayHaveApplied()
		h.family.heard(req, reply)
	}
	if e == nil {
		return nil
	}
	if method == methodGetFlushState {
		endPolling(ctx, e)
	}
	return e
}

// statusOf returns the status in a reply, nil if it has none.
func statusOf(reply any) *commonpb.Status {
	switch r := reply.(type) {
	case *commonpb.Status:
		return r
	case interface{ GetStatus() *commonpb.Status }:
		return r.GetStatus()
	}
	return nil
}

const (
	methodDial          = "Dial" // of no RPC: there was no connection to call it on
	methodConnect       = "Connect"
	methodGetFlushState = "GetFlushState"
	methodDescribe      = "DescribeCollection"
)

// readOnly has the RPCs that change nothing at the server. All others may have
// been applied when their end is unknown. Flush, LoadCollection and
// ReleaseCollection are among those: they change no data, but the server's
// state, and whoever finds repeating them harmless declares the operation
// idempotent.
var readOnly = func() map[string]bool {
	set := make(map[string]bool)
	for _, name := range []string{
		methodDial, methodConnect, "AllocTimestamp", "Dummy", "RegisterLink",
		"GetVersion", "CheckHealth", "GetComponentStates", "GetMetrics",
		"Search", "HybridSearch", "Query", "CalcDistance",
		"HasCollection", methodDescribe, "ShowCollections", "GetCollectionStatistics",
		"HasPartition", "ShowPartitions", "GetPartitionStatistics",
		"GetLoadState", "GetLoadingProgress", "GetReplicas",
		"DescribeAlias", "ListAliases", "ListDatabases", "DescribeDatabase",
		"DescribeIndex", "GetIndexState", "GetIndexStatistics", "GetIndexBuildProgress",
		"ListIndexedSegment", "DescribeSegmentIndexData",
		methodGetFlushState, "GetFlushAllState", "GetPersistentSegmentInfo", "GetQuerySegmentInfo",
		"GetCompactionState", "GetCompactionStateWithPlans", "GetImportState", "ListImportTasks",
		"ListCredUsers", "SelectRole", "SelectUser", "SelectGrant", "BackupRBAC",
		"ListResourceGroups", "DescribeResourceGroup",
	} {
		set[name] = true
	}
	return set
}()
