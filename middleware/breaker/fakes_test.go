// SPDX-License-Identifier: Apache-2.0

package breaker_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/middleware/breaker"
)

var (
	errDown      = errors.New("down")
	errStatement = errors.New("bad statement")
	errLimited   = errors.New("rate limited")
)

func classify(err error) core.Class {
	switch {
	case errors.Is(err, errStatement):
		return core.Class{Verdict: core.Success, Retry: core.RetryNever, Conn: core.Keep}
	case errors.Is(err, errLimited):
		return core.Class{Verdict: core.Neutral, Retry: core.RetryNever, Conn: core.Keep}
	default:
		return core.Class{}
	}
}

// rig is a breaker and a client. The chain of the client is the breaker and the
// given stages further in.
type rig struct {
	*breaker.Breaker
	client   *core.Client[int]
	recorder *coretest.Recorder
}

func newRig(t testing.TB, cfg breaker.Config, inner ...core.Middleware) *rig {
	t.Helper()
	return newRigOf(t, classify, cfg, inner...)
}

func newRigOf(t testing.TB, classifier core.Classifier, cfg breaker.Config, inner ...core.Middleware) *rig {
	t.Helper()
	b, err := breaker.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{Breaker: b, recorder: &coretest.Recorder{}}
	r.client, err = core.NewClient(core.ClientConfig[int]{
		Source:     &coretest.Source[int]{},
		Middleware: core.Compose(observe, b.Middleware, core.Compose(inner...)),
		Observer:   r.recorder,
		Classifier: classifier,
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

type rigMaker = func(testing.TB, breaker.Config, ...core.Middleware) *rig

// everyPolicy runs test in a bubble for each policy. The newRig that test gets
// adds the policy to the configuration.
func everyPolicy(t *testing.T, test func(t *testing.T, newRig rigMaker)) {
	for name, cfg := range policies() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				test(t, func(t testing.TB, with breaker.Config, inner ...core.Middleware) *rig {
					with.FailureThreshold, with.FailureRate, with.CountAttempts = cfg.FailureThreshold, cfg.FailureRate, cfg.CountAttempts
					with.FailureWindow, with.FailureWindowTime, with.MinimumCalls = cfg.FailureWindow, cfg.FailureWindowTime, cfg.MinimumCalls
					if with.SlowCallRate = cfg.SlowCallRate; with.SlowCallRate > 0 {
						with.SlowCallThreshold = time.Hour
					}
					return newRig(t, with, inner...)
				})
			})
		})
	}
}

// observe opens the operation's scope.
func observe(next core.Handler) core.Handler {
	return func(ctx context.Context, call *core.Call) error {
		if call.Observer() == nil {
			return next(ctx, call)
		}
		ctx = call.Observer().Begin(ctx, core.Scope{Op: call.Op, Attempt: 1})
		call.Observe(ctx)
		return next(ctx, call)
	}
}

func (r *rig) do(ctx context.Context, fn func(ctx context.Context) error) error {
	_, err := core.Do(ctx, r.client, core.Op{Name: "op"}, func(ctx context.Context, _ int) (int, error) {
		return 0, fn(ctx)
	})
	return err
}

// end runs n operations that end with err at once.
func (r *rig) end(t testing.TB, n int, err error) {
	t.Helper()
	for range n {
		if got := r.do(t.Context(), func(context.Context) error { return err }); !errors.Is(got, err) {
			t.Fatalf("Do = %v, want %v", got, err)
		}
	}
}

// open opens the breaker with failures.
func (r *rig) open(t testing.TB) {
	t.Helper()
	for range 100 {
		if r.State() == breaker.Open {
			return
		}
		r.end(t, 1, errDown)
	}
	t.Fatalf("breaker %v after 100 failures", r.State())
}

// halfOpen opens the breaker and waits for it to half-open.
func (r *rig) halfOpen(t testing.TB) {
	t.Helper()
	r.open(t)
	r.recover(t)
}

// recover waits until the breaker is not open any more.
func (r *rig) recover(t testing.TB) {
	t.Helper()
	time.Sleep(r.timeout())
	if r.State() == breaker.Open {
		t.Errorf("breaker still open after %v", r.timeout())
	}
}

func (r *rig) timeout() time.Duration {
	return time.Duration(r.Snapshot().Configuration.RecoveryTimeout * float64(time.Second))
}

func (r *rig) is(t testing.TB, want breaker.State) {
	t.Helper()
	if got := r.State(); got != want {
		t.Fatalf("breaker %v, want %v", got, want)
	}
}
