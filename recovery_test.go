// SPDX-License-Identifier: Apache-2.0

package penstock_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/middleware/breaker/keyed"
	"github.com/penstock-go/penstock/middleware/health"
	"github.com/penstock-go/penstock/pool"
)

// started returns a started client of a backend that works, with a monitor.
func started(t *testing.T, b backend, cfg penstock.Config) *penstock.Client[*wire] {
	t.Helper()
	if b.Factory == nil {
		b.Factory = &wires{OnDial: dialWire}
	}
	b.Classifier = classifyWire
	c := newClient(t, b, cfg)
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return c
}

// work runs an operation.
func work(ctx context.Context, c core.Runner[*wire], op core.Op, fn func(context.Context) error) error {
	_, err := core.Do(ctx, c, op, func(ctx context.Context, _ *wire) (int, error) { return 0, fn(ctx) })
	return err
}

func fails(context.Context) error { return errEOF }
func works(context.Context) error { return nil }

// outage makes failures until the breaker is open, and waits until it is half-open.
func outage(t *testing.T, c *penstock.Client[*wire]) {
	t.Helper()
	for range 5 {
		_ = work(t.Context(), c, core.Op{Name: "Insert"}, fails)
	}
	if c.Breaker().State() != breaker.Open {
		t.Fatalf("breaker %v after 5 failures, want open", c.Breaker().State())
	}
	time.Sleep(30 * time.Second)
}

func closed(t *testing.T, c *penstock.Client[*wire]) {
	t.Helper()
	if s := c.Breaker().Snapshot(); s.State != "closed" {
		t.Errorf("the breaker is %+v, want it closed", s)
	}
}

func TestAClientRecoversWithOperationsThatTakeLongerThanTheRecovery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := started(t, backend{Pool: pool.Config{MaxSize: 100}}, penstock.Config{})
		outage(t, c)
		var wg sync.WaitGroup
		var refused atomic.Int64
		for range 3600 {
			wg.Go(func() {
				op := core.Op{Name: "Index", Timeout: time.Minute}
				if err := work(t.Context(), c, op, func(context.Context) error { time.Sleep(40 * time.Second); return nil }); err != nil {
					refused.Add(1)
				}
			})
			time.Sleep(time.Second)
		}
		wg.Wait()
		closed(t, c)
		if n := refused.Load(); n > 71 {
			t.Errorf("%d of 3600 refused, want 71 at most", n)
		}
		closeClient(t, c)
	})
}

func TestAClientRecoversWithOperationsWithinEachOther(t *testing.T) {
	for name, cfg := range map[string]breaker.Config{"defaults": {}, "one place": {MaxHalfOpenRequests: 1}} {
		for _, levels := range []int{2, 3, 5} {
			t.Run(fmt.Sprint(name, levels), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					c := started(t, backend{}, penstock.Config{Chain: middleware.Config{Breaker: cfg}})
					other := started(t, backend{Pool: pool.Config{Name: "other"}}, penstock.Config{Chain: middleware.Config{Breaker: cfg}})
					outage(t, c)
					outage(t, other)
					runners := []core.Runner[*wire]{c, c, other, c, other}
					var nested func(context.Context, int) error
					nested = func(ctx context.Context, level int) error {
						if level == levels {
							return nil
						}
						return work(ctx, runners[level], core.Op{Name: "Search"}, func(ctx context.Context) error { return nested(ctx, level+1) })
					}
					refused := 0
					for range 3600 {
						if err := nested(t.Context(), 0); err != nil {
							refused++
						}
						time.Sleep(time.Second)
					}
					closed(t, c)
					if levels > 2 {
						closed(t, other)
					}
					if refused != 0 {
						t.Errorf("%d of 3600 refused, want none", refused)
					}
					closeClient(t, c)
					closeClient(t, other)
				})
			})
		}
	}
}

// The gate passes one operation in an interval, with all that runs within it.
func TestAShutGateOpensWithOperationsWithinEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := started(t, backend{}, penstock.Config{Chain: middleware.Config{
			Health: &health.Config{Probe: func(context.Context) error { return errRefused }}, // it is wrong
		}})
		time.Sleep(time.Minute)
		if c.Monitor().Up() {
			t.Fatal("the gate is open after a minute of failed probes")
		}
		err := work(t.Context(), c, getNumber, func(ctx context.Context) error {
			return work(ctx, c, getNumber, func(ctx context.Context) error { return work(ctx, c, getNumber, works) })
		})
		if err != nil || !c.Monitor().Up() {
			t.Errorf("Do = %v, up %v, want the gate open", err, c.Monitor().Up())
		}
		closeClient(t, c)
	})
}

func TestCallersThatSleepForTheHintAreNotRefusedForBeingEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		alone, err := middleware.Config{}.Without("health") // whose probes would end the open state early
		if err != nil {
			t.Fatal(err)
		}
		c := started(t, backend{Pool: pool.Config{MaxSize: 200}}, penstock.Config{Chain: alone})
		for range 5 {
			_ = work(t.Context(), c, core.Op{Name: "Insert"}, fails)
		}
		var wg sync.WaitGroup
		var passed atomic.Int64
		for n := range 150 {
			wg.Go(func() {
				time.Sleep(time.Duration(n) * 200 * time.Millisecond)
				open, ok := errors.AsType[*breaker.OpenError](work(t.Context(), c, getNumber, works))
				if !ok || open.RetryAfter <= 0 {
					t.Errorf("caller %d: %v, want a refusal with a time", n, open)
					return
				}
				time.Sleep(open.RetryAfter)
				switch err := work(t.Context(), c, getNumber, func(context.Context) error { time.Sleep(time.Second); return nil }); {
				case err == nil:
					passed.Add(1)
				case !errors.Is(err, breaker.ErrProbeLimit):
					t.Errorf("caller %d: Do = %v, want no refusal but by the probe limit", n, err)
				}
			})
		}
		wg.Wait()
		if n := passed.Load(); n != 2 {
			t.Errorf("%d passed, want the 2 probes", n)
		}
		closeClient(t, c)
	})
}

func TestCallersThatAreGoneDoNotKeepLiveOnesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := started(t, backend{Pool: pool.Config{MaxSize: 1}}, penstock.Config{Chain: middleware.Config{
			Health: &health.Config{Probe: func(context.Context) error { return errRefused }},
		}})
		time.Sleep(time.Minute)
		for range 6 {
			time.Sleep(11 * time.Second)
			busy, err := c.Pool().Acquire(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(50*time.Millisecond, cancel)
			if err := work(ctx, c, getNumber, works); !errors.Is(err, context.Canceled) {
				t.Errorf("Do = %v, want it canceled in the wait for a connection", err)
			}
			if err := work(ctx, c, getNumber, works); err == nil { // its context has ended before
				t.Error("an operation of an ended context succeeded")
			}
			busy.Release()
			// Failing, so that the gate stays shut.
			if err := work(t.Context(), c, core.Op{Name: "Insert"}, func(context.Context) error { return errEOF }); !errors.Is(err, errEOF) {
				t.Errorf("Do = %v, want a live call to pass the shut gate", err)
			}
			c.Breaker().Reset()
		}
		closeClient(t, c)
	})
}

func TestKeysOfLongAgoShareNoBreakerWithNewOnes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		without, err := middleware.Config{KeyedBreaker: &keyed.Config{}}.Without(breaker.Name, "health")
		if err != nil {
			t.Fatal(err)
		}
		c := started(t, backend{}, penstock.Config{Chain: without})
		for n := range 1000 {
			_ = work(t.Context(), c, core.Op{Name: "Insert", Target: fmt.Sprint("old", n)}, fails)
		}
		time.Sleep(365 * 24 * time.Hour)
		for range 5 {
			_ = work(t.Context(), c, core.Op{Name: "Insert", Target: "bad"}, fails)
		}
		for n := range 1000 {
			if err := work(t.Context(), c, core.Op{Name: "Insert", Target: fmt.Sprint("new", n)}, works); err != nil {
				t.Fatalf("Do of an innocent key = %v", err)
			}
		}
		closeClient(t, c)
	})
}
