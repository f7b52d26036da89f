// SPDX-License-Identifier: Apache-2.0

package milvus_test

import (
	"context"
	"errors"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/pool/milvus"
	"github.com/penstock-go/penstock/pool/milvus/milvustest"
)

// openConn counts the sockets that are open.
type openConn struct {
	net.Conn
	open *atomic.Int64
	once sync.Once
}

func (c *openConn) Close() error {
	c.once.Do(func() { c.open.Add(-1) })
	return c.Conn.Close()
}

func TestAThousandFailedDialsLeaveNothing(t *testing.T) {
	srv := start(t, milvustest.Config{})
	srv.Inject(milvustest.Fault{Method: "Connect", Status: milvustest.NewStatus(milvustest.CodeUnavailable, "starting")})
	var open, dialed atomic.Int64
	f := newFactory(t, milvus.Config{Address: srv.Addr(), DialOptions: []grpc.DialOption{
		grpc.WithContextDialer(func(ctx context.Context, address string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
			if err != nil {
				return nil, err
			}
			open.Add(1)
			dialed.Add(1)
			return &openConn{Conn: conn, open: &open}, nil
		}),
	}})
	fail := func() {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if _, err := f.Dial(ctx); !errors.Is(err, core.ErrUnavailable) {
			t.Errorf("Dial = %v, want core.ErrUnavailable", err)
		}
	}
	fail()
	until(t, func() bool { return open.Load() == 0 && srv.Conns() == 0 })
	before := runtime.NumGoroutine()
	var wg sync.WaitGroup
	const dials, atOnce = 1000, 8
	for range atOnce {
		wg.Go(func() {
			for range dials / atOnce {
				fail()
			}
		})
	}
	wg.Wait()
	if got := dialed.Load(); got < dials {
		t.Errorf("%d sockets were opened, want at least %d", got, dials)
	}
	until(t, func() bool { return open.Load() == 0 && srv.Conns() == 0 })
	until(t, func() bool { return runtime.NumGoroutine() <= before })
}
