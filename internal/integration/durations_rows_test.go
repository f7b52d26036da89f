// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/fxmodule/admin"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/middleware/bulkhead"
	"github.com/penstock-go/penstock/middleware/chaos"
	"github.com/penstock-go/penstock/middleware/health"
	"github.com/penstock-go/penstock/middleware/hedge"
	"github.com/penstock-go/penstock/middleware/ratelimit"
	"github.com/penstock-go/penstock/middleware/retry"
	"github.com/penstock-go/penstock/pool"
	"github.com/penstock-go/penstock/pool/endpoint"
)

// made builds the client.
func made(t *testing.T, w *world) {
	t.Helper()
	if err := w.build(); err != nil {
		t.Fatal(err)
	}
}

// lasts fails the test unless an operation takes an hour and succeeds.
func lasts(t *testing.T, w *world) {
	t.Helper()
	if took, err := w.do(within(t, 2*time.Hour)); err != nil || took < time.Hour || took > time.Hour+time.Minute {
		t.Errorf("an operation took %v: %v, want an hour, and no error", took, err)
	}
}

// ends fails the test unless an operation ends soon, with an error.
func ends(t *testing.T, w *world) {
	t.Helper()
	if took, err := w.do(within(t, 2*time.Hour)); err == nil || took > time.Minute {
		t.Errorf("an operation took %v: %v, want an error soon", took, err)
	}
}

// hour returns a look at an operation whose work takes an hour: it lasts with the
// longest limit, and ends with the shortest.
func hour(set func(w *world)) (long, short func(*testing.T, *world)) {
	prepare := func(t *testing.T, w *world) {
		w.work = time.Hour
		w.client.Chain.Timeout.Disabled = true
		w.client.Chain.Retry.MaxRetries = retry.None
		set(w)
		made(t, w)
	}
	return func(t *testing.T, w *world) { prepare(t, w); lasts(t, w) },
		func(t *testing.T, w *world) { prepare(t, w); ends(t, w) }
}

// queue is a look at an operation that waits for another one, which takes an hour.
func queue() (long, short func(*testing.T, *world)) {
	prepare := func(t *testing.T, w *world) (first chan struct{}) {
		w.work = time.Hour
		w.client.Chain.Timeout.Disabled = true
		w.client.Chain.Retry.MaxRetries = retry.None
		made(t, w)
		if err := w.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		first = make(chan struct{})
		go func() {
			defer close(first)
			_, _ = w.do(t.Context())
		}()
		time.Sleep(time.Minute)
		synctest.Wait() // the first one has read what it needs
		w.work = time.Minute
		return first
	}
	long = func(t *testing.T, w *world) {
		first := prepare(t, w)
		lasts(t, w)
		<-first
	}
	short = func(t *testing.T, w *world) {
		first := prepare(t, w)
		ends(t, w)
		<-first
	}
	return long, short
}

// state returns a look at the breaker after an operation.
func state(prepare func(w *world), do func(t *testing.T, w *world), want breaker.State) func(*testing.T, *world) {
	return func(t *testing.T, w *world) {
		w.client.Chain.Retry.MaxRetries = retry.None
		prepare(w)
		made(t, w)
		do(t, w)
		if got := w.Breaker().State(); got != want {
			t.Errorf("the breaker is %v, want %v", got, want)
		}
	}
}

func once(t *testing.T, w *world) { _, _ = w.do(t.Context()) }

// given returns a row with a look at both ends.
func given(set func(*world, time.Duration), long, short func(*testing.T, *world)) durationRow {
	return durationRow{set: set, long: long, short: short}
}

func settings(c *world) *health.Config {
	if c.client.Chain.Health == nil {
		c.client.Chain.Health = &health.Config{}
	}
	return c.client.Chain.Health
}

// hopeless is a look at an operation whose next attempt is due in centuries: it goes
// on until the caller gives up, after an hour, and is not attempted again.
func hopeless(t *testing.T, w *world) {
	w.fails = 1
	made(t, w)
	took, err := w.do(within(t, time.Hour))
	if w.works != 1 || err == nil || !errors.Is(err, context.Canceled) || took != time.Hour {
		t.Errorf("%d attempts in %v: %v; want one, and a cancel after an hour", w.works, took, err)
	}
}

// detection returns a function that gives a world two endpoints, of which one is looked up.
func detection(set func(*endpoint.Detection, time.Duration)) func(*world, time.Duration) {
	return func(w *world, d time.Duration) {
		w.backend.Endpoints = endpoint.Config[*struct{}]{
			Addresses:  []string{"a.example:1", "dns:///b.example:1"},
			Factory:    func(endpoint.Address) (pool.Factory[*struct{}], error) { return w.backend.Factory, nil },
			LookupHost: func(context.Context, string) ([]string, error) { return []string{"192.0.2.1"}, nil },
		}
		set(&w.backend.Endpoints.Detection, d)
	}
}

// durations are the fields of all configurations that hold a duration.
var durations = map[string]durationRow{
	"pool.Config.AcquireTimeout": func() durationRow {
		long, short := queue()
		return given(func(w *world, d time.Duration) {
			w.backend.Pool.AcquireTimeout, w.backend.Pool.MaxSize = d, 1
			if w.backend.Pool.Mode == pool.Shared {
				w.backend.Pool.MaxSharing = 1
			}
		}, long, short)
	}(),
	"pool.Config.DialTimeout": given(func(w *world, d time.Duration) { w.backend.Pool.DialTimeout = d }, func(t *testing.T, w *world) {
		w.dial = time.Hour
		made(t, w)
		begin := time.Now()
		if err := w.Start(within(t, 2*time.Hour)); err != nil || time.Since(begin) != time.Hour {
			t.Errorf("Start = %v after %v, want none after an hour", err, time.Since(begin))
		}
	}, func(t *testing.T, w *world) {
		w.dial = time.Hour
		made(t, w)
		begin := time.Now()
		if err := w.Start(within(t, 2*time.Hour)); !errors.Is(err, pool.ErrDialTimeout) || time.Since(begin) > time.Minute {
			t.Errorf("Start = %v after %v, want %v soon", err, time.Since(begin), pool.ErrDialTimeout)
		}
	}),
	"pool.Config.MaxLifetime": {set: func(w *world, d time.Duration) { w.backend.Pool.MaxLifetime = d }},
	"pool.Config.LifetimeJitter": {set: func(w *world, d time.Duration) {
		w.backend.Pool.MaxLifetime, w.backend.Pool.LifetimeJitter = longest, d
	}},
	"pool.Config.IdleTimeout":    {set: func(w *world, d time.Duration) { w.backend.Pool.IdleTimeout = d }},
	"pool.Config.CheckIdleAfter": {set: func(w *world, d time.Duration) { w.backend.Pool.CheckIdleAfter = d }},
	"pool.Config.CheckEvery":     {set: func(w *world, d time.Duration) { w.backend.Pool.CheckEvery = d }},
	"pool.Config.ReplaceAfter": {set: func(w *world, d time.Duration) {
		w.backend.Pool.ReplaceAfter, w.client.Chain.Timeout.Disabled = d, true
	}},
	"pool.Config.LeakAfter": func() durationRow {
		leaks := func(want int) func(*testing.T, *world) {
			return func(t *testing.T, w *world) {
				leaked := 0
				w.backend.Pool.OnLeak = func(pool.LeakInfo) { leaked++ }
				w.work, w.client.Chain.Timeout.Disabled = time.Hour, true
				made(t, w)
				once(t, w)
				if leaked != want {
					t.Errorf("%d reports of a leak, want %d", leaked, want)
				}
			}
		}
		return given(func(w *world, d time.Duration) { w.backend.Pool.LeakAfter = d }, leaks(0), leaks(2))
	}(),

	"endpoint.Detection.Interval":     {set: detection(func(c *endpoint.Detection, d time.Duration) { c.Interval = d })},
	"endpoint.Detection.BaseEjection": {set: detection(func(c *endpoint.Detection, d time.Duration) { c.BaseEjection = d })},
	"endpoint.Detection.MaxEjection":  {set: detection(func(c *endpoint.Detection, d time.Duration) { c.BaseEjection, c.MaxEjection = 1, d })},
	"endpoint.Detection.ResolveEvery": {set: detection(func(c *endpoint.Detection, d time.Duration) { c.ResolveEvery = d })},

	"core.ClientConfig.OperationTimeout": func() durationRow {
		long, short := hour(func(*world) {})
		return given(func(w *world, d time.Duration) { w.client.Chain.OperationTimeout = d }, long, short)
	}(),
	"middleware.Config.OperationTimeout": func() durationRow {
		long, short := hour(func(*world) {})
		return given(func(w *world, d time.Duration) {
			w.client.Chain.OperationTimeout, w.client.Chain.Timeout.Disabled = d, true
		}, long, short)
	}(),
	"core.Op.Timeout": func() durationRow {
		long, short := hour(func(w *world) { w.client.Chain.Timeout.Disabled = false })
		return given(func(w *world, d time.Duration) { w.op.Timeout = d; w.client.Chain.Ops = []core.Op{w.op} }, long, short)
	}(),
	"core.Class.RetryAfter": {set: func(w *world, d time.Duration) { w.class.RetryAfter = d }, unchecked: true, long: func(t *testing.T, w *world) {
		w.client.Chain.Retry.MaxInterval, w.class.Retry = longest, core.RetryAlways
		hopeless(t, w)
	}},

	"timeout.Config.Attempt": func() durationRow {
		long, short := hour(func(w *world) { w.client.Chain.Timeout.Disabled = false })
		return given(func(w *world, d time.Duration) { w.client.Chain.Timeout.Attempt = d }, long, short)
	}(),
	"retry.Config.Interval": {set: func(w *world, d time.Duration) {
		w.client.Chain.Retry.Interval, w.client.Chain.Retry.MaxInterval, w.client.Chain.Retry.Jitter = d, longest, retry.NoJitter
	}, long: hopeless},
	"retry.Config.MaxInterval": {set: func(w *world, d time.Duration) { w.client.Chain.Retry.MaxInterval = d }},

	"breaker.Config.RecoveryTimeout": func() durationRow {
		failed := func(w *world) { w.client.Chain.Breaker.FailureThreshold, w.fails = 1, 1 }
		after := func(t *testing.T, w *world) {
			once(t, w)
			time.Sleep(24 * time.Hour)
			once(t, w)
		}
		return given(func(w *world, d time.Duration) {
			w.client.Chain.Breaker.RecoveryTimeout, w.client.Chain.Breaker.HalfOpenSuccesses = d, 1
		}, state(failed, after, breaker.Open), state(failed, after, breaker.Closed))
	}(),
	"breaker.Config.FairRun": func() durationRow {
		slow := func(w *world) { w.client.Chain.Breaker.FailureThreshold, w.work = 1, time.Hour }
		deadline := func(t *testing.T, w *world) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, _ = w.do(ctx)
		}
		return given(func(w *world, d time.Duration) { w.client.Chain.Breaker.FairRun = d },
			state(slow, deadline, breaker.Closed), state(slow, deadline, breaker.Open))
	}(),
	"breaker.Config.SlowCallThreshold": func() durationRow {
		return given(func(w *world, d time.Duration) {
			w.client.Chain.Breaker.SlowCallThreshold, w.client.Chain.Breaker.SlowCallRate = d, 1
		}, state(func(w *world) { w.client.Chain.Breaker.SlowCallWindow = 1 }, once, breaker.Closed),
			state(func(w *world) { w.client.Chain.Breaker.SlowCallWindow = 1 }, once, breaker.Open))
	}(),
	"breaker.Config.FailureWindowTime": given(func(w *world, d time.Duration) {
		w.client.Chain.Breaker.FailureWindowTime, w.client.Chain.Breaker.FailureRate = d, 1
	}, state(func(w *world) { w.client.Chain.Breaker.MinimumCalls, w.fails = 2, 2 }, func(t *testing.T, w *world) {
		once(t, w)
		time.Sleep(24 * time.Hour)
		once(t, w)
	}, breaker.Open), nil),

	"health.Config.Interval": given(func(w *world, d time.Duration) {
		// Without a Timeout a probe would have a nanosecond, too.
		settings(w).Interval, settings(w).Timeout = d, time.Second
	}, func(t *testing.T, w *world) {
		made(t, w)
		w.Monitor().Start()
		time.Sleep(24 * time.Hour)
		if n := w.factory.Pings(); n > 1 {
			t.Errorf("%d probes in a day, want one at most", n)
		}
	}, nil),
	"health.Config.RecoveryInterval": func() durationRow {
		pings := func(least, most int64) func(*testing.T, *world) {
			return func(t *testing.T, w *world) {
				w.ping = time.Hour
				made(t, w)
				for w.Monitor().Up() {
					_ = w.Monitor().Check(t.Context())
				}
				before := int64(w.factory.Pings())
				w.Monitor().Start()
				time.Sleep(time.Minute)
				if n := int64(w.factory.Pings()) - before; n < least || n > most {
					t.Errorf("%d probes in a minute with a shut gate, want %d to %d", n, least, most)
				}
			}
		}
		return given(func(w *world, d time.Duration) {
			settings(w).RecoveryInterval, settings(w).Interval, settings(w).Timeout = d, max(d, 10*time.Second), time.Second
		}, pings(0, 1), pings(40, 61))
	}(),
	"health.Config.Timeout": func() durationRow {
		check := func(works bool) func(*testing.T, *world) {
			return func(t *testing.T, w *world) {
				w.ping = time.Hour
				made(t, w)
				begin := time.Now()
				err := w.Monitor().Check(within(t, 2*time.Hour))
				if took := time.Since(begin); (err == nil) != works || works && took < time.Hour || !works && took > time.Minute {
					t.Errorf("Check = %v after %v, want success: %t", err, took, works)
				}
			}
		}
		return given(func(w *world, d time.Duration) { settings(w).Timeout = d }, check(true), check(false))
	}(),

	"bulkhead.Config.MaxWait": func() durationRow {
		long, short := queue()
		return given(func(w *world, d time.Duration) {
			w.client.Chain.Bulkhead = &bulkhead.Config{MaxConcurrent: 1, MaxWaiting: 1, MaxWait: d}
		}, long, short)
	}(),
	"ratelimit.Config.MaxWait": func() durationRow {
		look := func(then func(*testing.T, *world)) func(*testing.T, *world) {
			return func(t *testing.T, w *world) {
				w.client.Chain.RateLimit.Rate, w.client.Chain.RateLimit.Burst = 1.0/3600, 1
				made(t, w)
				once(t, w)
				then(t, w)
			}
		}
		return given(func(w *world, d time.Duration) {
			w.client.Chain.RateLimit = &ratelimit.Config{Rate: 100, MaxWait: d}
		}, look(func(t *testing.T, w *world) {
			if took, err := w.do(within(t, 2*time.Hour)); err != nil || took < 59*time.Minute {
				t.Errorf("an operation took %v: %v, want about an hour", took, err)
			}
		}), look(func(t *testing.T, w *world) { ends(t, w) }))
	}(),
	"hedge.Config.Delay": func() durationRow {
		runs := func(delay time.Duration, want int) func(*testing.T, *world) {
			return func(t *testing.T, w *world) {
				w.client.Chain.Timeout.Disabled = true
				made(t, w)
				h, err := hedge.New(hedge.Config{Delay: delay})
				if err != nil {
					t.Fatal(err)
				}
				n := make(chan int, 3)
				_, err = hedge.Do(t.Context(), h, w.Client, w.op, func(ctx context.Context, _ *struct{}) (int, error) {
					n <- 1
					select {
					case <-time.After(time.Hour):
					case <-ctx.Done():
					}
					return 1, nil
				})
				if err != nil || len(n) != want {
					t.Errorf("Do = %v after %d runs, want %d", err, len(n), want)
				}
			}
		}
		return durationRow{set: func(*world, time.Duration) {}, unchecked: true, long: runs(longest, 1), short: runs(1, 2)}
	}(),
	"admin.Config.SlowAfter": {unchecked: true, set: func(w *world, d time.Duration) { // admin.New checks it
		if page, err := admin.New(admin.Config{SlowAfter: d}); err == nil {
			w.client.Watchers = []penstock.Watcher{page}
		}
	}},
	"config.Watching.Interval": {unchecked: true, set: func(*world, time.Duration) {}}, // config.Watch checks it, and fxmodule sets it
	"chaos.Fault.From":         struck(func(f *chaos.Fault, d time.Duration) { f.From, f.Err = d, errFailed }, false, true),
	"chaos.Fault.Until":        struck(func(f *chaos.Fault, d time.Duration) { f.Until, f.Err = d, errFailed }, true, false),
	"chaos.Fault.Latency": {set: func(w *world, d time.Duration) {
		w.client.Chain.Chaos = &chaos.Config{StartOff: true, Faults: []chaos.Fault{{Share: 1, Latency: d}}}
	}, long: func(t *testing.T, w *world) {
		w.client.Chain.Timeout.Disabled = true
		made(t, w)
		w.Chaos().On()
		if took, err := w.do(within(t, time.Hour)); err == nil || took != time.Hour {
			t.Errorf("an operation took %v: %v, want a cancel after an hour", took, err)
		}
	}},
}

// struck is a row of a fault, which strikes an operation after an hour, or does not.
func struck(set func(*chaos.Fault, time.Duration), long, short bool) durationRow {
	look := func(want bool) func(*testing.T, *world) {
		return func(t *testing.T, w *world) {
			w.client.Chain.Retry.MaxRetries = retry.None
			made(t, w)
			w.Chaos().On()
			time.Sleep(time.Hour)
			if _, err := w.do(t.Context()); errors.Is(err, errFailed) != want {
				t.Errorf("Do = %v, want it struck: %t", err, want)
			}
		}
	}
	return given(func(w *world, d time.Duration) {
		f := chaos.Fault{Share: 1}
		set(&f, d)
		w.client.Chain.Chaos = &chaos.Config{StartOff: true, Faults: []chaos.Fault{f}}
	}, look(long), look(short))
}
