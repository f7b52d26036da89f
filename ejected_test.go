// SPDX-License-Identifier: Apache-2.0

package penstock_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/pool"
	"github.com/penstock-go/penstock/pool/endpoint"
)

// TestCallsThatHangTogetherOnAnEjectedEndpoint is about the moment at which all of them
// time out, with no success of another endpoint between them.
func TestCallsThatHangTogetherOnAnEjectedEndpoint(t *testing.T) {
	for _, row := range []struct {
		name     string
		hang     int  // endpoints that hang
		answers  bool // their pings succeed, so that they are let in before the calls time out
		disabled bool // ejections are switched off
		opens    bool
	}{
		{"one of three, which stays out", 1, false, false, false},
		{"one of three, which is let in", 1, true, false, false},
		{"two of three, so that ejections have no effect", 2, false, false, true},
		{"one of three, which is not ejected", 1, false, true, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { callsThatHang(t, row.hang, row.answers, row.disabled, row.opens) })
		})
	}
}

func callsThatHang(t *testing.T, hang int, answers, disabled, opens bool) {
	t.Helper()
	addresses := []string{"127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"}
	var troubled atomic.Bool // the first endpoints hang
	var hung atomic.Int32
	c := started(t, backend{
		Pool: pool.Config{Name: "docs", Mode: pool.Shared},
		Endpoints: endpoint.Config[*wire]{
			Addresses: addresses, Detection: endpoint.Detection{Disabled: disabled},
			Factory: func(a endpoint.Address) (pool.Factory[*wire], error) {
				number := int(a.HostPort[len(a.HostPort)-1] - '0')
				return &wires{
					OnDial: func(context.Context, int) (*wire, error) { return &wire{number}, nil },
					OnPing: func(ctx context.Context, _ *wire) error {
						if troubled.Load() && number <= hang && !answers {
							<-ctx.Done()
						}
						return ctx.Err()
					},
				}, nil
			},
		},
	}, penstock.Config{})
	defer closeClient(t, c)
	call := func() {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		_, _ = core.Do(ctx, c, getNumber, func(ctx context.Context, w *wire) (int, error) {
			if troubled.Load() && w.number <= hang {
				hung.Add(1)
				<-ctx.Done()
				return 0, ctx.Err()
			}
			time.Sleep(10 * time.Millisecond)
			return w.number, nil
		})
	}
	together := func(n int) *sync.WaitGroup {
		wg := new(sync.WaitGroup)
		for range n {
			wg.Go(call)
		}
		return wg
	}
	for range 4 { // the speed of each endpoint becomes known
		together(30).Wait()
	}
	troubled.Store(true)
	calls := together(30)
	for range 200 {
		time.Sleep(20 * time.Millisecond)
		if all := c.Endpoints()["docs"]; answers && all[0].State == endpoint.Ejected {
			troubled.Store(false) // for the calls that begin from now on
		}
		calls.Go(call)
	}
	if n := hung.Load(); n < 5 {
		t.Fatalf("%d calls hang, want some", n)
	}
	calls.Wait() // those that hang end after five seconds, and no other call after four
	troubled.Store(false)
	s := c.Breaker().Snapshot()
	if got := !s.Timing.OpenedAt.IsZero(); got != opens {
		t.Errorf("the breaker opened: %t after %d calls timed out together, want %t: %+v", got, hung.Load(), opens, c.Endpoints())
	}
	if n := s.Counters.TotalFailures; !opens && n != 0 {
		t.Errorf("the breaker counted %d failures, want none", n)
	}
	time.Sleep(time.Minute) // pings that hang have ended
}
