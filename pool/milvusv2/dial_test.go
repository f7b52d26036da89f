// SPDX-License-Identifier: Apache-2.0

package milvusv2_test

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/milvus-io/milvus/client/v2/milvusclient"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/pool"
	"github.com/penstock-go/penstock/pool/milvus/milvustest"
	"github.com/penstock-go/penstock/pool/milvusv2"
)

func TestDialSaysAtOnceThatNobodyListens(t *testing.T) {
	srv := start(t, milvustest.Config{})
	srv.Stop()
	e := dialError(t, milvusv2.Config{Address: srv.Addr()})
	wantStatus(t, e, 0, codes.Unavailable)
	for _, want := range []string{"milvus at " + srv.Addr(), "connection refused"} {
		if !strings.Contains(e.Error(), want) {
			t.Errorf("%q does not say %q", e, want)
		}
	}
	if _, ok := errors.AsType[*net.OpError](e); !ok || !errors.Is(e, core.ErrUnavailable) {
		t.Errorf("%v hides its cause, or is no core.ErrUnavailable", e)
	}
	wantClass(t, e, core.Class{Verdict: core.Failure, Retry: core.RetryAlways, Conn: core.Suspect})
}

func TestDialEndsWithItsContextWhenNobodyAnswers(t *testing.T) {
	lis, err := net.Listen("tcp", "127.0.0.1:0") // accepts, and never says a word
	if err != nil {
		t.Fatal(err)
	}
	defer lis.Close()
	f := newFactory(t, milvusv2.Config{Address: lis.Addr().String()})

	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = f.Dial(ctx)
	wantStatus(t, err, 0, codes.DeadlineExceeded)
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), lis.Addr().String()) {
		t.Errorf("Dial = %v, want the deadline and the address", err)
	}
	wantClass(t, err, core.Class{Verdict: core.Failure, Retry: core.RetryAlways, Conn: core.Keep})

	gone, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = f.Dial(gone)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Dial = %v, want context.Canceled", err)
	}
	wantClass(t, err, core.Class{Verdict: core.Neutral, Retry: core.RetryAlways, Conn: core.Keep})
}

func TestDialThatRanOutOfTimeSaysWhyItFailed(t *testing.T) {
	lis, err := net.Listen("tcp", "127.0.0.1:0") // closes every connection
	if err != nil {
		t.Fatal(err)
	}
	hungUp := make(chan struct{}, 100)
	go func() {
		defer close(hungUp)
		for {
			c, err := lis.Accept()
			if err != nil {
				return
			}
			c.Close()
			hungUp <- struct{}{}
		}
	}()
	defer func() {
		lis.Close()
		for range hungUp {
		}
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, err = newFactory(t, milvusv2.Config{Address: lis.Addr().String()}).Dial(ctx)
	wantStatus(t, err, 0, codes.DeadlineExceeded)
	// The network decides how the connection fails.
	if why := asError(t, err).Reason; !strings.HasPrefix(why, "context deadline exceeded: ") {
		t.Errorf("Dial says %q, want it to say what happened before", why)
	}
}

func TestDialEndsWithItsContextWhenConnectHangs(t *testing.T) {
	srv := start(t, milvustest.Config{})
	defer srv.Inject(milvustest.Fault{Method: "Connect", Hang: true})()
	f := newFactory(t, milvusv2.Config{Address: srv.Addr()})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error)
	go func() {
		_, err := f.Dial(ctx)
		done <- err
	}()
	if err := srv.AwaitCalls(t.Context(), "Connect", 1); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("Dial = %v, want context.Canceled", err)
	}
}

func TestBadCredentialsAreTold(t *testing.T) {
	srv := start(t, milvustest.Config{Username: "root", Password: "right", APIKey: "key"})
	for _, cfg := range []milvusv2.Config{
		{},
		{Username: "root", Password: milvusv2.NewSecret("hunter2")},
		{APIKey: milvusv2.NewSecret("hunter2")},
	} {
		cfg.Address = srv.Addr()
		e := dialError(t, cfg)
		wantStatus(t, e, 0, codes.Unauthenticated)
		if !errors.Is(e, milvusv2.ErrUnauthenticated) || e.Address != srv.Addr() {
			t.Errorf("Dial = %v, want ErrUnauthenticated at %s", e, srv.Addr())
		}
		wantNoSecret(t, e.Error())
		wantClass(t, e, useless)
	}
	for _, cfg := range []milvusv2.Config{
		{Username: "root", Password: milvusv2.NewSecret("right")},
		{APIKey: milvusv2.NewSecret("key")},
	} {
		cfg.Address = srv.Addr()
		dial(t, newFactory(t, cfg))
	}
}

func TestAnUnknownDatabaseIsTold(t *testing.T) {
	srv := start(t, milvustest.Config{})
	e := dialError(t, milvusv2.Config{Address: srv.Addr(), Database: "nowhere"})
	wantStatus(t, e, 800, codes.OK)
	wantClass(t, e, useless)
}

func TestAPoolTellsWhyItCannotDial(t *testing.T) {
	srv := start(t, milvustest.Config{Username: "root", Password: "right"})
	p, err := milvusv2.NewPool(milvusv2.Config{Address: srv.Addr(), Username: "root", Password: milvusv2.NewSecret("hunter2")})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close(context.Background())
	_, err = p.Acquire(t.Context())
	if !errors.Is(err, pool.ErrDial) || !errors.Is(err, milvusv2.ErrUnauthenticated) {
		t.Errorf("Acquire = %v, want ErrDial because of ErrUnauthenticated", err)
	}
	wantNoSecret(t, err.Error())
	wantClass(t, err, useless)
}

func TestAConnectionIsMadeForItsDatabase(t *testing.T) {
	srv := start(t, milvustest.Config{})
	if err := createDatabaseOn(t.Context(), connect(t, srv), "shop"); err != nil {
		t.Fatal(err)
	}
	c := dial(t, newFactory(t, milvusv2.Config{Address: srv.Addr(), Database: "shop"}))
	createDocs(t, c, "v")
	if has, err := hasCollectionOn(t.Context(), connect(t, srv), "docs"); has || err != nil {
		t.Errorf("HasCollection in another database = %v, %v, want false", has, err)
	}
}

// The SDK leaks the gRPC connection when the Connect RPC fails. TestMain finds a
// leak by its goroutines.
func TestFailedDialsLeaveNothingBehind(t *testing.T) {
	for name, fault := range map[string]milvustest.Fault{
		"error":  {Method: "Connect", Err: status.Error(codes.Internal, "no")},
		"status": {Method: "Connect", Status: milvustest.NotReady("soon")},
	} {
		t.Run(name, func(t *testing.T) {
			srv := start(t, milvustest.Config{})
			srv.Inject(fault)
			for range 500 {
				dialError(t, milvusv2.Config{Address: srv.Addr()})
			}
			if srv.Calls("Connect") != 500 {
				t.Errorf("Connect was called %d times, want 500", srv.Calls("Connect"))
			}
			awaitConns(t, srv, 0)
		})
	}
}

// awaitConns waits until the server has noticed that its clients connected or
// disconnected.
func awaitConns(t *testing.T, srv *milvustest.Server, want int) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	timeout := time.After(enough)
	for srv.Conns() != want {
		select {
		case <-tick.C:
		case <-timeout:
			t.Fatalf("%d connections are open, want %d", srv.Conns(), want)
		}
	}
}

func TestCloseClosesOnce(t *testing.T) {
	srv := start(t, milvustest.Config{})
	f := newFactory(t, milvusv2.Config{Address: srv.Addr()})
	c := dial(t, f)
	for range 2 {
		if err := f.Close(t.Context(), c); err != nil {
			t.Errorf("Close = %v", err)
		}
	}
	awaitConns(t, srv, 0)
	if f.Alive(c) {
		t.Error("a closed connection is alive")
	}
}

func TestDialLeavesTheDefaultsOfTheSDKAlone(t *testing.T) {
	old := milvusclient.DefaultGrpcOpts
	defer func() { milvusclient.DefaultGrpcOpts = old }()
	roomy := slices.Grow(slices.Clone(old), 16)
	milvusclient.DefaultGrpcOpts = roomy
	dial(t, newFactory(t, milvusv2.Config{Address: start(t, milvustest.Config{}).Addr()}))
	if !slices.Equal(milvusclient.DefaultGrpcOpts, old) {
		t.Error("Dial has changed the SDK's default options")
	}
	for _, opt := range roomy[len(roomy):cap(roomy)] {
		if opt != nil {
			t.Fatal("Dial has written behind the SDK's default options")
		}
	}
}

func TestDialKeepsTheDefaultsOfTheSDK(t *testing.T) {
	srv := start(t, milvustest.Config{})
	c := connect(t, srv)
	createDocs(t, c, "v")
	// gRPC's own default refuses replies of more than 4 MB.
	name := strings.Repeat("x", 5<<20)
	defer srv.Inject(milvustest.Fault{Method: "GetVersion", Status: milvustest.NewStatus(1100, name)})()
	_, err := getVersionOn(t.Context(), c)
	wantStatus(t, err, 1100, codes.OK)
}

func TestDialOptionsOfTheUserAreUsedWithinOurs(t *testing.T) {
	srv := start(t, milvustest.Config{Username: "root", Password: "right"})
	var seen []string
	spy := func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
		err := invoke(ctx, method, req, reply, cc, opts...)
		_, own := errors.AsType[*milvusv2.Error](err)
		md, _ := metadata.FromOutgoingContext(ctx)
		if own || len(md) > 0 {
			t.Errorf("the interceptor sees %T and %d headers, want what comes from the wire", err, len(md))
		}
		seen = append(seen, method[strings.LastIndexByte(method, '/')+1:])
		return err
	}
	c := dial(t, newFactory(t, milvusv2.Config{
		Address: srv.Addr(), Username: "root", Password: milvusv2.NewSecret("right"),
		DialOptions: []grpc.DialOption{grpc.WithChainUnaryInterceptor(spy)},
	}))
	createDocs(t, c, "v") // also tells the other connections, but not over the wire
	srv.Inject(milvustest.Fault{Method: "GetVersion", Err: status.Error(codes.Internal, "no")})
	_, err := getVersionOn(t.Context(), c)
	wantStatus(t, err, 0, codes.Internal)
	if want := []string{"Connect", "CreateCollection", "GetVersion"}; !slices.Equal(seen, want) {
		t.Errorf("the interceptor saw %q, want %q", seen, want)
	}
}

func TestAliveFollowsTheConnection(t *testing.T) {
	srv := start(t, milvustest.Config{})
	f := newFactory(t, milvusv2.Config{Address: srv.Addr()})
	c := dial(t, f)
	if !f.Alive(c) {
		t.Error("a new connection is not alive")
	}
	srv.Stop()
	until(t, func() bool { return !f.Alive(c) }) // which also wakes it from idleness
	if err := srv.Restart(); err != nil {
		t.Fatal(err)
	}
	until(t, func() bool { return f.Alive(c) && ping(t, c) == nil })
}

func until(t *testing.T, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	timeout := time.After(enough)
	for !ok() {
		select {
		case <-tick.C:
		case <-timeout:
			t.Fatal("it does not come to that")
		}
	}
}
