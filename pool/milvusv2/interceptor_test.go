// SPDX-License-Identifier: Apache-2.0

package milvusv2_test

import (
	"context"
	"errors"
	"testing"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus/client/v2/milvusclient"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/pool/milvus/milvustest"
	"github.com/penstock-go/penstock/pool/milvusv2"
)

func TestTheSDKDoesNotRetry(t *testing.T) {
	for name, c := range map[string]struct {
		fault milvustest.Fault
		code  int32
		grpc  codes.Code
	}{
		"unavailable":      {milvustest.Fault{Err: status.Error(codes.Unavailable, "no")}, 0, codes.Unavailable},
		"exhausted":        {milvustest.Fault{Err: status.Error(codes.ResourceExhausted, "no")}, 0, codes.ResourceExhausted},
		"rate limit":       {milvustest.Fault{Status: milvustest.RateLimited("no")}, 8, codes.OK},
		"old rate limit":   {milvustest.Fault{Status: legacy(commonpb.ErrorCode_RateLimit)}, 8, codes.OK},
		"request limit":    {milvustest.Fault{Status: milvustest.NewStatus(4, "no")}, 4, codes.OK},
		"not ready":        {milvustest.Fault{Status: milvustest.NotReady("no")}, 1, codes.OK},
		"connection reset": {milvustest.Fault{Drop: true}, 0, codes.Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			srv := start(t, milvustest.Config{})
			conn := connect(t, srv)
			c.fault.Method = "ShowCollections"
			srv.Inject(c.fault)
			_, err := hasCollectionOn(t.Context(), conn, "docs")
			wantStatus(t, err, c.code, c.grpc)
			if got := srv.Calls("ShowCollections"); got != 1 {
				t.Errorf("the server was called %d times, want 1", got)
			}
		})
	}
}

//lint:ignore SA1019 servers of 2.2 send nothing else
func legacy(code commonpb.ErrorCode) *commonpb.Status {
	//lint:ignore SA1019 as above
	return &commonpb.Status{ErrorCode: code, Reason: "no"}
}

func TestErrorsKeepWhatTheServerSaid(t *testing.T) {
	srv := start(t, milvustest.Config{})
	c := connect(t, srv)
	srv.Inject(milvustest.Fault{Method: "Search", Status: milvustest.RateLimited("slow down"), Times: 1})
	srv.Inject(milvustest.Fault{Method: "Insert", Err: status.Error(codes.Aborted, "again")})
	createDocs(t, c, "v")

	_, err := search(t.Context(), c, "v", 1)
	e := asError(t, err)
	if e.Method != "Search" || e.Code != 8 || e.Legacy != int32(commonpb.ErrorCode_RateLimit) ||
		e.GRPC != codes.OK || e.Reason != "slow down" || !e.Retriable || e.NotSent {
		t.Errorf("Search = %+v", *e)
	}
	e = asError(t, insert(t.Context(), c, "v", 1))
	if e.Method != "Insert" || e.Code != 0 || e.GRPC != codes.Aborted || e.Reason != "again" || e.NotSent {
		t.Errorf("Insert = %+v", *e)
	}
	if st, ok := status.FromError(e); !ok || st.Code() != codes.Aborted {
		t.Errorf("the error lost its gRPC status: %v, %v", st, ok)
	}
	_, err = search(t.Context(), c, "v", 1)
	wantStatus(t, err, 101, codes.OK)
}

func TestOneOfTheTwoCodesIsEnough(t *testing.T) {
	srv := start(t, milvustest.Config{})
	c := connect(t, srv)
	for name, s := range map[string]struct {
		status *commonpb.Status
		code   int32
	}{
		"new":                        {&commonpb.Status{Code: 1100, Reason: "no"}, 1100},
		"old":                        {legacy(commonpb.ErrorCode_CollectionNotExists), 100},
		"old, without an equivalent": {legacy(commonpb.ErrorCode_CacheFailed), 65535},
	} {
		t.Run(name, func(t *testing.T) {
			defer srv.Inject(milvustest.Fault{Method: "DropCollection", Status: s.status})()
			wantStatus(t, dropCollectionOn(t.Context(), c, "docs"), s.code, codes.OK)
		})
	}
}

// The SDK compares the gRPC status of this RPC.
func TestAServerWithoutConnectIsFine(t *testing.T) {
	srv := start(t, milvustest.Config{})
	srv.Inject(milvustest.Fault{Method: "Connect", Err: status.Error(codes.Unimplemented, "old")})
	if err := ping(t, connect(t, srv)); err != nil {
		t.Errorf("Ping = %v", err)
	}
}

func TestARequestWithoutATransportIsNotSent(t *testing.T) {
	srv := start(t, milvustest.Config{})
	f := newFactory(t, milvusv2.Config{Address: srv.Addr()})
	c := dial(t, f)
	srv.Stop()
	until(t, func() bool { return !f.Alive(c) })
	e := asError(t, dropCollectionOn(t.Context(), c, "docs"))
	if !e.NotSent || e.GRPC != codes.Unavailable {
		t.Errorf("DropCollection = %+v, want Unavailable and NotSent", *e)
	}
	wantClass(t, e, core.Class{Verdict: core.Failure, Retry: core.RetryAlways, Conn: core.Suspect})
}

func TestARequestThatWasCutOffMayHaveBeenApplied(t *testing.T) {
	srv := start(t, milvustest.Config{})
	c := connect(t, srv)
	srv.Inject(milvustest.Fault{Method: "DropCollection", Drop: true, After: true})
	e := asError(t, dropCollectionOn(t.Context(), c, "docs"))
	if e.NotSent {
		t.Errorf("DropCollection = %+v, want it sent", *e)
	}
	wantClass(t, e, suspect)
}

func TestCallsOnAClosedConnectionMeanThatItIsBroken(t *testing.T) {
	srv := start(t, milvustest.Config{})
	f := newFactory(t, milvusv2.Config{Address: srv.Addr()})
	c := dial(t, f)
	srv.Inject(milvustest.Fault{Method: "DropCollection", Hang: true})
	inFlight := make(chan error)
	go func() { inFlight <- dropCollectionOn(t.Context(), c, "docs") }()
	if err := srv.AwaitCalls(t.Context(), "DropCollection", 1); err != nil {
		t.Fatal(err)
	}
	f.Close(t.Context(), c)

	wantClass(t, <-inFlight, with(suspect, func(c *core.Class) { c.Conn = core.Broken }))
	wantClass(t, dropCollectionOn(t.Context(), c, "docs"), core.Class{Verdict: core.Failure, Retry: core.RetryAlways, Conn: core.Broken})
}

func TestADeadlineOfTheWorkItselfIsAFailure(t *testing.T) {
	srv := start(t, milvustest.Config{})
	c := connect(t, srv)
	srv.Inject(milvustest.Fault{Method: "DropCollection", Hang: true})
	ctx, cancel := context.WithTimeout(t.Context(), 1)
	defer cancel()
	err := dropCollectionOn(ctx, c, "docs")
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("DropCollection = %v, want the deadline", err)
	}
	if class := milvusv2.Classify(err); class.Verdict != core.Failure || !class.Retry.Allows(core.Idempotent) {
		t.Errorf("Classify = %+v, want a failure to be retried", class)
	}
}

// The SDK merges calls of DescribeCollection for one schema: it makes one of them,
// and returns its error to every caller.
func TestAnothersCancelIsNeutralAndWorthARetry(t *testing.T) {
	srv := start(t, milvustest.Config{})
	c := connect(t, srv)
	createDocs(t, c, "v")
	srv.Inject(milvustest.Fault{Method: "DescribeCollection", Hang: true, Times: 1})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	first := make(chan error)
	go func() { first <- insert(ctx, c, "v", 1) }()
	if err := srv.AwaitCalls(t.Context(), "DescribeCollection", 1); err != nil {
		t.Fatal(err)
	}
	cancel()
	wantClass(t, <-first, core.Class{Verdict: core.Neutral, Retry: core.RetryAlways, Conn: core.Keep, ErrorType: "CANCELLED"})
	if err := insert(t.Context(), c, "v", 1); err != nil {
		t.Errorf("the second insert = %v", err)
	}
}

func TestAConnectionIsNeitherClosedNorSwitched(t *testing.T) {
	srv := start(t, milvustest.Config{})
	c := connect(t, srv)
	if err := c.Close(t.Context()); !errors.Is(err, milvusv2.ErrShared) {
		t.Errorf("Close = %v, want ErrShared", err)
	}
	if err := c.UseDatabase(t.Context(), milvusclient.NewUseDatabaseOption("shop")); !errors.Is(err, milvusv2.ErrShared) {
		t.Errorf("UseDatabase = %v, want ErrShared", err)
	}
	if err := ping(t, c); err != nil {
		t.Errorf("Ping after that = %v", err)
	}
	if got := srv.Calls("Connect"); got != 1 {
		t.Errorf("Connect was called %d times, want 1", got)
	}
}

func TestSearchFailsRatherThanToMixUpItsResults(t *testing.T) {
	srv := start(t, milvustest.Config{})
	drop := func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
		err := invoke(ctx, method, req, reply, cc, opts...)
		if r, ok := reply.(*milvuspb.SearchResults); ok {
			r.Results.NumQueries--
		}
		return err
	}
	good := connect(t, srv)
	createDocs(t, good, "v")
	loadDocs(t, good, "v")
	bad := dial(t, newFactory(t, milvusv2.Config{Address: srv.Addr(), DialOptions: []grpc.DialOption{grpc.WithChainUnaryInterceptor(drop)}}))

	if results, err := search(t.Context(), good, "v", 2); err != nil || len(results) != 2 {
		t.Errorf("Search in an empty collection = %v, %v, want two results", results, err)
	}
	if results, err := search(t.Context(), bad, "v", 2); err == nil || results != nil {
		t.Errorf("Search = %v, %v, want an error", results, err)
	}
}
