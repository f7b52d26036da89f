// SPDX-License-Identifier: Apache-2.0

package milvusv2_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/middleware/health"
	"github.com/penstock-go/penstock/pool"
	"github.com/penstock-go/penstock/pool/milvus/milvustest"
	"github.com/penstock-go/penstock/pool/milvusv2"
)

func TestReadyCheck(t *testing.T) {
	for name, c := range map[string]struct {
		fault milvustest.Fault
		sick  bool
		want  error // nil is ready
	}{
		"healthy":               {},
		"a part of it is not":   {sick: true, want: milvusv2.ErrNotReady},
		"it refuses to answer":  {fault: milvustest.Fault{Err: status.Error(codes.Unimplemented, "what?")}},
		"a limit refuses":       {fault: milvustest.Fault{Status: milvustest.RateLimited("no")}},
		"it is not available":   {fault: milvustest.Fault{Err: status.Error(codes.Unavailable, "no")}, want: core.ErrUnavailable},
		"the connection breaks": {fault: milvustest.Fault{Drop: true}, want: core.ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			srv := start(t, milvustest.Config{})
			if c.fault.Status != nil || c.fault.Err != nil || c.fault.Drop {
				c.fault.Method = "CheckHealth"
				srv.Inject(c.fault)
			}
			if c.sick {
				srv.SetUnhealthy("querynode is lost")
			}
			p := newPool(t, milvusv2.Config{Address: srv.Addr()})
			client, _ := newProber(t, p)
			if err := milvusv2.ReadyCheck(client)(t.Context()); !errors.Is(err, c.want) {
				t.Errorf("it says %v, want %v", err, c.want)
			} else if c.sick && !strings.Contains(err.Error(), "querynode is lost") {
				t.Errorf("it says %v, want the server's reason", err)
			}
			if s := p.Stats(); s.InFlight != 0 {
				t.Errorf("%d leases are out", s.InFlight)
			}
		})
	}
}

func TestReadinessAsksMilvusOnceHoweverManyAsk(t *testing.T) {
	srv := start(t, milvustest.Config{})
	client, _ := newProber(t, newPool(t, milvusv2.Config{Address: srv.Addr()}))
	h := health.Readiness(health.Check{Name: "milvus", Ask: health.Cached(time.Hour, milvusv2.ReadyCheck(client))})
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/", nil))
			if w.Code != 200 || !strings.Contains(w.Body.String(), `"name":"milvus"`) {
				t.Errorf("it answers %d %s", w.Code, w.Body)
			}
		})
	}
	wg.Wait()
	if n := srv.Calls("CheckHealth"); n != 1 {
		t.Errorf("CheckHealth was called %d times, want once", n)
	}
}

func TestAServerThatNobodyReachesIsNotReady(t *testing.T) {
	srv := start(t, milvustest.Config{})
	srv.Stop()
	client, _ := newProber(t, newPool(t, milvusv2.Config{Address: srv.Addr()}))
	if err := milvusv2.ReadyCheck(client)(t.Context()); !errors.Is(err, pool.ErrDial) {
		t.Errorf("it says %v, want %v", err, pool.ErrDial)
	}
}

func TestAPoolInFullUseIsReadyAndAClosedOneIsNot(t *testing.T) {
	srv := start(t, milvustest.Config{})
	p := newPool(t, milvusv2.Config{
		Address: srv.Addr(),
		Pool:    pool.Config{MaxSize: 1, TargetSharing: 1, MaxSharing: 1, AcquireTimeout: time.Millisecond},
	})
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	lease, err := p.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	client, _ := newProber(t, p)
	ready := milvusv2.ReadyCheck(client)
	if err := ready(t.Context()); err != nil {
		t.Errorf("it says %v", err)
	}
	lease.Release()
	if err := p.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := ready(t.Context()); !errors.Is(err, pool.ErrClosed) {
		t.Errorf("it says %v, want %v", err, pool.ErrClosed)
	}
}
