// SPDX-License-Identifier: Apache-2.0

package health_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/middleware/health"
)

// replica is a process with a breaker, a monitor, and callers.
type replica struct {
	*breaker.Breaker
	monitor *health.Monitor
	client  *core.Client[int]
	running atomic.Int64 // calls at the backend
	crowded atomic.Bool  // more calls than half-open allows were at the backend before it closed
}

// Answered makes a replica a Waiter.
func (r *replica) Answered(back bool) { r.Breaker.Answered(back) }

func newReplica(t *testing.T, number int, cfg health.Config, halfOpen func()) *replica {
	t.Helper()
	r := &replica{}
	var err error
	r.Breaker, err = breaker.New(breaker.Config{OnTransition: func(_ string, _, to breaker.State) {
		if to == breaker.HalfOpen {
			halfOpen()
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	if r.monitor, err = health.NewMonitor(cfg); err != nil {
		t.Fatal(err)
	}
	r.monitor.Randomly(rand.New(rand.NewPCG(11, uint64(number))).Float64)
	r.Watch(r.monitor.Serve(r))
	r.client, err = core.NewClient(core.ClientConfig[int]{
		Source: &coretest.Source[int]{}, Middleware: core.Compose(r.Middleware, r.monitor.Middleware),
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// call calls the backend, which fails at once while it is away.
func (r *replica) call(ctx context.Context, away *atomic.Bool) {
	_, _ = core.Do(ctx, r.client, core.Op{Name: "op"}, func(context.Context, int) (int, error) {
		if away.Load() {
			return 0, errDown
		}
		if n := r.running.Add(1); n > 2 && r.State() != breaker.Closed {
			r.crowded.Store(true)
		}
		time.Sleep(500 * time.Millisecond)
		r.running.Add(-1)
		return 0, nil
	})
}

// A thousand replicas lose their backend at one moment. They may probe it 200 times in a
// second, all together.
func TestAThousandReplicasFindTheirBackendWithoutAStampede(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const replicas, rate, callers = 1000, 200, 4
		var (
			away      atomic.Bool
			mu        sync.Mutex  // guards halfOpens
			halfOpens []time.Time // of all replicas
			f         = &fleet{}
			all       = make([]*replica, replicas)
			ctx, stop = context.WithCancel(t.Context())
			load      sync.WaitGroup
		)
		defer stop()
		cfg := health.Config{MaxRate: rate, Replicas: replicas, Probe: f.probe}
		for i := range all {
			r := newReplica(t, i, cfg, func() {
				mu.Lock()
				defer mu.Unlock()
				halfOpens = append(halfOpens, time.Now())
			})
			all[i] = r
			r.monitor.Start()
			for caller := range callers {
				load.Go(func() {
					time.Sleep(time.Duration(caller) * 10 * time.Millisecond)
					for ticks := time.Tick(time.Second); ctx.Err() == nil; <-ticks {
						r.call(ctx, &away)
					}
				})
			}
		}
		time.Sleep(10 * time.Second)
		away.Store(true)
		f.fail(errDown)
		time.Sleep(15 * time.Second)
		if len(halfOpens) > 0 {
			t.Errorf("%d breakers were half-open while the backend was away", len(halfOpens))
		}
		away.Store(false)
		f.fail(nil)
		back := time.Now()
		time.Sleep(15 * time.Second)
		stop()
		load.Wait()
		for i, r := range all {
			if r.State() != breaker.Closed {
				t.Errorf("the breaker of replica %d is %v 15 s after the backend is back", i, r.State())
			}
			if r.crowded.Load() {
				t.Errorf("replica %d had more than two calls at the backend before its breaker closed", i)
			}
			if err := r.monitor.Close(t.Context()); err != nil {
				t.Error(err)
			}
		}
		if n := most(f.made()); n > rate {
			t.Errorf("%d probes in one second, want %d at most", n, rate)
		}
		if n := most(halfOpens); n > 2*rate || len(halfOpens) != replicas {
			t.Errorf("%d breakers were half-open, %d of them within a second; want %d, spread", len(halfOpens), n, replicas)
		}
		if first := halfOpens[0].Sub(back); first > 2*time.Second {
			t.Errorf("the first replica calls %v after the backend is back", first)
		}
	})
}
