// SPDX-License-Identifier: Apache-2.0

package penstock_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/bulkhead"
	"github.com/penstock-go/penstock/middleware/ratelimit"
	"github.com/penstock-go/penstock/middleware/retry"
	"github.com/penstock-go/penstock/pool"
)

// Wherever an operation waits when its client is closed, it ends before Close returns.
func TestCloseEndsEveryWait(t *testing.T) {
	errDown := errors.New("down")
	hold := func(ctx context.Context, _ *wire) (int, error) { <-ctx.Done(); return 0, ctx.Err() }
	fails := func(context.Context, *wire) (int, error) { return 0, errDown }
	work := func(takes time.Duration) func(context.Context, *wire) (int, error) {
		return func(context.Context, *wire) (int, error) { time.Sleep(takes); return 0, nil }
	}
	for _, row := range []struct {
		name  string
		chain middleware.Config
		first func(context.Context, *wire) (int, error) // makes the others wait; nil is no such operation
		fn    func(context.Context, *wire) (int, error)
		also  error // in the error, beside that of the close
	}{
		{name: "for another attempt", chain: middleware.Config{Retry: retry.Config{Interval: 20 * time.Second, Jitter: retry.NoJitter}}, fn: fails, also: errDown},
		{name: "in a bulkhead", chain: middleware.Config{Bulkhead: &bulkhead.Config{MaxConcurrent: 1, MaxWaiting: 9}}, first: work(1500 * time.Millisecond), fn: hold, also: bulkhead.ErrFull},
		{name: "in a rate limiter", chain: middleware.Config{RateLimit: &ratelimit.Config{Rate: 0.01, Burst: 1, MaxWait: time.Hour}}, first: work(0), fn: hold, also: ratelimit.ErrLimited},
		{name: "for a connection", first: work(1500 * time.Millisecond), fn: hold, also: pool.ErrClosed},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, err := penstock.Open(t.Context(), backend{Factory: &wires{OnDial: dialWire}, Pool: pool.Config{MaxSize: 1, AcquireTimeout: time.Hour}}, penstock.Config{Chain: row.chain})
				if err != nil {
					t.Fatal(err)
				}
				var wg sync.WaitGroup
				if row.first != nil {
					wg.Go(func() {
						if _, err := core.Do(t.Context(), client, getNumber, row.first); err != nil {
							t.Errorf("the first Do = %v", err)
						}
					})
					synctest.Wait()
				}
				closed := time.Now().Add(2 * time.Second)
				for range 3 {
					wg.Go(func() {
						_, err := core.Do(t.Context(), client, getNumber, row.fn)
						if !errors.Is(err, core.ErrClientClosed) && !errors.Is(err, pool.ErrClosed) || !errors.Is(err, row.also) || time.Now().After(closed) {
							t.Errorf("Do = %v, %v after the end of Close", err, time.Since(closed))
						}
					})
				}
				time.Sleep(time.Second)
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				if err := client.Close(ctx); err != nil || time.Now().After(closed) {
					t.Errorf("Close = %v", err)
				}
				wg.Wait()
			})
		})
	}
}

// Readiness asks Closed, and must hear of a drain when it begins, not when it ends.
func TestClosedIsTrueFromTheCallOfCloseOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		open := func() *penstock.Client[*wire] {
			client, err := penstock.Open(t.Context(), backend{Factory: &wires{OnDial: dialWire}}, penstock.Config{})
			if err != nil {
				t.Fatal(err)
			}
			if client.Closed() {
				t.Error("a new client is closed")
			}
			return client
		}
		client := open()
		end := make(chan struct{})
		future := core.Go(t.Context(), client, getNumber, func(context.Context, *wire) (int, error) { <-end; return 7, nil })
		synctest.Wait()
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := client.Close(t.Context()); err != nil {
				t.Errorf("Close = %v", err)
			}
		})
		synctest.Wait()
		if !client.Closed() || !client.Snapshot().Closed {
			t.Error("a client that drains is not closed")
		}
		close(end)
		wg.Wait()
		if n, err := future.Await(t.Context()); n != 7 || err != nil {
			t.Errorf("Await = %d, %v, want 7: it was under way", n, err)
		}

		client = open()
		if err := client.Client.Close(t.Context()); err != nil || !client.Closed() {
			t.Errorf("Close of the core.Client = %v, and Closed is %t, want true", err, client.Closed())
		}
	})
}
