// SPDX-License-Identifier: Apache-2.0

package retry_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/middleware/retry"
)

var (
	errDown      = errors.New("down")
	errStatement = errors.New("bad statement")
	errNotReady  = errors.New("not ready")
	errUnsent    = errors.New("not sent")
)

// limited is a refusal with the server's hint.
type limited struct{ after time.Duration }

func (e *limited) Error() string { return "rate limited" }

func classify(err error) core.Class {
	if e, ok := errors.AsType[*limited](err); ok {
		return core.Class{Verdict: core.Neutral, Retryable: true, RetryAfter: e.after}
	}
	switch {
	case errors.Is(err, errStatement):
		return core.Class{Verdict: core.Success}
	case errors.Is(err, errNotReady):
		return core.Class{Verdict: core.Neutral, Retryable: true, ReadOnlyRetry: true, Sent: true}
	case errors.Is(err, errUnsent):
		return core.Class{Verdict: core.Failure, Retryable: true}
	default:
		return core.Classify(err)
	}
}

// rig is a client whose chain is a retry stage and what comes further in, and
// the times of the attempts that reached the end of it.
type rig struct {
	client   *core.Client[int]
	recorder *coretest.Recorder
	started  time.Time
	attempts []time.Duration
	results  []error // of the attempts, in turn; the last stands for all that follow
}

func newRig(t testing.TB, cfg retry.Config, inner ...core.Middleware) *rig {
	t.Helper()
	stage, err := retry.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{recorder: &coretest.Recorder{}}
	r.client, err = core.NewClient(core.ClientConfig[int]{
		Source:     &coretest.Source[int]{},
		Middleware: core.Chain(stage, core.Chain(inner...)),
		Observer:   r.recorder,
		Classifier: classify,
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// do runs an operation whose attempts end with results, in turn.
func (r *rig) do(ctx context.Context, safety core.Safety, results ...error) error {
	r.started, r.attempts, r.results = time.Now(), nil, results
	_, err := core.Do(ctx, r.client, core.Op{Name: "op", Safety: safety}, func(context.Context, int) (int, error) {
		n := len(r.attempts)
		r.attempts = append(r.attempts, time.Since(r.started))
		return 0, r.results[min(n, len(r.results)-1)]
	})
	return err
}

// outcome returns that of the last operation, as the observer was told.
func (r *rig) outcome() string {
	ends := r.recorder.Events(core.EventRetryEnd)
	if len(ends) == 0 {
		return ""
	}
	return ends[len(ends)-1].Outcome
}

func budget(t testing.TB, ratio, perSecond float64) *core.Budget {
	t.Helper()
	b, err := core.NewBudget(ratio, perSecond)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// steady waits 1 s, 2 s, 4 s, and has budget for all.
func steady(t testing.TB) retry.Config {
	return retry.Config{Jitter: retry.NoJitter, Budget: budget(t, 1e6, 1e6)}
}

// oneProcessor runs the test on one processor. The retry loop makes timers of no
// length, and in a bubble many of them at once crash the race detector, see
// https://go.dev/issue/78156. Call it outside of the bubble.
func oneProcessor(t *testing.T) {
	n := runtime.GOMAXPROCS(1)
	t.Cleanup(func() { runtime.GOMAXPROCS(n) })
}
