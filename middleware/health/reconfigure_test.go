// SPDX-License-Identifier: Apache-2.0

package health_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/middleware/health"
)

// probing counts the probes that cfg makes, and returns how many there were.
func probing(cfg health.Config) (health.Config, func() int) {
	var n atomic.Int64
	cfg.Probe = func(context.Context) error { n.Add(1); return nil }
	return cfg, func() int { return int(n.Load()) }
}

func TestAShorterIntervalHoldsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow, count := probing(health.Config{Interval: time.Hour})
		r := newRig(t, slow)
		r.Start()
		defer func() { _ = r.Close(t.Context()) }()
		fast := slow
		fast.Interval = time.Second
		if err := r.Reconfigure(fast); err != nil {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Second)
		if n := count(); n < 80 || n > 125 {
			t.Errorf("%d probes in 100 s, want one in a second, up to 20 %% more or less", n)
		}
		before := count()
		if err := r.Reconfigure(slow); err != nil {
			t.Fatal(err)
		}
		time.Sleep(40 * time.Minute)
		if n := count(); n > before+1 {
			t.Errorf("%d probes in 40 minutes, want the one that was due already", n-before)
		}
	})
}

func TestAShorterRecoveryIntervalHoldsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n atomic.Int64
		slow := health.Config{
			Interval: time.Hour, RecoveryInterval: time.Hour, DownThreshold: 1,
			Probe: func(context.Context) error { n.Add(1); return errDown },
		}
		r := newRig(t, slow)
		r.Start()
		defer func() { _ = r.Close(t.Context()) }()
		time.Sleep(90 * time.Minute)
		r.up(t, false)
		fast := slow
		fast.RecoveryInterval = time.Second
		before := n.Load()
		if err := r.Reconfigure(fast); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		if got := n.Load() - before; got < 8 || got > 13 {
			t.Errorf("%d probes in 10 s, want one in a second, up to 20 %% more or less", got)
		}
	})
}

func TestAShutGateStaysShut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		probe := func(context.Context) error { return errDown }
		r := newRig(t, health.Config{Probe: probe, DownThreshold: 4})
		for range 3 {
			_ = r.Check(t.Context())
		}
		if err := r.Reconfigure(health.Config{Probe: probe, DownThreshold: 2}); err != nil {
			t.Fatal(err)
		}
		r.up(t, true)
		_ = r.Check(t.Context())
		r.up(t, false) // the fourth failure in a row
		if err := r.Reconfigure(health.Config{Probe: func(context.Context) error { return nil }, UpThreshold: 2}); err != nil {
			t.Fatal(err)
		}
		r.up(t, false)
		_ = r.Check(t.Context())
		r.up(t, false)
		_ = r.Check(t.Context())
		r.up(t, true)
	})
}

func TestAMonitorIsSuspendedAndStartedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg, count := probing(health.Config{Interval: time.Second})
		r := newRig(t, cfg)
		for range 3 {
			r.Start()
			time.Sleep(10 * time.Second)
			before := count()
			if before == 0 {
				t.Error("a monitor that was started makes no probe")
			}
			r.Suspend()
			time.Sleep(time.Minute)
			if got := count(); got != before {
				t.Errorf("%d probes while suspended", got-before)
			}
		}
		r.Start()
		if err := r.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestSettingsOfAMonitorThatAreRefused(t *testing.T) {
	cfg, _ := probing(health.Config{Name: "one", UpThreshold: 3})
	r := newRig(t, cfg)
	for _, bad := range []health.Config{{Name: "one"}, {Name: "two", Probe: cfg.Probe}, {Name: "one", Probe: cfg.Probe, Interval: -1}} {
		if err := r.Reconfigure(bad); err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("Reconfigure = %v, want an error of one line", err)
		}
	}
}

func TestCloseWaitsForTheProbeThatWasUnderWayAtSuspend(t *testing.T) {
	for _, again := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			var running, overlapping atomic.Int64
			m, err := health.NewMonitor(health.Config{Timeout: time.Minute, Probe: func(ctx context.Context) error {
				if running.Add(1) > 1 {
					overlapping.Add(1)
				}
				defer running.Add(-1)
				<-ctx.Done()
				time.Sleep(500 * time.Millisecond)
				return ctx.Err()
			}})
			if err != nil {
				t.Fatal(err)
			}
			m.Start()
			time.Sleep(15 * time.Second)
			m.Suspend()
			if again {
				m.Start()
			}
			if err := m.Close(t.Context()); err != nil || running.Load() != 0 || overlapping.Load() != 0 {
				t.Errorf("Close = %v with %d probes under way, of which %d began beside another; want nil and none", err, running.Load(), overlapping.Load())
			}
		})
	}
}
