// SPDX-License-Identifier: Apache-2.0

package milvustest_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"math/big"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-sdk-go/v2/client"
	"github.com/milvus-io/milvus-sdk-go/v2/entity"
	"github.com/penstock-go/penstock/pool/milvus/milvustest"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

func TestStopFailsCallsAndRestartKeepsTheData(t *testing.T) {
	srv := start(t, milvustest.Config{})
	c := connect(t, srv)
	ctx := testContext(t)
	fill(t, c, "people", entity.L2)
	addr := srv.Addr()
	remove := srv.Inject(milvustest.Fault{Method: "GetVersion", Hang: true})

	inFlight := call(t, srv, c, ctx)
	srv.Stop()
	srv.Stop()
	if err := <-inFlight; status.Code(err) != codes.Unavailable {
		t.Errorf("a call in flight at Stop = %v, want Unavailable", err)
	}
	if n, open := srv.InFlight(""), srv.Conns(); n != 0 || open != 0 {
		t.Errorf("InFlight = %d, Conns = %d after Stop, want 0 and 0", n, open)
	}
	if _, err := c.HasCollection(ctx, "people"); status.Code(err) != codes.Unavailable {
		t.Errorf("a call while the server is down = %v, want Unavailable", err)
	}
	if _, err := net.Dial("tcp", addr); err == nil {
		t.Error("a stopped server accepts connections")
	}
	srv.GoAway() // Does nothing.
	if n := srv.CloseConns(-1); n != 0 {
		t.Errorf("CloseConns of a stopped server = %d, want 0", n)
	}

	must(t, srv.Restart())
	if srv.Addr() != addr {
		t.Errorf("Addr = %s after Restart, want %s", srv.Addr(), addr)
	}
	awaitReady(t, c)
	if got := rowCount(t, c); got != 5 {
		t.Errorf("there are %d rows after Restart, want 5", got)
	}
	// The fault is still there.
	held := call(t, srv, c, ctx)
	remove()
	if err := <-held; err != nil {
		t.Errorf("GetVersion after Restart = %v", err)
	}
	must(t, srv.Restart()) // Of a server that runs.
	must(t, srv.Close())
	must(t, srv.Close())
	if err := srv.Restart(); !errors.Is(err, milvustest.ErrClosed) {
		t.Errorf("Restart after Close = %v, want ErrClosed", err)
	}
}

func TestCloseConnsCutsTheOldest(t *testing.T) {
	srv := start(t, milvustest.Config{})
	oldest, middle, newest := connect(t, srv), connect(t, srv), connect(t, srv)
	if n := srv.Conns(); n != 3 {
		t.Fatalf("Conns = %d, want 3", n)
	}
	if n := srv.CloseConns(2); n != 2 {
		t.Errorf("CloseConns(2) = %d", n)
	}
	awaitLost(t, oldest)
	awaitLost(t, middle)
	awaitReady(t, oldest)
	awaitReady(t, middle)
	if open, accepted := srv.Conns(), srv.Accepted(); open != 3 || accepted != 5 {
		t.Errorf("Conns = %d, Accepted = %d, want 3 and 5", open, accepted)
	}
	for _, c := range []client.Client{oldest, middle, newest} {
		if _, err := c.GetVersion(testContext(t)); err != nil {
			t.Errorf("GetVersion after CloseConns = %v", err)
		}
	}
	if n := srv.CloseConns(99); n != 3 {
		t.Errorf("CloseConns(99) = %d, want 3, which is all", n)
	}
}

func TestGoAwayLetsCallsEnd(t *testing.T) {
	srv := start(t, milvustest.Config{})
	c := connect(t, srv, waitForReady)
	remove := srv.Inject(milvustest.Fault{Method: "GetVersion", Hang: true})
	held := call(t, srv, c, testContext(t))
	srv.GoAway()
	for srv.Accepted() < 2 { // A call goes over the old connection until the client has read the GOAWAY.
		if _, err := c.CheckHealth(testContext(t)); err != nil {
			t.Fatalf("CheckHealth = %v, want an answer", err)
		}
	}
	remove()
	if err := <-held; err != nil {
		t.Errorf("a call in flight at GoAway = %v, want an answer", err)
	}
}

func TestCloseEndsAGoAwayThatCannotEnd(t *testing.T) {
	srv := start(t, milvustest.Config{})
	c := connect(t, srv)
	srv.Inject(milvustest.Fault{Method: "GetVersion", Hang: true})
	held := call(t, srv, c, testContext(t))
	srv.GoAway()
	must(t, srv.Close())
	if err := <-held; status.Code(err) != codes.Unavailable {
		t.Errorf("a call in flight at Close = %v, want Unavailable", err)
	}
}

func TestPasswordIsRequired(t *testing.T) {
	srv := start(t, milvustest.Config{Username: "root", Password: "Milvus"})
	for _, test := range []struct {
		name, username, password string
		want                     codes.Code
	}{
		{"right", "root", "Milvus", codes.OK},
		{"wrong password", "root", "milvus", codes.Unauthenticated},
		{"wrong user", "admin", "Milvus", codes.Unauthenticated},
		{"none", "", "", codes.Unauthenticated},
	} {
		t.Run(test.name, func(t *testing.T) {
			// Without Connect: the SDK leaks the connection when that fails.
			c := connectWith(t, client.Config{
				Address: srv.Addr(), Username: test.username, Password: test.password, DisableConn: true, DialOptions: dialOptions(),
			})
			if _, err := c.GetVersion(testContext(t)); status.Code(err) != test.want {
				t.Errorf("GetVersion = %v, want %v", err, test.want)
			}
		})
	}
}

func TestAPIKeyIsAcceptedRawAndEncoded(t *testing.T) {
	srv := start(t, milvustest.Config{APIKey: "s3cret"})
	encode := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	raw := stub(t, srv)
	for _, test := range []struct {
		header string
		want   codes.Code
	}{
		{"s3cret", codes.OK},
		{encode("s3cret"), codes.OK},
		{encode("wrong"), codes.Unauthenticated},
		{encode(":"), codes.Unauthenticated},
		{"not base64!", codes.Unauthenticated},
	} {
		ctx := metadata.AppendToOutgoingContext(testContext(t), "authorization", test.header)
		if _, err := raw.GetVersion(ctx, &milvuspb.GetVersionRequest{}); status.Code(err) != test.want {
			t.Errorf("GetVersion with %q = %v, want %v", test.header, err, test.want)
		}
	}
	c := connectWith(t, client.Config{Address: srv.Addr(), APIKey: "s3cret", DialOptions: dialOptions()})
	if _, err := c.GetVersion(testContext(t)); err != nil {
		t.Errorf("GetVersion of the SDK = %v", err)
	}
}

func TestTLS(t *testing.T) {
	cert, pool := selfSigned(t)
	srv := start(t, milvustest.Config{TLS: &tls.Config{Certificates: []tls.Certificate{cert}}})
	trusting := credentials.NewTLS(&tls.Config{RootCAs: pool})
	c := connect(t, srv, grpc.WithTransportCredentials(trusting), waitForReady)
	if _, err := c.GetVersion(testContext(t)); err != nil {
		t.Errorf("GetVersion over TLS = %v", err)
	}
	srv.Inject(milvustest.Fault{Method: "GetVersion", Drop: true, Times: 1})
	if _, err := c.GetVersion(testContext(t)); status.Code(err) != codes.Unavailable {
		t.Errorf("GetVersion that is dropped = %v, want Unavailable", err)
	}
	if _, err := stub(t, srv).GetVersion(testContext(t), &milvuspb.GetVersionRequest{}); err == nil {
		t.Error("GetVersion in plain text succeeds")
	}
}

func selfSigned(t testing.TB) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	must(t, err)
	leaf, err := x509.ParseCertificate(der)
	must(t, err)
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

func TestStartOnAnAddressThatIsTakenFails(t *testing.T) {
	srv := start(t, milvustest.Config{})
	if second, err := milvustest.New(milvustest.Config{Address: srv.Addr()}); err == nil {
		second.Close()
		t.Error("Start on an address that is taken succeeds")
	}
}

func TestConcurrentCallsAndOutages(t *testing.T) {
	srv := start(t, milvustest.Config{})
	fill(t, connect(t, srv), "people", entity.L2)
	ctx := testContext(t)
	done := make(chan struct{})
	var wg sync.WaitGroup
	work := func(f func(c client.Client) error) {
		c := connect(t, srv, waitForReady)
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if err := f(c); err != nil && status.Code(err) != codes.Unavailable {
					t.Errorf("a call fails: %v", err)
					return
				}
			}
		})
	}
	for range 3 {
		work(func(c client.Client) error {
			hits, err := search(ctx, c, "people", entity.L2, 3, "age < 100", []string{"name", "meta", "vec"}, []float32{2, 0, 0, 0})
			if err == nil && !slices.IsSorted(hits[0].Scores) {
				t.Errorf("scores = %v, want them ascending", hits[0].Scores)
			}
			return err
		})
	}
	work(func(c client.Client) error {
		_, err := c.Upsert(ctx, "people", "", people()...)
		return err
	})
	work(func(c client.Client) error { return c.Delete(ctx, "people", "", "id in [1, 2, 3]") })
	work(func(c client.Client) error {
		_, err := c.Query(ctx, "people", nil, `meta["n"] > 1 or active == true`, []string{"*"})
		return err
	})
	work(func(c client.Client) error {
		_, err := c.DescribeCollection(ctx, "people")
		return err
	})
	work(func(c client.Client) error {
		remove := srv.Inject(milvustest.Fault{Method: "Search", Err: status.Error(codes.Unavailable, "")})
		defer remove()
		_, err := c.GetVersion(ctx)
		return err
	})

	for i := range 6 {
		must(t, srv.AwaitCalls(ctx, "Search", srv.Calls("Search")+50))
		switch i % 3 {
		case 0:
			srv.CloseConns(2)
		case 1:
			srv.GoAway()
		case 2:
			must(t, srv.Restart())
		}
	}
	close(done)
	wg.Wait()
}
