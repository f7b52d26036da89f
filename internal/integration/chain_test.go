// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/middleware/timeout"
	"github.com/penstock-go/penstock/pool"
)

// factory dials the backend of a scenario, and counts the dials.
type factory struct {
	backend *coretest.Scenario
	dials   atomic.Int64
}

func (f *factory) Dial(ctx context.Context) (*coretest.Scenario, error) {
	f.dials.Add(1)
	return f.backend, f.backend.Dial(ctx)
}

func (f *factory) Close(context.Context, *coretest.Scenario) error { return nil }

// rig is a client with a real pool, and the scenario that is its backend.
type rig struct {
	backend *coretest.Scenario
	factory *factory
	client  *penstock.Client[*coretest.Scenario]
	breaker *breaker.Breaker
}

// newRig returns a client that is closed at the end of the test. It must be
// called in a bubble.
func newRig(t *testing.T, poolCfg pool.Config, chainCfg middleware.Config, phases ...coretest.Phase) *rig {
	t.Helper()
	r := &rig{backend: coretest.NewScenario(phases...)}
	r.factory = &factory{backend: r.backend}
	var err error
	r.client, err = penstock.New(
		penstock.Backend[*coretest.Scenario]{Factory: r.factory, Pool: poolCfg},
		penstock.Config{Chain: chainCfg},
	)
	if err != nil {
		t.Fatal(err)
	}
	r.breaker = r.client.Breaker()
	t.Cleanup(func() {
		if err := r.client.Close(context.Background()); err != nil {
			t.Errorf("Close = %v", err)
		}
		time.Sleep(breakerDefaults(t).RecoveryTimeout) // the breaker's timer ends
	})
	return r
}

// breakerDefaults returns the configuration of a breaker by default.
func breakerDefaults(t *testing.T) breaker.Config {
	t.Helper()
	cfg, err := breaker.Config{}.Effective()
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

var search = core.Op{Name: "Search", Safety: core.ReadOnly}

func (r *rig) do(ctx context.Context, op core.Op) error {
	_, err := core.Do(ctx, r.client, op, func(ctx context.Context, conn *coretest.Scenario) (int, error) {
		return 0, conn.Request(ctx)
	})
	return err
}

func TestAPoolThatIsTooSmallNeverOpensTheBreaker(t *testing.T) {
	coretest.OneProcessor(t)
	for _, row := range []struct {
		name     string
		pool     pool.Config
		chain    middleware.Config
		patience time.Duration // deadline of each caller; zero is none
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
				// Two long operations hold all connections.
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
					case errors.Is(err, pool.ErrExhausted): // the caller was allowed to wait
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
	coretest.OneProcessor(t)
	synctest.Test(t, func(t *testing.T) {
		refused := errors.New("connection refused")
		r := newRig(t, pool.Config{}, middleware.Config{},
			coretest.Phase{For: time.Hour, Refuse: refused},
			coretest.Phase{},
		)
		defaults := breakerDefaults(t)
		for n := range defaults.FailureThreshold {
			if state := r.breaker.State(); state != breaker.Closed {
				t.Fatalf("breaker %v after %d operations", state, n)
			}
			if err := r.do(t.Context(), search); !errors.Is(err, pool.ErrDial) || !errors.Is(err, refused) || errors.Is(err, core.ErrRejected) {
				t.Fatalf("Do = %v, want the dial's error", err)
			}
		}
		if state := r.breaker.State(); state != breaker.Open {
			t.Fatalf("breaker %v after %d operations, want open", state, defaults.FailureThreshold)
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
		for range defaults.HalfOpenSuccesses {
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
	coretest.OneProcessor(t)
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, pool.Config{}, middleware.Config{}, coretest.Phase{Hang: true})
		began := time.Now()
		r.backend.Run(time.Second, time.Minute, func(ctx context.Context) error { return r.do(ctx, search) })
		if state := r.breaker.State(); state == breaker.Closed {
			t.Errorf("breaker %v after %v, want open\n%s", state, time.Since(began), r.backend.Transcript())
		}
	})
}
