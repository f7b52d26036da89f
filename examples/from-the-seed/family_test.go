// SPDX-License-Identifier: Apache-2.0

package seed_test

import (
	"context"
	"errors"
	"testing"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/middleware/health"
	"github.com/penstock-go/penstock/middleware/retry"
	"github.com/penstock-go/penstock/middleware/timeout"
	"github.com/penstock-go/penstock/pool"
	"github.com/penstock-go/penstock/pool/milvus"
	"github.com/penstock-go/penstock/pool/milvus/milvustest"
)

func TestTheFamilyOfConnectionErrors(t *testing.T) {
	for _, row := range []struct {
		name   string
		err    error
		is     []error
		family bool
	}{
		{"pool.ErrExhausted", pool.ErrExhausted, nil, true},
		{"pool.ErrDial", pool.ErrDial, nil, true},
		{"pool.ErrDialTimeout", pool.ErrDialTimeout, []error{pool.ErrDial}, true},
		{"pool.ErrClosed", pool.ErrClosed, []error{core.ErrRejected}, true},
		{"pool.ErrStart", pool.ErrStart, nil, true},
		{"milvus.ErrUnauthenticated", milvus.ErrUnauthenticated, nil, true},
		{"retry.ErrExhausted", retry.ErrExhausted, nil, true},
		{"core.ErrUnavailable", core.ErrUnavailable, nil, true},
		{"breaker.ErrOpen", breaker.ErrOpen, []error{core.ErrUnavailable, core.ErrRejected}, true},
		{"health.ErrUnhealthy", health.ErrUnhealthy, []error{core.ErrUnavailable, core.ErrRejected}, true},
		{"timeout.ErrExceeded", timeout.ErrExceeded, nil, false},
	} {
		if errors.Is(row.err, core.ErrConnection) != row.family {
			t.Errorf("%s is a connection error: %v, want %v", row.name, !row.family, row.family)
		}
		for _, target := range row.is {
			if !errors.Is(row.err, target) {
				t.Errorf("%s is not %v", row.name, target)
			}
		}
	}
}

// TestErrorsOfOperationsMatchTheirOwnKindAlone provokes each kind of error, and
// tests it against all kinds.
func TestErrorsOfOperationsMatchTheirOwnKindAlone(t *testing.T) {
	kinds := map[string]error{
		"exhausted": pool.ErrExhausted, "dial": pool.ErrDial, "dial timeout": pool.ErrDialTimeout, "closed": pool.ErrClosed,
		"start": pool.ErrStart, "unauthenticated": milvus.ErrUnauthenticated, "retries": retry.ErrExhausted,
		"unavailable": core.ErrUnavailable, "timeout": timeout.ErrExceeded,
	}
	once := middleware.Config{Retry: retry.Config{Disabled: true}}
	do := func(t *testing.T, client *penstock.Client[*milvus.Conn]) error {
		_, err := core.Do(t.Context(), client, version, getVersion)
		return err
	}
	opened := func(t *testing.T, srv *milvustest.Server, chain middleware.Config) *penstock.Client[*milvus.Conn] {
		client := open(srv, chain)
		t.Cleanup(func() { client.Close(context.Background()) })
		return client
	}
	for name, row := range map[string]struct {
		fail  func(t *testing.T, srv *milvustest.Server) error
		kinds []string
	}{
		"a pool without room": {func(t *testing.T, srv *milvustest.Server) error {
			p, err := milvus.NewPool(milvus.Config{Address: srv.Addr(), Pool: pool.Config{MaxSize: 1, MaxSharing: 1, AcquireTimeout: 1}})
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close(context.Background())
			if err := p.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			lease, err := p.Acquire(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer lease.Release()
			_, err = p.Acquire(t.Context())
			return err
		}, []string{"exhausted"}},
		"nobody listens at the start": {func(t *testing.T, srv *milvustest.Server) error {
			srv.Close()
			_, err := milvus.Open(t.Context(), milvus.Config{Address: srv.Addr()}, penstock.Config{})
			return err
		}, []string{"start", "dial", "unavailable"}},
		"wrong credentials": {func(t *testing.T, srv *milvustest.Server) error {
			closed, err := milvustest.New(milvustest.Config{Username: "root", Password: "Milvus"})
			if err != nil {
				t.Fatal(err)
			}
			defer closed.Close()
			_, err = milvus.Open(t.Context(), milvus.Config{Address: closed.Addr()}, penstock.Config{})
			return err
		}, []string{"start", "dial", "unauthenticated"}},
		"a closed client": {func(t *testing.T, srv *milvustest.Server) error {
			client := open(srv, once)
			client.Close(t.Context())
			return do(t, client)
		}, []string{"closed"}},
		"the server says so": {func(t *testing.T, srv *milvustest.Server) error {
			srv.Inject(unavailable())
			return do(t, opened(t, srv, once))
		}, []string{"unavailable"}},
		"the server says so again and again": {func(t *testing.T, srv *milvustest.Server) error {
			srv.Inject(unavailable())
			return do(t, opened(t, srv, middleware.Config{Retry: quick(2)}))
		}, []string{"unavailable", "retries"}},
		"an open breaker": {func(t *testing.T, srv *milvustest.Server) error {
			srv.Inject(unavailable())
			client := opened(t, srv, middleware.Config{Retry: once.Retry, Breaker: breaker.Config{FailureThreshold: 1}})
			_ = do(t, client)
			return do(t, client)
		}, []string{"unavailable"}},
		"an attempt too long": {func(t *testing.T, srv *milvustest.Server) error {
			srv.Inject(milvustest.Fault{Method: "GetVersion", Hang: true})
			return do(t, opened(t, srv, middleware.Config{Retry: once.Retry, Timeout: timeout.Config{Attempt: 1e6}, Breaker: breaker.Config{Disabled: true}}))
		}, []string{"timeout"}},
	} {
		t.Run(name, func(t *testing.T) {
			srv := startMilvus(milvustest.Config{})
			defer srv.Close()
			err := row.fail(t, srv)
			want := map[string]bool{}
			for _, kind := range row.kinds {
				want[kind] = true
			}
			for kind, target := range kinds {
				if errors.Is(err, target) != want[kind] {
					t.Errorf("%v\nis %s: %v, want %v", err, kind, !want[kind], want[kind])
				}
			}
			if got := errors.Is(err, core.ErrConnection); got != !want["timeout"] {
				t.Errorf("%v\nis a connection error: %v", err, got)
			}
		})
	}
}
