// SPDX-License-Identifier: Apache-2.0

package milvustest_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-sdk-go/v2/client"
	"github.com/milvus-io/milvus-sdk-go/v2/entity"
	"github.com/penstock-go/penstock/pool/milvus/milvustest"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// waitForReady makes calls wait for a connection, so that they can follow one
// that broke.
var waitForReady = grpc.WithDefaultCallOptions(grpc.WaitForReady(true))

func TestFaultWithErr(t *testing.T) {
	srv := start(t, milvustest.Config{})
	c := connect(t, srv)
	ctx := testContext(t)
	srv.Inject(milvustest.Fault{Method: "GetVersion", Err: status.Error(codes.ResourceExhausted, "too much"), Times: 2})
	for range 2 {
		if _, err := c.GetVersion(ctx); status.Code(err) != codes.ResourceExhausted {
			t.Errorf("GetVersion = %v, want ResourceExhausted", err)
		}
		if _, err := c.CheckHealth(ctx); err != nil {
			t.Errorf("CheckHealth = %v, want it untouched", err)
		}
	}
	if _, err := c.GetVersion(ctx); err != nil {
		t.Errorf("GetVersion = %v after the fault applied twice, want an answer", err)
	}
	if n := srv.Calls("GetVersion"); n != 3 {
		t.Errorf("Calls = %d, want 3", n)
	}
}

func TestFaultWithStatus(t *testing.T) {
	srv := start(t, milvustest.Config{})
	c := connect(t, srv)
	raw := stub(t, srv)
	ctx := testContext(t)
	remove := srv.Inject(milvustest.Fault{Status: milvustest.RateLimited("slow down")})
	if _, err := c.HasCollection(ctx, "c"); err == nil || err.Error() != "slow down" {
		t.Errorf("HasCollection = %v, want slow down", err)
	}
	if err := c.CreateDatabase(ctx, "db"); err == nil || err.Error() != "slow down" {
		t.Errorf("CreateDatabase = %v, want slow down", err)
	}
	reply, err := raw.GetVersion(ctx, &milvuspb.GetVersionRequest{})
	//lint:ignore SA1019 the legacy code is what clients look at
	if err != nil || reply.GetStatus().GetCode() != 8 || reply.GetStatus().GetErrorCode() != commonpb.ErrorCode_RateLimit || !reply.GetStatus().GetRetriable() {
		t.Errorf("GetVersion = %v, %v, want the status of a rate limit", reply, err)
	}
	if _, err := raw.Dummy(ctx, &milvuspb.DummyRequest{}); status.Code(err) != codes.Internal {
		t.Errorf("Dummy = %v, want Internal: its reply has no status", err)
	}
	remove()
	remove()
	if has, err := c.HasCollection(ctx, "c"); err != nil || has {
		t.Errorf("HasCollection after remove = %v, %v, want false", has, err)
	}
	if dbs, err := c.ListDatabases(ctx); err != nil || len(dbs) != 1 {
		t.Errorf("ListDatabases = %v, %v, want the default one: the fault kept the other from being made", dbs, err)
	}
}

func TestFirstInjectedFaultThatMatchesWins(t *testing.T) {
	srv := start(t, milvustest.Config{})
	c := connect(t, srv)
	ctx := testContext(t)
	srv.Inject(milvustest.Fault{Method: "Search", Err: errors.New("of another RPC")})
	first := srv.Inject(milvustest.Fault{Method: "GetVersion", Err: status.Error(codes.Aborted, "")})
	srv.Inject(milvustest.Fault{Err: status.Error(codes.DataLoss, "")})
	if _, err := c.GetVersion(ctx); status.Code(err) != codes.Aborted {
		t.Errorf("GetVersion = %v, want the first fault", err)
	}
	first()
	if _, err := c.GetVersion(ctx); status.Code(err) != codes.DataLoss {
		t.Errorf("GetVersion = %v, want the fault that is left", err)
	}
}

func TestFaultAfterLosesTheAnswerOfAWrite(t *testing.T) {
	srv := start(t, milvustest.Config{})
	c := connect(t, srv, waitForReady)
	ctx := testContext(t)
	fill(t, c, "people", entity.L2)
	srv.Inject(milvustest.Fault{Method: "Delete", After: true, Err: status.Error(codes.Unavailable, "lost"), Times: 1})
	if err := c.Delete(ctx, "people", "", "id == 1"); status.Code(err) != codes.Unavailable {
		t.Errorf("Delete = %v, want Unavailable", err)
	}
	srv.Inject(milvustest.Fault{Method: "Delete", After: true, Drop: true, Times: 1})
	if err := c.Delete(ctx, "people", "", "id == 2"); status.Code(err) != codes.Unavailable {
		t.Errorf("Delete = %v, want Unavailable", err)
	}
	srv.Inject(milvustest.Fault{Method: "Delete", After: true, Times: 1}) // Replaces nothing.
	must(t, c.Delete(ctx, "people", "", "id == 3"))
	if got := rowCount(t, c); got != 2 {
		t.Errorf("there are %d rows, want 2: every delete was applied", got)
	}
}

// rowCount counts the rows of the collection people.
func rowCount(t testing.TB, c client.Client) int64 {
	t.Helper()
	rs, err := c.Query(testContext(t), "people", nil, "", []string{"count(*)"})
	must(t, err)
	return int64s(t, rs.GetColumn("count(*)"))[0]
}

func TestFaultWithoutAfterLeavesTheDataAlone(t *testing.T) {
	srv := start(t, milvustest.Config{})
	c := connect(t, srv)
	fill(t, c, "people", entity.L2)
	srv.Inject(milvustest.Fault{Method: "Delete", Status: milvustest.NotReady("starting")})
	if err := c.Delete(testContext(t), "people", "", "id == 1"); err == nil {
		t.Error("Delete succeeds, want the fault")
	}
	if got := rowCount(t, c); got != 5 {
		t.Errorf("there are %d rows, want 5", got)
	}
}

func TestDelayedCallIsAnsweredLate(t *testing.T) {
	const delay = 30 * time.Millisecond
	srv := start(t, milvustest.Config{})
	c := connect(t, srv)
	srv.Inject(milvustest.Fault{Method: "GetVersion", Delay: delay, Times: 1})
	began := time.Now()
	if _, err := c.GetVersion(testContext(t)); err != nil {
		t.Errorf("GetVersion = %v, want an answer", err)
	}
	if took := time.Since(began); took < delay {
		t.Errorf("GetVersion took %v, want at least %v", took, delay)
	}
}

// call calls GetVersion on another goroutine, and is back when the call has
// arrived.
func call(t testing.TB, srv *milvustest.Server, c client.Client, ctx context.Context) (result <-chan error) {
	t.Helper()
	before := srv.Calls("GetVersion")
	done := make(chan error, 1)
	go func() {
		_, err := c.GetVersion(ctx)
		done <- err
	}()
	must(t, srv.AwaitCalls(testContext(t), "GetVersion", before+1))
	return done
}

func TestHeldCallsEndWithTheirCallers(t *testing.T) {
	for name, fault := range map[string]milvustest.Fault{"delay": {Delay: time.Hour}, "hang": {Hang: true}} {
		t.Run(name, func(t *testing.T) {
			srv := start(t, milvustest.Config{})
			c := connect(t, srv)
			srv.Inject(fault)
			ctx, cancel := context.WithCancel(testContext(t))
			defer cancel()
			done := call(t, srv, c, ctx)
			if n, all := srv.InFlight("GetVersion"), srv.InFlight(""); n != 1 || all != 1 {
				t.Errorf("InFlight = %d of %d, want 1 of 1", n, all)
			}
			cancel()
			if err := <-done; status.Code(err) != codes.Canceled {
				t.Errorf("GetVersion = %v, want Canceled", err)
			}
			must(t, srv.Close()) // It waits for the handlers.
			if n := srv.InFlight(""); n != 0 {
				t.Errorf("InFlight = %d after Close, want 0", n)
			}
		})
	}
}

func TestRemovingAFaultWakesTheCallsItHolds(t *testing.T) {
	for name, fault := range map[string]milvustest.Fault{
		"delay":          {Delay: time.Hour, Err: errors.New("late")},
		"hang":           {Hang: true, Status: milvustest.NotReady("late")},
		"hang after":     {Hang: true, After: true, Drop: true},
		"used up before": {Hang: true, Times: 1},
	} {
		t.Run(name, func(t *testing.T) {
			srv := start(t, milvustest.Config{})
			c := connect(t, srv)
			remove := srv.Inject(fault)
			done := call(t, srv, c, testContext(t))
			remove()
			if err := <-done; err != nil {
				t.Errorf("GetVersion = %v, want an answer as if there had been no fault", err)
			}
		})
	}
}

func TestDropCutsTheConnectionOfTheCall(t *testing.T) {
	srv := start(t, milvustest.Config{})
	c := connect(t, srv, waitForReady)
	other := connect(t, srv)
	ctx := testContext(t)
	srv.Inject(milvustest.Fault{Method: "GetVersion", Drop: true, Times: 1})
	if _, err := c.GetVersion(ctx); status.Code(err) != codes.Unavailable {
		t.Errorf("GetVersion = %v, want Unavailable", err)
	}
	if n := srv.Calls("GetVersion"); n != 1 {
		t.Errorf("Calls = %d, want 1", n)
	}
	if _, err := other.GetVersion(ctx); err != nil {
		t.Errorf("GetVersion on another connection = %v, want an answer", err)
	}
	if _, err := c.GetVersion(ctx); err != nil {
		t.Errorf("GetVersion on a new connection = %v, want an answer", err)
	}
	if open, accepted := srv.Conns(), srv.Accepted(); open != 2 || accepted != 3 {
		t.Errorf("Conns = %d, Accepted = %d, want 2 and 3", open, accepted)
	}
}

func TestCallsAreCounted(t *testing.T) {
	srv := start(t, milvustest.Config{})
	c := connect(t, srv)
	ctx := testContext(t)
	_, err := c.GetVersion(ctx)
	must(t, err)
	if got, all := srv.Calls("GetVersion"), srv.Calls(""); got != 1 || all != 2 {
		t.Errorf("Calls = %d of %d, want 1 of 2, the other being Connect", got, all)
	}
	srv.ResetCalls()
	if all := srv.Calls(""); all != 0 {
		t.Errorf("Calls = %d after ResetCalls, want 0", all)
	}

	arrived := make(chan error, 1)
	go func() { arrived <- srv.AwaitCalls(ctx, "", 3) }()
	for range 3 {
		_, err := c.GetVersion(ctx)
		must(t, err)
	}
	if err := <-arrived; err != nil {
		t.Errorf("AwaitCalls = %v, want nil", err)
	}
	cause := errors.New("enough")
	ended, cancel := context.WithCancelCause(ctx)
	cancel(cause)
	if err := srv.AwaitCalls(ended, "Search", 1); !errors.Is(err, cause) {
		t.Errorf("AwaitCalls = %v, want the cause of its ctx", err)
	}
}
