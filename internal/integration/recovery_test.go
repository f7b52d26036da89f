// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/middleware/health"
	"github.com/penstock-go/penstock/middleware/retry"
	"github.com/penstock-go/penstock/pool"
)

// The operation that finds the breaker half-open has the transition on its span.
func TestASpanSaysWhyTheBreakerTriesAgain(t *testing.T) {
	for reason, answers := range map[string]bool{"health_probe": true, "recovery_timeout": false} {
		t.Run(reason, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var pings atomic.Int64
				w := watch(t, penstock.Config{Chain: middleware.Config{
					Retry:   retry.Config{MaxRetries: retry.None},
					Breaker: breaker.Config{FailureThreshold: 1},
					Health: &health.Config{DownThreshold: 1000, Probe: func(context.Context) error {
						if pings.Add(1); answers {
							return nil
						}
						return errDown
					}},
				}}, pool.Config{})
				defer w.close()
				if err := w.do(t.Context(), errDown); !errors.Is(err, errDown) {
					t.Fatal(err)
				}
				begin := time.Now()
				for w.Breaker().State() != breaker.HalfOpen {
					time.Sleep(100 * time.Millisecond)
				}
				if took := time.Since(begin); (took < 3*time.Second) != answers || pings.Load() == 0 {
					t.Errorf("the breaker is half-open after %v, with %d pings", took, pings.Load())
				}
				if err := w.do(t.Context(), nil); err != nil {
					t.Fatal(err)
				}
				var got any
				for _, e := range w.last().Events() {
					if e.Name == "penstock.circuit_breaker.transition" {
						for _, kv := range e.Attributes {
							if kv.Key == "penstock.circuit_breaker.reason" {
								got = kv.Value.AsInterface()
							}
						}
					}
				}
				if got != reason {
					t.Errorf("the span says %v, want %v", got, reason)
				}
			})
		})
	}
}
