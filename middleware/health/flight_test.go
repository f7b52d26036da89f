// SPDX-License-Identifier: Apache-2.0

package health_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/middleware/health"
)

func newMonitor(t *testing.T, probe func(context.Context) error) *health.Monitor {
	t.Helper()
	m, err := health.NewMonitor(health.Config{Probe: probe, DownThreshold: 2})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestChecksAtTheSameTimeShareOneProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var probes atomic.Int64
		down := errors.New("down")
		m := newMonitor(t, func(context.Context) error {
			probes.Add(1)
			time.Sleep(time.Second)
			return down
		})
		start := time.Now()
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				if err := m.Check(t.Context()); err != down {
					t.Errorf("Check = %v, want %v", err, down)
				}
			})
		}
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second/2)
		defer cancel()
		if err := m.Check(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Second/2 {
			t.Errorf("Check = %v after %v, want the context's error after 500 ms", err, time.Since(start))
		}
		wg.Wait()
		if n := probes.Load(); n != 1 || time.Since(start) != time.Second {
			t.Errorf("%d probes in %v, want one in a second", n, time.Since(start))
		}
		if !m.Up() {
			t.Error("one probe counted twice")
		}
		if _ = m.Check(t.Context()); m.Up() || probes.Load() != 2 {
			t.Error("the second probe was not made, or did not count")
		}
	})
}

func TestAProbeThatItsCallerGaveUpIsMadeAgainForTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var probes atomic.Int64
		m := newMonitor(t, func(ctx context.Context) error {
			probes.Add(1)
			select {
			case <-time.After(time.Second):
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := m.Check(ctx); !errors.Is(err, context.Canceled) {
				t.Errorf("Check = %v, want canceled", err)
			}
		})
		synctest.Wait()
		for range 10 {
			wg.Go(func() {
				if err := m.Check(t.Context()); err != nil {
					t.Errorf("Check = %v", err)
				}
			})
		}
		synctest.Wait()
		cancel()
		wg.Wait()
		if n := probes.Load(); n != 2 {
			t.Errorf("%d probes, want 2", n)
		}
	})
}
