// SPDX-License-Identifier: Apache-2.0

package health_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/middleware/health"
)

var errDown = errors.New("down")

// unasked is an error with a neutral class, as a pool without a free connection
// returns it.
type unasked struct{}

func (unasked) Error() string { return "no connection came free" }
func (unasked) Class() core.Class {
	return core.Class{Verdict: core.Neutral, Retry: core.RetryNever, Conn: core.Keep}
}

// probeError returns what core makes of a probe whose work, or whose wait for a
// connection, ends with an error.
func probeError(t testing.TB, work, acquire error) error {
	t.Helper()
	source := &coretest.Source[int]{OnAcquire: func(context.Context) error { return acquire }}
	client, err := core.NewClient(core.ClientConfig[int]{Source: source})
	if err != nil {
		t.Fatal(err)
	}
	return client.Probe(t.Context(), func(context.Context, int) error { return work })
}

// rig is a monitor, and a client whose chain is its gate. The probe and the
// operations end as they are told to.
type rig struct {
	*health.Monitor
	client   *core.Client[int]
	recorder *coretest.Recorder

	mu     sync.Mutex
	probe  error
	probes []time.Duration // when they were made
	start  time.Time
}

func newRig(t testing.TB, cfg health.Config) *rig {
	t.Helper()
	r := &rig{recorder: &coretest.Recorder{}, start: time.Now()}
	if cfg.Probe == nil {
		cfg.Probe = func(context.Context) error {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.probes = append(r.probes, time.Since(r.start))
			return r.probe
		}
	}
	cfg.Observer = r.recorder
	var err error
	if r.Monitor, err = health.NewMonitor(cfg); err != nil {
		t.Fatal(err)
	}
	r.client, err = core.NewClient(core.ClientConfig[int]{
		Source:     &coretest.Source[int]{},
		Middleware: r.Monitor.Middleware,
		Observer:   r.recorder,
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// probed makes n probes that end with err.
func (r *rig) probed(t testing.TB, n int, err error) {
	t.Helper()
	r.mu.Lock()
	r.probe = err
	r.mu.Unlock()
	for range n {
		if got := r.Check(t.Context()); !errors.Is(got, err) {
			t.Fatalf("Check = %v, want %v", got, err)
		}
	}
}

// do makes an attempt that ends with err, and reports whether the gate let it
// through.
func (r *rig) do(t testing.TB, err error) (passed bool) {
	t.Helper()
	_, got := core.Do(t.Context(), r.client, core.Op{Name: "op"}, func(context.Context, int) (int, error) {
		passed = true
		return 0, err
	})
	if !passed && (!errors.Is(got, health.ErrUnhealthy) || !errors.Is(got, core.ErrRejected) || !errors.Is(got, core.ErrUnavailable) ||
		core.ErrorType(got) != "unhealthy") {
		t.Errorf("Do = %v, want ErrUnhealthy", got)
	}
	return passed
}

func (r *rig) up(t testing.TB, want bool) {
	t.Helper()
	if r.Up() != want {
		t.Fatalf("up %v, want %v", r.Up(), want)
	}
}
