// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/middleware/timeout"
	"github.com/penstock-go/penstock/pool"
)

// factory dials the backend of a scenario.
type factory struct {
	backend *coretest.Scenario
	dials   atomic.Int64
}

func (f *factory) Dial(ctx context.Context) (*coretest.Scenario, error) {
	f.dials.Add(1)
	return f.backend, f.backend.Dial(ctx)
}

func (f *factory) Close(context.Context, *coretest.Scenario) error { return nil }

// rig is a client of a scenario's backend, with a real pool.
type rig struct {
	backend *coretest.Scenario
	factory *factory
	client  *core.Client[*coretest.Scenario]
	breaker *breaker.Breaker
}

// newRig returns a client that is closed when the test is over. Call it in a
// bubble.
func newRig(t *testing.T, poolCfg pool.Config, chainCfg middleware.Config, phases ...coretest.Phase) *rig {
	t.Helper()
	r := &rig{backend: coretest.NewScenario(phases...)}
	r.factory = &factory{backend: r.backend}
	p, err := pool.New(r.factory, poolCfg)
	if err != nil {
		t.Fatal(err)
	}
	r.client, err = middleware.NewClient(core.ClientConfig[*coretest.Scenario]{Source: p}, chainCfg)
	if err != nil {
		t.Fatal(err)
	}
	r.breaker, _ = core.Part[*breaker.Breaker](r.client)
	t.Cleanup(func() {
		if err := r.client.Close(context.Background()); err != nil {
			t.Errorf("Close = %v", err)
		}
		time.Sleep(breaker.DefaultRecoveryTimeout) // for the breaker's timer
	})
	return r
}

var search = core.Op{Name: "Search", Safety: core.ReadOnly}

func (r *rig) do(ctx context.Context, op core.Op) error {
	_, err := core.Do(ctx, r.client, op, func(ctx context.Context, conn *coretest.Scenario) (int, error) {
		return 0, conn.Request(ctx)
	})
	return err
}

// oneProcessor runs the test on one processor: many timers of no length at once,
// as of retries, crash the race detector in a bubble, see
// https://go.dev/issue/78156. Call it outside of the bubble.
func oneProcessor(t *testing.T) {
	n := runtime.GOMAXPROCS(1)
	t.Cleanup(func() { runtime.GOMAXPROCS(n) })
}

func TestAPoolThatIsTooSmallNeverOpensTheBreaker(t *testing.T) {
	oneProcessor(t)
	for _, row := range []struct {
		name     string
		pool     pool.Config
		chain    middleware.Config
		patience time.Duration // of the callers; zero is without end
		want     error
	}{
		{name: "the pool ends the wait", pool: pool.Config{MaxSize: 2, AcquireTimeout: 200 * time.Millisecond}, want: pool.ErrExhausted},
		{
			name: "the attempt's timeout ends the wait", pool: pool.Config{MaxSize: 2},
			chain: middleware.Config{Timeout: timeout.Config{Attempt: 500 * time.Millisecond}}, want: pool.ErrExhausted,
		},
		{name: "the caller's deadline ends the wait", pool: pool.Config{MaxSize: 2}, patience: 500 * time.Millisecond, want: pool.ErrExhausted},
		{name: "too many wait", pool: pool.Config{MaxSize: 2, MaxWaiters: 2}, want: pool.ErrTooManyWaiters},
		{
			name: "shared", pool: pool.Config{Mode: pool.Shared, MaxSize: 1, MaxSharing: 2, AcquireTimeout: 200 * time.Millisecond},
			want: pool.ErrExhausted,
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				// Two long operations have what connections there are.
				r := newRig(t, row.pool, row.chain, coretest.Phase{For: time.Second, Latency: time.Minute}, coretest.Phase{})
				report := core.Op{Name: "Report", Safety: core.ReadOnly, Timeout: time.Hour}
				var wg sync.WaitGroup
				for range 2 {
					wg.Go(func() {
						if err := r.do(t.Context(), report); err != nil {
							t.Errorf("Do = %v", err)
						}
					})
				}
				synctest.Wait()
				var found atomic.Int64
				r.backend.Run(50*time.Millisecond, 20*time.Second, func(ctx context.Context) error {
					if row.patience > 0 {
						var cancel context.CancelFunc
						ctx, cancel = context.WithTimeout(ctx, row.patience)
						defer cancel()
					}
					err := r.do(ctx, search)
					switch {
					case errors.Is(err, row.want):
						found.Add(1)
					case errors.Is(err, pool.ErrExhausted): // it was one of those that may wait
					default:
						t.Errorf("Do = %v, want %v", err, row.want)
					}
					return err
				})
				wg.Wait()
				if counters := r.breaker.Snapshot().Counters; counters.TotalFailures != 0 || counters.StateChangeCount != 0 || counters.TotalFastFailures != 0 {
					t.Errorf("breaker %v, %+v, want it never to have counted a failure", r.breaker.State(), counters)
				}
				if n := found.Load(); n < 300 {
					t.Errorf("%d operations of 400 found the pool too small", n)
				}
				if err := r.do(t.Context(), search); err != nil {
					t.Errorf("Do = %v when there are connections again", err)
				}
			})
		})
	}
}

func TestABackendThatRefusesEveryDialFromColdStartOpensTheBreaker(t *testing.T) {
	oneProcessor(t)
	synctest.Test(t, func(t *testing.T) {
		refused := errors.New("connection refused")
		r := newRig(t, pool.Config{}, middleware.Config{},
			coretest.Phase{For: time.Hour, Refuse: refused},
			coretest.Phase{},
		)
		for n := range breaker.DefaultFailureThreshold {
			if state := r.breaker.State(); state != breaker.Closed {
				t.Fatalf("breaker %v after %d operations", state, n)
			}
			if err := r.do(t.Context(), search); !errors.Is(err, pool.ErrDial) || !errors.Is(err, refused) || errors.Is(err, core.ErrRejected) {
				t.Fatalf("Do = %v, want the dial's error", err)
			}
		}
		if state := r.breaker.State(); state != breaker.Open {
			t.Fatalf("breaker %v after %d operations, want open", state, breaker.DefaultFailureThreshold)
		}
		dials := r.factory.dials.Load()
		for range 100 {
			if err := r.do(t.Context(), search); !errors.Is(err, breaker.ErrOpen) {
				t.Fatalf("Do = %v, want the breaker open", err)
			}
		}
		if n := r.factory.dials.Load(); n != dials {
			t.Errorf("%d dials while the breaker was open, want none", n-dials)
		}
		if r.backend.Requests() != 0 {
			t.Errorf("%d requests, want none", r.backend.Requests())
		}

		time.Sleep(2 * time.Hour)
		for range breaker.DefaultHalfOpenSuccesses {
			if err := r.do(t.Context(), search); err != nil {
				t.Errorf("Do = %v when the backend is back", err)
			}
		}
		if state := r.breaker.State(); state != breaker.Closed {
			t.Errorf("breaker %v when the backend is back, want closed", state)
		}
	})
}

func TestABackendThatNeverAnswersADialOpensTheBreaker(t *testing.T) {
	oneProcessor(t)
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, pool.Config{}, middleware.Config{}, coretest.Phase{Hang: true})
		began := time.Now()
		r.backend.Run(time.Second, time.Minute, func(ctx context.Context) error { return r.do(ctx, search) })
		if state := r.breaker.State(); state == breaker.Closed {
			t.Errorf("breaker %v after %v, want open\n%s", state, time.Since(began), r.backend.Transcript())
		}
	})
}
