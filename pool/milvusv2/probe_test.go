// SPDX-License-Identifier: Apache-2.0

package milvusv2_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/pool"
	"github.com/penstock-go/penstock/pool/milvus/milvustest"
	"github.com/penstock-go/penstock/pool/milvusv2"
)

func newPool(t *testing.T, cfg milvusv2.Config) *pool.Pool[*milvusv2.Conn] {
	t.Helper()
	p, err := milvusv2.NewPool(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close(context.Background()) })
	return p
}

// ping pings the server on c.
func ping(t *testing.T, c *milvusv2.Conn) error {
	t.Helper()
	return newFactory(t, milvusv2.Config{}).Ping(t.Context(), c)
}

// newProber returns a client of p without a chain, and a probe of the client that
// pings the server.
func newProber(t *testing.T, p *pool.Pool[*milvusv2.Conn]) (client *core.Client[*milvusv2.Conn], probe func(context.Context) error) {
	t.Helper()
	client, err := core.NewClient(core.ClientConfig[*milvusv2.Conn]{Source: p, Classifier: milvusv2.Classify})
	if err != nil {
		t.Fatal(err)
	}
	f := newFactory(t, milvusv2.Config{})
	return client, func(ctx context.Context) error { return client.Probe(ctx, f.Ping) }
}

// verdictOf returns what core concluded of a probe that failed with err.
func verdictOf(t *testing.T, err error) core.Verdict {
	t.Helper()
	e, ok := errors.AsType[*core.Error](err)
	if !ok {
		t.Fatalf("error is %T %v, want a *core.Error", err, err)
	}
	return e.Outcome.Verdict
}

func TestProbe(t *testing.T) {
	for name, c := range map[string]struct {
		fault milvustest.Fault
		want  core.Verdict
	}{
		"the server answers":           {want: core.Success},
		"it answers that it cannot":    {milvustest.Fault{Err: status.Error(codes.Unimplemented, "what?")}, core.Success},
		"it is starting":               {milvustest.Fault{Status: milvustest.NotReady("soon")}, core.Failure},
		"it fails for no known reason": {milvustest.Fault{Status: milvustest.NewStatus(65535, "?")}, core.Failure},
		"it is not available":          {milvustest.Fault{Err: status.Error(codes.Unavailable, "no")}, core.Failure},
		"the connection breaks":        {milvustest.Fault{Drop: true}, core.Failure},
		"a limit refuses the question": {milvustest.Fault{Status: milvustest.RateLimited("no")}, core.Neutral},
	} {
		t.Run(name, func(t *testing.T) {
			srv := start(t, milvustest.Config{})
			if c.fault.Status != nil || c.fault.Err != nil || c.fault.Drop {
				c.fault.Method = "GetVersion"
				srv.Inject(c.fault)
			}
			_, probe := newProber(t, newPool(t, milvusv2.Config{Address: srv.Addr()}))
			err := probe(t.Context())
			if (err == nil) != (c.want == core.Success) {
				t.Fatalf("probe = %v, want verdict %v", err, c.want)
			}
			if err != nil && verdictOf(t, err) != c.want {
				t.Errorf("probe = %v with verdict %v, want %v", err, verdictOf(t, err), c.want)
			}
			if e, ok := errors.AsType[*milvusv2.Error](err); err != nil && (!ok || e.Method != "GetVersion") {
				t.Errorf("probe = %v, want the *milvusv2.Error of GetVersion in it", err)
			}
		})
	}
}

func TestAProbeFailsWhenNobodyListens(t *testing.T) {
	srv := start(t, milvustest.Config{})
	srv.Stop()
	_, probe := newProber(t, newPool(t, milvusv2.Config{Address: srv.Addr()}))
	err := probe(t.Context())
	if !errors.Is(err, pool.ErrDial) || verdictOf(t, err) != core.Failure {
		t.Errorf("probe = %v, want ErrDial and a failure", err)
	}
}

func TestAProbeWithoutAConnectionTellsNothing(t *testing.T) {
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
	_, probe := newProber(t, p)
	if err := probe(t.Context()); !errors.Is(err, pool.ErrExhausted) || verdictOf(t, err) != core.Neutral {
		t.Errorf("probe = %v, want ErrExhausted, neutral", err)
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
	p := newPool(t, milvusv2.Config{Address: srv.Addr()})
	srv.Inject(milvustest.Fault{Method: "GetVersion", Hang: true})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	_, probe := newProber(t, p)
	done := make(chan error)
	go func() { done <- probe(ctx) }()
	if err := srv.AwaitCalls(t.Context(), "GetVersion", 1); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("probe = %v, want context.Canceled", err)
	}
}
