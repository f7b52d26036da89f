// SPDX-License-Identifier: Apache-2.0

package milvus_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/pool"
	"github.com/penstock-go/penstock/pool/milvus"
	"github.com/penstock-go/penstock/pool/milvus/milvustest"
)

func shared(t *testing.T, cfg milvus.Config) *milvus.Handle {
	t.Helper()
	h, err := milvus.Shared(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close(context.Background()) })
	return h
}

func askVersion(ctx context.Context, c *milvus.Conn) error {
	_, err := c.GetVersion(ctx)
	return err
}

func TestOnePoolServesTheWholeProcess(t *testing.T) {
	srv := start(t, milvustest.Config{})
	cfg := milvus.Config{Address: srv.Addr(), Pool: pool.Config{MaxSize: 1}}
	one := shared(t, cfg)
	cfg.Database = "default" // as it is called anyway
	cfg.Pool.Name = one.Pool().Name()
	other := shared(t, cfg)
	if one.Pool() != other.Pool() {
		t.Fatal("there are two pools")
	}
	for _, h := range []*milvus.Handle{one, other} {
		if err := h.Do(t.Context(), askVersion); err != nil {
			t.Error(err)
		}
	}
	if n := srv.Accepted(); n != 1 {
		t.Errorf("%d connections, want one", n)
	}
}

func TestAnotherServerDatabaseOrAccountHasItsOwnPool(t *testing.T) {
	base := milvus.Config{Address: "localhost:19530"}
	seen := map[*pool.Pool[*milvus.Conn]]milvus.Config{}
	for _, cfg := range []milvus.Config{
		base,
		{Address: "localhost:19531"},
		{Database: "other"},
		{Username: "root", Password: milvus.NewSecret("a")},
		{Username: "root", Password: milvus.NewSecret("b")},
		{Username: "roota"},
		{APIKey: milvus.NewSecret("roota")},
	} {
		p := shared(t, cfg).Pool()
		if same, ok := seen[p]; ok {
			t.Errorf("%v and %v share a pool", same, cfg)
		}
		seen[p] = cfg
	}
}

type deafObserver struct{ core.Observer }

// listObserver cannot be compared.
type listObserver struct {
	core.Observer
	_ []int
}

func TestAnotherConfigurationOfTheSamePoolIsRefused(t *testing.T) {
	dialOption := grpc.WithUserAgent("a")
	tlsConfig := &tls.Config{}
	base := milvus.Config{
		Address: "localhost:19530", Username: "root", Password: milvus.NewSecret("hunter2"), TLS: tlsConfig, DialOptions: []grpc.DialOption{dialOption},
		Pool: pool.Config{MaxSize: 3, Observer: deafObserver{}},
	}
	shared(t, base)
	shared(t, base)
	for want, change := range map[string]func(*milvus.Config){
		"other TLS":                               func(c *milvus.Config) { c.TLS = &tls.Config{} },
		"other TLSFiles":                          func(c *milvus.Config) { c.TLSFiles.CA = "ca.pem" },
		"other DialOptions":                       func(c *milvus.Config) { c.DialOptions = []grpc.DialOption{grpc.WithUserAgent("a")} },
		"other PropagationDisabled, QueryText":    func(c *milvus.Config) { c.PropagationDisabled, c.QueryText = true, true },
		"other Pool.MaxSize":                      func(c *milvus.Config) { c.Pool.MaxSize = 4 },
		"other Pool.Observer":                     func(c *milvus.Config) { c.Pool.Observer = listObserver{} },
		"other Pool.Name, Pool.AcquireTimeout":    func(c *milvus.Config) { c.Pool.Name = "x"; c.Pool.AcquireTimeout = 1 },
		"other TLS, DialOptions, Pool.MaxWaiters": func(c *milvus.Config) { c.TLS, c.DialOptions, c.Pool.MaxWaiters = nil, nil, 1 },
	} {
		cfg := base
		change(&cfg)
		_, err := milvus.Shared(cfg)
		if !errors.Is(err, milvus.ErrDiffers) || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("Shared = %v, want %q", err, want)
		}
		if strings.Contains(fmt.Sprint(err), "hunter2") {
			t.Errorf("the error shows the password: %v", err)
		}
	}
}

func TestABadConfigurationIsNotShared(t *testing.T) {
	for range 2 {
		if _, err := milvus.Shared(milvus.Config{Address: "nowhere"}); err == nil || !strings.Contains(err.Error(), "not host:port") {
			t.Errorf("Shared = %v", err)
		}
	}
}

func TestTheLastHandleClosesThePool(t *testing.T) {
	srv := start(t, milvustest.Config{})
	cfg := milvus.Config{Address: srv.Addr()}
	one, other := shared(t, cfg), shared(t, cfg)
	for range 3 { // counts once
		if err := one.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if err := one.Do(t.Context(), askVersion); !errors.Is(err, pool.ErrClosed) || !errors.Is(err, core.ErrRejected) {
		t.Errorf("Do on a closed handle = %v, want %v", err, pool.ErrClosed)
	}
	if _, err := one.Acquire(t.Context()); !errors.Is(err, pool.ErrClosed) {
		t.Errorf("Acquire on a closed handle = %v, want %v", err, pool.ErrClosed)
	}
	if err := other.Do(t.Context(), askVersion); err != nil {
		t.Errorf("Do on the other handle = %v", err)
	}
	if err := other.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if err := other.Pool().Do(t.Context(), askVersion); !errors.Is(err, pool.ErrClosed) {
		t.Errorf("the pool is not closed: %v", err)
	}
	again := shared(t, cfg)
	if again.Pool() == other.Pool() {
		t.Fatal("the closed pool is shared again")
	}
	if err := again.Do(t.Context(), askVersion); err != nil {
		t.Errorf("Do on a new pool = %v", err)
	}
}

func TestTheLastHandleDrainsAndReports(t *testing.T) {
	srv := start(t, milvustest.Config{})
	h := shared(t, milvus.Config{Address: srv.Addr()})
	lease, err := h.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer lease.Release()
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	err = h.Close(ctx)
	if forced, ok := errors.AsType[*pool.CloseError](err); !ok || forced.Forced != 1 {
		t.Errorf("Close = %v, want a report of one forced lease", err)
	}
	if err2 := h.Close(ctx); err2 != err {
		t.Errorf("Close again = %v, want the same error", err2)
	}
}

func TestHandlesComeAndGoConcurrently(t *testing.T) {
	srv := start(t, milvustest.Config{})
	cfg := milvus.Config{Address: srv.Addr()}
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for range 20 {
				h, err := milvus.Shared(cfg)
				if err != nil {
					t.Error(err)
					return
				}
				if err := h.Do(t.Context(), askVersion); err != nil {
					t.Error(err)
				}
				wg.Go(func() { _ = h.Close(t.Context()) })
				if err := h.Close(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	until(t, func() bool { return srv.Conns() == 0 }) // the server notices a moment later
}

func TestAClientCanUseASharedPool(t *testing.T) {
	srv := start(t, milvustest.Config{})
	cfg := milvus.Config{Address: srv.Addr()}
	keeper := shared(t, cfg)
	h := shared(t, cfg)
	c, err := core.NewClient(core.ClientConfig[*milvus.Conn]{
		Source: h, Classifier: milvus.Classify, Closers: []func(context.Context) error{h.Close},
	})
	if err != nil {
		t.Fatal(err)
	}
	getVersion := func() error {
		_, err := core.Do(t.Context(), c, core.Op{Name: "GetVersion"}, func(ctx context.Context, conn *milvus.Conn) (string, error) {
			return conn.GetVersion(ctx)
		})
		return err
	}
	if err := getVersion(); err != nil {
		t.Error(err)
	}
	if err := c.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if err := getVersion(); !errors.Is(err, pool.ErrClosed) {
		t.Errorf("an operation after Close = %v, want %v", err, pool.ErrClosed)
	}
	if err := keeper.Do(t.Context(), askVersion); err != nil {
		t.Errorf("closing a client closed the pool of others: %v", err)
	}
}
