// SPDX-License-Identifier: Apache-2.0

package milvus_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/pool"
	"github.com/penstock-go/penstock/pool/milvus"
	"github.com/penstock-go/penstock/pool/milvus/milvustest"
)

func newPool(t *testing.T, cfg milvus.Config) *pool.Pool[*milvus.Conn] {
	t.Helper()
	p, err := milvus.NewPool(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close(context.Background()) })
	return p
}

func TestProbe(t *testing.T) {
	for name, c := range map[string]struct {
		fault     milvustest.Fault
		ok, tells bool
	}{
		"the server answers":           {ok: true},
		"it answers that it cannot":    {milvustest.Fault{Err: status.Error(codes.Unimplemented, "what?")}, true, true},
		"it is starting":               {milvustest.Fault{Status: milvustest.NotReady("soon")}, false, true},
		"it is not available":          {milvustest.Fault{Err: status.Error(codes.Unavailable, "no")}, false, true},
		"the connection breaks":        {milvustest.Fault{Drop: true}, false, true},
		"a limit refuses the question": {milvustest.Fault{Status: milvustest.RateLimited("no")}, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			srv := start(t, milvustest.Config{})
			if c.fault != (milvustest.Fault{}) {
				c.fault.Method = "GetVersion"
				srv.Inject(c.fault)
			}
			err := milvus.Probe(newPool(t, milvus.Config{Address: srv.Addr()}))(t.Context())
			if (err == nil) != c.ok {
				t.Fatalf("probe = %v, want it to succeed: %v", err, c.ok)
			}
			if err != nil && errors.Is(err, core.ErrRejected) == c.tells {
				t.Errorf("probe = %v, want it to tell something: %v", err, c.tells)
			}
		})
	}
}

func TestAProbeFailsWhenNobodyListens(t *testing.T) {
	srv := start(t, milvustest.Config{})
	srv.Stop()
	err := milvus.Probe(newPool(t, milvus.Config{Address: srv.Addr()}))(t.Context())
	if !errors.Is(err, pool.ErrDial) || errors.Is(err, core.ErrRejected) {
		t.Errorf("probe = %v, want ErrDial", err)
	}
}

func TestAProbeWithoutAConnectionTellsNothing(t *testing.T) {
	srv := start(t, milvustest.Config{})
	p := newPool(t, milvus.Config{
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
	probe := milvus.Probe(p)
	if err := probe(t.Context()); !errors.Is(err, core.ErrRejected) || !errors.Is(err, pool.ErrExhausted) {
		t.Errorf("probe = %v, want it rejected because of ErrExhausted", err)
	}
	lease.Release()
	if err := probe(t.Context()); err != nil {
		t.Errorf("probe = %v", err)
	}
	if s := p.Stats(); s.InFlight != 0 {
		t.Errorf("the probe left %d leases out", s.InFlight)
	}
}

func TestAProbeEndsWithItsContext(t *testing.T) {
	srv := start(t, milvustest.Config{})
	p := newPool(t, milvus.Config{Address: srv.Addr()})
	srv.Inject(milvustest.Fault{Method: "GetVersion", Hang: true})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error)
	go func() { done <- milvus.Probe(p)(ctx) }()
	if err := srv.AwaitCalls(t.Context(), "GetVersion", 1); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("probe = %v, want context.Canceled", err)
	}
}
