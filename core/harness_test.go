// SPDX-License-Identifier: Apache-2.0

package core_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
)

var (
	errStatement   = errors.New("unknown collection")
	errNotReady    = errors.New("not ready")
	errUnavailable = core.Sentinel("unavailable", "UNAVAILABLE")
	errLimited     = core.Sentinel("rate limited", core.TypeRateLimited)
)

// backend is the classifier of an imagined backend. What it does not know is a
// failure that leaves the connection alone.
func backend(err error) core.Class {
	switch {
	case errors.Is(err, errStatement):
		return core.Class{Verdict: core.Success}
	case errors.Is(err, errNotReady):
		return core.Class{Verdict: core.Neutral, Retryable: true, ReadOnlyRetry: true}
	case errors.Is(err, errUnavailable):
		return core.Class{Verdict: core.Failure, Retryable: true, Sent: true, Conn: core.Suspect}
	case errors.Is(err, errLimited):
		return core.Class{Verdict: core.Neutral, Retryable: true, RetryAfter: time.Minute}
	default:
		return core.Class{Verdict: core.Failure, Retryable: true, Sent: true}
	}
}

// exhausted is an error like that of a pool without a free connection.
type exhausted struct{}

func (exhausted) Error() string     { return "pool exhausted" }
func (exhausted) ErrorType() string { return core.TypePoolTimeout }
func (exhausted) Class() core.Class {
	return core.Class{Verdict: core.Neutral, Retryable: true, Code: core.TypePoolTimeout}
}

// errRefused is what a stage like an open breaker returns.
var errRefused = core.Sentinel("refused", core.TypeCircuitOpen, core.ErrRejected)

type (
	fates   = []core.ConnFate
	classes = []core.Class
	work    = func(context.Context, string) (string, error)
)

// trial is a client whose outermost stage writes down what the call says of
// itself when its operation is over.
type trial struct {
	client *core.Client[string]
	source coretest.Source[string]
	guard  recordingGuard

	fates   fates   // what became of the connection, attempt by attempt
	reasons []error // why

	outcome, last   core.Class // of the whole operation
	reached, judged bool
	ran             time.Duration
}

type trialConfig struct {
	stage   core.Middleware // between the outermost stage and the work
	acquire func(context.Context) error
	timeout time.Duration
	stale   bool // what returned connections report is no news
}

func newTrial(t *testing.T, cfg trialConfig) *trial {
	t.Helper()
	tr := new(trial)
	tr.source.Conn = "conn"
	tr.source.OnAcquire = cfg.acquire
	tr.source.OnReturn = func(fate core.ConnFate, reason error) bool {
		tr.fates = append(tr.fates, fate)
		tr.reasons = append(tr.reasons, reason)
		return !cfg.stale
	}
	watch := func(next core.Handler) core.Handler {
		return func(ctx context.Context, call *core.Call) error {
			call.Attach(&tr.guard)
			mark := call.Mark()
			err := core.ErrPanic
			defer func() {
				tr.outcome, tr.last = call.Outcome(mark, err), call.LastAttempt(mark, err)
				tr.reached, tr.judged, tr.ran = call.Reached(mark), call.Judged(mark), call.Ran()
			}()
			err = next(ctx, call)
			return err
		}
	}
	client, err := core.NewClient(core.ClientConfig[string]{
		Source:     &tr.source,
		Middleware: core.Chain(watch, cfg.stage),
		Classifier: backend,
		Timeout:    cfg.timeout,
	})
	if err != nil {
		t.Fatal(err)
	}
	tr.client = client
	return tr
}

// recordingGuard writes down what it is told. It belongs to one call at a time.
type recordingGuard struct {
	name   string
	log    *[]string // shared by several guards to see their order
	allow  error
	refuse error // of Begin

	began int
	ended classes
	ran   []time.Duration
}

func (g *recordingGuard) note(s string) {
	if g.log != nil {
		*g.log = append(*g.log, g.name+" "+s)
	}
}

func (g *recordingGuard) Allow(*core.Call) error {
	g.note("allow")
	return g.allow
}

func (g *recordingGuard) Begin(*core.Call) error {
	g.note("began")
	g.began++
	return g.refuse
}

func (g *recordingGuard) Ended(_ *core.Call, ran time.Duration, class core.Class) {
	g.note("ended")
	g.ended = append(g.ended, class)
	g.ran = append(g.ran, ran)
}

// repeat makes up to n attempts without asking anyone, until one succeeds.
func repeat(n int) core.Middleware {
	return func(next core.Handler) core.Handler {
		return func(ctx context.Context, call *core.Call) error {
			err := next(ctx, call)
			for range n - 1 {
				if err == nil {
					return nil
				}
				call.NextAttempt()
				err = next(ctx, call)
			}
			return err
		}
	}
}

// limit ends each attempt after d, as a timeout stage does.
func limit(d time.Duration) core.Middleware {
	return func(next core.Handler) core.Handler {
		return func(ctx context.Context, call *core.Call) error {
			cause := &core.TimeoutError{Scope: core.ScopeAttempt, Limit: d}
			ctx, cancel := context.WithTimeoutCause(ctx, d, cause)
			defer cancel()
			return next(ctx, call)
		}
	}
}

// refuse refuses attempt number n.
func refuse(n int, err error) core.Middleware {
	return func(next core.Handler) core.Handler {
		return func(ctx context.Context, call *core.Call) error {
			if call.Attempt() == n {
				return err
			}
			return next(ctx, call)
		}
	}
}

// hang is work that runs until its context ends.
func hang(ctx context.Context, _ string) (string, error) {
	<-ctx.Done()
	return "", ctx.Err()
}

// hangWith is hang, with an error of its own.
func hangWith(err error) work {
	return func(ctx context.Context, _ string) (string, error) {
		<-ctx.Done()
		return "", err
	}
}

// fail is work that returns each error in turn, and then nil.
func fail(errs ...error) work {
	return func(context.Context, string) (string, error) {
		if len(errs) == 0 {
			return "result", nil
		}
		err := errs[0]
		errs = errs[1:]
		return "partial", err
	}
}

var search = core.Op{Name: "Search", Target: "docs", Safety: core.ReadOnly}
