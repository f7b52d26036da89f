// SPDX-License-Identifier: Apache-2.0

package pool_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/pool"
)

// A connection comes back while a caller waits for it. The waiter is woken and has
// not run yet when the same goroutine tries to acquire.
func TestTryAcquireOvertakesNobody(t *testing.T) {
	for _, mode := range []pool.Mode{pool.Exclusive, pool.Shared} {
		t.Run(mode.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := pool.Config{Mode: mode, MaxSize: 1}
				if mode == pool.Shared {
					cfg.MaxSharing = 1
				}
				p := open(t, &factory{}, cfg)
				overtaken := 0
				for i := range 2000 {
					lease := acquire(t, p)
					waiting := acquireAsync(t.Context(), p)
					synctest.Wait()
					if i%2 == 1 {
						time.Sleep(pool.MaxBarging) // the waiter is handed the connection
					}
					lease.Release()
					if lease, ok := p.TryAcquire(); ok {
						overtaken++
						lease.Release()
					}
					(<-waiting).lease.Release()
				}
				if overtaken > 0 {
					t.Errorf("TryAcquire overtook %d of 2000 waiters", overtaken)
				}
				if lease, ok := p.TryAcquire(); !ok {
					t.Error("TryAcquire = false on an idle pool")
				} else {
					lease.Release()
				}
			})
		})
	}
}
