// SPDX-License-Identifier: Apache-2.0

package milvusv2_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/middleware/retry"
	"github.com/penstock-go/penstock/pool"
	"github.com/penstock-go/penstock/pool/milvus/milvustest"
	"github.com/penstock-go/penstock/pool/milvusv2"
)

type ourClient = *penstock.Client[*milvusv2.Conn]

// open returns a client of srv. The end of the test closes it.
func open(t *testing.T, srv *milvustest.Server, cfg milvusv2.Config, client penstock.Config) ourClient {
	t.Helper()
	cfg.Address = srv.Addr()
	c, err := milvusv2.Open(t.Context(), cfg, client)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), enough)
		defer cancel()
		if err := c.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return c
}

var (
	opVersion  = core.Op{Name: "GetVersion", Safety: core.ReadOnly}
	opDescribe = core.Op{Name: "DescribeCollection", Target: "nowhere", Safety: core.ReadOnly}
	opFlush    = core.Op{Name: "Flush", Target: "docs"} // unsafe
)

func version(ctx context.Context, c ourClient) error {
	_, err := core.Do(ctx, c, opVersion, func(ctx context.Context, conn *milvusv2.Conn) (string, error) {
		return getVersionOn(ctx, conn)
	})
	return err
}

func TestOpenBuildsAClientWithAllItsParts(t *testing.T) {
	srv := start(t, milvustest.Config{})
	c := open(t, srv, milvusv2.Config{}, penstock.Config{})
	if err := version(t.Context(), c); err != nil {
		t.Error(err)
	}
	if got, want := c.Chain().String(), "breaker > retry > timeout > health"; got != want {
		t.Errorf("chain = %q, want %q", got, want)
	}
	if name := c.Pool().Name(); name != srv.Addr()+"/default" {
		t.Errorf("the pool is called %q", name)
	}
	if s := c.Breaker().Snapshot(); s.Name != c.Pool().Name() || s.Counters.TotalSuccesses != 1 {
		t.Errorf("the breaker is %+v", s)
	}
	if c.Monitor() == nil {
		t.Fatal("there is no monitor")
	}
	if err := c.Monitor().Check(t.Context()); err != nil {
		t.Errorf("Check = %v", err)
	}
}

func TestOpenNamesTheAddressThatItCannotReach(t *testing.T) {
	srv := start(t, milvustest.Config{})
	address := srv.Addr()
	srv.Close() // the address is free now
	_, err := milvusv2.Open(t.Context(), milvusv2.Config{Address: address}, penstock.Config{})
	if !errors.Is(err, pool.ErrStart) || !errors.Is(err, core.ErrConnection) {
		t.Errorf("Open = %v, want %v", err, pool.ErrStart)
	}
	for _, want := range []string{address, "connection refused"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Open = %v, want %q in it", err, want)
		}
	}
}

func TestOpenNamesAllThatIsWrongAtOnce(t *testing.T) {
	cfg := milvusv2.Config{Address: "http://localhost", Pool: pool.Config{MaxSize: -1}}
	_, err := milvusv2.Open(t.Context(), cfg, penstock.Config{Chain: middleware.Config{
		Breaker: breaker.Config{MaxHalfOpenRequests: -1},
		Retry:   retry.Config{Interval: time.Hour},
	}})
	for _, want := range []string{"Address", "MaxSize", "MaxHalfOpenRequests", "Interval"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Open = %v, want %q in it", err, want)
		}
	}
}

func TestOpenShowsNoPasswordOfAnAddress(t *testing.T) {
	for _, cfg := range []milvusv2.Config{
		{Address: "root:hunter2@localhost:1"},
		{Address: "localhost:1?token=hunter2"},
		{Addresses: []string{"dns:///root:hunter2@localhost:1", "localhost:2"}},
	} {
		cfg.Pool.MaxSize = -1 // the error of the pool has the pool's name
		_, err := milvusv2.Open(t.Context(), cfg, penstock.Config{})
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("Open = %v, want an error without the password", err)
		}
		if name := cfg.PoolConfig().Name; strings.Contains(name, "hunter2") {
			t.Errorf("the pool is called %q", name)
		}
	}
}

func TestAWrongCollectionIsATypedErrorThatIsNeitherRepeatedNorCounted(t *testing.T) {
	srv := start(t, milvustest.Config{})
	c := open(t, srv, milvusv2.Config{}, penstock.Config{})
	operations := 2 * threshold(t)
	for range operations {
		_, err := core.Do(t.Context(), c, opDescribe, func(ctx context.Context, conn *milvusv2.Conn) (bool, error) {
			_, err := describeCollectionOn(ctx, conn, "nowhere")
			return false, err
		})
		if e := asError(t, err); e.Code != 100 || e.Method != "DescribeCollection" {
			t.Errorf("the error is %+v, want code 100 of DescribeCollection", e)
		}
		if e, ok := errors.AsType[*core.Error](err); !ok || e.Attempts != 1 {
			t.Errorf("the error is %v, want one attempt", err)
		}
	}
	if got := srv.Calls("DescribeCollection"); got != operations {
		t.Errorf("%d calls, want %d", got, operations)
	}
	if state := c.Breaker().State(); state != breaker.Closed {
		t.Errorf("the breaker is %v, want closed", state)
	}
}

// threshold returns how many failures in a row open a breaker by default.
func threshold(t *testing.T) int {
	t.Helper()
	cfg, err := breaker.Config{}.Effective()
	if err != nil {
		t.Fatal(err)
	}
	return cfg.FailureThreshold
}

// callers is the number of operations on each connection when it dies.
const callers = 32

// hanging starts operations that hang at the server, on each of size
// connections, and returns a function that waits for their end.
func hanging(t *testing.T, srv *milvustest.Server, c ourClient, size int) (wait func()) {
	t.Helper()
	srv.Inject(milvustest.Fault{Method: "Flush", Hang: true})
	var wg sync.WaitGroup
	for range size * callers {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), enough)
			defer cancel()
			_, err := core.Do(ctx, c, opFlush, func(ctx context.Context, conn *milvusv2.Conn) (bool, error) {
				return true, flushOn(ctx, conn, "docs", true)
			})
			if err == nil {
				t.Error("an operation survived the death of its connection, though it is unsafe to repeat")
			}
		})
	}
	ctx, cancel := context.WithTimeout(t.Context(), enough)
	defer cancel()
	if err := srv.AwaitCalls(ctx, "Flush", size*callers); err != nil {
		t.Fatal(err)
	}
	return wg.Wait
}

func TestTheDeathOfOneConnectionOpensNothingTheDeathOfAllDoes(t *testing.T) {
	const size = 4
	// MaxSharing, so that each connection has as many operations as the others.
	cfg := milvusv2.Config{Pool: pool.Config{MinSize: size, MaxSharing: callers}}
	settings := penstock.Config{Chain: middleware.Config{
		Breaker: breaker.Config{RecoveryTimeout: 10 * time.Millisecond},
		Retry:   retry.Config{MaxRetries: retry.None},
	}}
	t.Run("one", func(t *testing.T) {
		srv := start(t, milvustest.Config{})
		c := open(t, srv, cfg, settings)
		wait := hanging(t, srv, c, size)
		if n := srv.CloseConns(1); n != 1 {
			t.Fatalf("%d connections were cut, want 1", n)
		}
		b := c.Breaker()
		await(t, func() bool { return b.Snapshot().Counters.TotalNeutral >= callers-1 })
		s := b.Snapshot()
		if s.State != "closed" || s.Counters.TotalFailures != 1 || s.Counters.TotalNeutral != callers-1 {
			t.Errorf("after one death: %s, %+v; want closed and one failure", s.State, s.Counters)
		}
		srv.CloseConns(-1)
		wait()
	})
	t.Run("all, and the server is down", func(t *testing.T) {
		srv := start(t, milvustest.Config{})
		c := open(t, srv, cfg, settings)
		wait := hanging(t, srv, c, size)
		srv.Stop()
		wait()
		b := c.Breaker()
		if s := b.Snapshot(); s.Counters.TotalFailures != size {
			t.Errorf("after %d deaths: %+v, want as many failures", size, s.Counters)
		}
		ctx, cancel := context.WithTimeout(t.Context(), enough)
		defer cancel()
		if err := version(ctx, c); err == nil { // refused: the fifth in a row
			t.Error("an operation succeeded without a server")
		}
		if n := b.Snapshot().Counters.StateChangeCount; n == 0 {
			t.Error("the breaker did not open")
		}
	})
}

// await polls until cond holds; it fails the test after enough.
func await(t *testing.T, cond func() bool) {
	t.Helper()
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	over := time.After(enough)
	for !cond() {
		select {
		case <-ticker.C:
		case <-over:
			t.Fatal("it did not happen")
		}
	}
}
