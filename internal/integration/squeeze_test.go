// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/timeout"
	"github.com/penstock-go/penstock/pool"
)

// Waiting for a connection takes most of the time of an attempt or a caller, and
// the rest is too short for the work. The pool is the cause, not the backend.
func TestAWaitThatLeavesTooLittleTimeNeverOpensTheBreaker(t *testing.T) {
	coretest.OneProcessor(t)
	for _, every := range []time.Duration{50 * time.Millisecond, 200 * time.Millisecond, 400 * time.Millisecond} {
		for _, row := range []struct {
			name     string
			mode     pool.Mode
			patience time.Duration
		}{{"attempt timeout", pool.Exclusive, 0}, {"caller's deadline", pool.Exclusive, 1500 * time.Millisecond}, {"attempt timeout shared", pool.Shared, 0}, {"caller's deadline shared", pool.Shared, 1500 * time.Millisecond}} {
			t.Run(row.name+" "+every.String(), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					attempt := time.Hour
					if row.patience == 0 {
						attempt = 1500 * time.Millisecond
					}
					pc := pool.Config{MaxSize: 1, Mode: row.mode}
					if row.mode == pool.Shared {
						pc.MaxSharing = 1
					}
					r := newRig(t, pc, middleware.Config{Timeout: timeout.Config{Attempt: attempt}},
						coretest.Phase{Latency: time.Second})
					r.backend.Run(every, 20*time.Second, func(ctx context.Context) error {
						if row.patience > 0 {
							var cancel context.CancelFunc
							ctx, cancel = context.WithTimeout(ctx, row.patience)
							defer cancel()
						}
						return r.do(ctx, search)
					})
					counters := r.breaker.Snapshot().Counters
					if counters.StateChangeCount != 0 {
						t.Errorf("breaker %v, %+v", r.breaker.State(), counters)
					}
					time.Sleep(breakerDefaults(t).RecoveryTimeout)
				})
			})
		}
	}
}
