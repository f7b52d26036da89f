// SPDX-License-Identifier: Apache-2.0

package middleware_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/retry"
)

// Defaults of the stages, as the comments of their fields say them.
const (
	threshold         = 5 // failures in a row that open the breaker
	recovery          = 30 * time.Second
	halfOpenSuccesses = 3
	halfOpenProbes    = 2
	downThreshold     = 3 // probes that shut the health gate
)

// answer is an error of the fake backend, and what the fake classifier makes of
// it.
type answer struct {
	text  string
	class core.Class
}

func (e *answer) Error() string     { return e.text }
func (e *answer) ErrorType() string { return e.text }

var (
	unavailable = &answer{"unavailable", core.Class{Verdict: core.Failure, Retry: core.RetryIfIdempotent, Conn: core.Suspect}}
	unsent      = &answer{"unsent", core.Class{Verdict: core.Failure, Retry: core.RetryAlways, Conn: core.Suspect}}
	badSchema   = &answer{"bad_schema", core.Class{Verdict: core.Success, Retry: core.RetryNever, Conn: core.Keep}}
	notReady    = &answer{"not_ready", core.Class{Verdict: core.Neutral, Retry: core.RetryIfReadOnly, Conn: core.Keep}}
	rateLimited = &answer{"rate_limited", core.Class{Verdict: core.Neutral, Retry: core.RetryAlways, Conn: core.Keep, RetryAfter: 2 * time.Second}}
	refused     = &answer{"connection_refused", core.Class{Verdict: core.Failure, Retry: core.RetryAlways, Conn: core.Keep}}
	badLogin    = &answer{"unauthenticated", core.Class{Verdict: core.Neutral, Retry: core.RetryNever, Conn: core.Keep}}
)

func classify(err error) core.Class {
	if a, ok := errors.AsType[*answer](err); ok {
		return a.class
	}
	return core.Class{}
}

// backend answers calls as serve says, and writes down when they came.
type backend struct {
	serve func(ctx context.Context, n int) error // nil answers at once

	calls atomic.Int64
	mu    sync.Mutex
	times []time.Time
}

func (b *backend) Call(ctx context.Context) error {
	n := b.calls.Add(1)
	b.mu.Lock()
	b.times = append(b.times, time.Now())
	b.mu.Unlock()
	if b.serve == nil {
		return nil
	}
	return b.serve(ctx, int(n))
}

// after returns how many calls came after t.
func (b *backend) after(t time.Time) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	for _, at := range b.times {
		if at.After(t) {
			n++
		}
	}
	return n
}

// hang returns when ctx ends.
func hang(ctx context.Context, _ int) error {
	<-ctx.Done()
	return ctx.Err()
}

// leaveOut returns cfg without the named stages.
func leaveOut(cfg middleware.Config, names ...string) middleware.Config {
	cfg, err := cfg.Without(names...)
	if err != nil {
		panic(err)
	}
	return cfg
}

// newClient returns a client with a chain of cfg, as package penstock puts it
// together, and that chain.
func newClient[C any](t *testing.T, cfg middleware.Config, client core.ClientConfig[C]) (*core.Client[C], *middleware.Chain) {
	t.Helper()
	chain, err := middleware.Build(cfg)
	if err != nil {
		t.Fatal(err)
	}
	client.Middleware, client.OperationTimeout = chain.Middleware, cfg.OperationTimeout
	c, err := core.NewClient(client)
	if err != nil {
		t.Fatal(err)
	}
	return c, chain
}

// unlimited returns a budget that grants everything.
func unlimited() *core.Budget {
	budget, err := core.NewBudget(core.Unlimited, 0)
	if err != nil {
		panic(err)
	}
	return budget
}

// rig is a client with a chain and a fake backend.
type rig struct {
	*middleware.Chain
	backend  *backend
	source   *coretest.Source[*backend]
	client   *core.Client[*backend]
	recorder *coretest.Recorder
	acquires atomic.Int64
}

// newRig builds a client; adapt may change its configuration first.
func newRig(t *testing.T, cfg middleware.Config, adapt func(*core.ClientConfig[*backend], *coretest.Source[*backend])) *rig {
	t.Helper()
	chain, err := middleware.Build(cfg)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{Chain: chain, backend: &backend{}, recorder: &coretest.Recorder{}}
	r.source = &coretest.Source[*backend]{Conn: r.backend}
	clientCfg := core.ClientConfig[*backend]{
		Source:     r.source,
		Middleware: chain.Middleware,
		Observer:   r.recorder,
		Classifier: classify,
	}
	if adapt != nil {
		adapt(&clientCfg, r.source)
	}
	acquire := r.source.OnAcquire
	r.source.OnAcquire = func(ctx context.Context) error {
		r.acquires.Add(1)
		if acquire != nil {
			return acquire(ctx)
		}
		return nil
	}
	if r.client, err = core.NewClient(clientCfg); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *rig) do(ctx context.Context, safety core.Safety) error {
	op := core.Op{Name: safety.String(), Safety: safety}
	_, err := core.Do(ctx, r.client, op, func(ctx context.Context, b *backend) (struct{}, error) {
		return struct{}{}, b.Call(ctx)
	})
	return err
}

// verdicts returns what the breaker has counted.
type verdicts struct{ success, failure, neutral, refused uint64 }

func (r *rig) verdicts() verdicts {
	c := r.Breaker.Snapshot().Counters
	return verdicts{c.TotalSuccesses, c.TotalFailures, c.TotalNeutral, c.TotalFastFailures}
}

// steady is a retry configuration without chance, and with budget for all.
func steady(t *testing.T, interval time.Duration) retry.Config {
	t.Helper()
	budget, err := core.NewBudget(1e6, 1e6)
	if err != nil {
		t.Fatal(err)
	}
	return retry.Config{Interval: interval, Jitter: retry.NoJitter, Budget: budget}
}
