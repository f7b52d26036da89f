// SPDX-License-Identifier: Apache-2.0

package retry_test

import (
	"context"
	"errors"
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
	errRefused   = core.Sentinel("refused", "", core.ErrRejected) // by the innermost stage of a rig
)

// limited is a refusal with the server's hint.
type limited struct{ after time.Duration }

func (e *limited) Error() string { return "rate limited" }

func classify(err error) core.Class {
	if e, ok := errors.AsType[*limited](err); ok {
		return core.Class{Verdict: core.Neutral, Retry: core.RetryAlways, Conn: core.Keep, RetryAfter: e.after}
	}
	switch {
	case errors.Is(err, errStatement):
		return core.Class{Verdict: core.Success, Retry: core.RetryNever, Conn: core.Keep}
	case errors.Is(err, errNotReady):
		return core.Class{Verdict: core.Neutral, Retry: core.RetryIfReadOnly, Conn: core.Keep}
	case errors.Is(err, errUnsent):
		return core.Class{Verdict: core.Failure, Retry: core.RetryAlways, Conn: core.Keep}
	default:
		return core.Class{}
	}
}

// rig is a client whose chain is a retry stage and the stages further in, and the
// times of the attempts that came to the end of the chain.
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
		Middleware: core.Compose(stage, core.Compose(inner...), r.refuse),
		Observer:   r.recorder,
		Classifier: classify,
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// refuse is a stage that refuses the attempts whose result is errRefused.
func (r *rig) refuse(next core.Handler) core.Handler {
	return func(ctx context.Context, call *core.Call) error {
		if n := len(r.attempts); n < len(r.results) && r.results[n] == errRefused {
			r.attempts = append(r.attempts, time.Since(r.started))
			return errRefused
		}
		return next(ctx, call)
	}
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

// outcome returns how the retries of the last operation ended, as the observer
// was told.
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
