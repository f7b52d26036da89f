// SPDX-License-Identifier: Apache-2.0

package core_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/internal/errtype"
)

var (
	errStatement   = errors.New("unknown collection")
	errNotReady    = errors.New("not ready")
	errUnavailable = core.Sentinel("unavailable", "UNAVAILABLE")
	errLimited     = core.Sentinel("rate limited", errtype.RateLimited)
)

// backend is the classifier of an imagined backend. What it does not know is a
// failure that leaves the connection alone.
func backend(err error) core.Class {
	switch {
	case errors.Is(err, errStatement):
		return core.Class{Verdict: core.Success, Retry: core.RetryNever, Conn: core.Keep}
	case errors.Is(err, errNotReady):
		return core.Class{Verdict: core.Neutral, Retry: core.RetryIfReadOnly, Conn: core.Keep}
	case errors.Is(err, errUnavailable):
		return core.Class{Verdict: core.Failure, Retry: core.RetryIfIdempotent, Conn: core.Suspect}
	case errors.Is(err, errLimited):
		return core.Class{Verdict: core.Neutral, Retry: core.RetryAlways, Conn: core.Keep, RetryAfter: time.Minute}
	default:
		return core.Class{Verdict: core.Failure, Retry: core.RetryIfIdempotent, Conn: core.Keep}
	}
}

// errRefused is what a stage like an open breaker returns.
var errRefused = core.Sentinel("refused", "circuit_open", core.ErrRejected)

type (
	fates = []core.ConnFate
	work  = func(context.Context, string) (string, error)
)

// waitingSource is a source whose leases say that their caller waited.
type waitingSource struct {
	*coretest.Source[string]
	wait time.Duration
}

func (s waitingSource) Acquire(ctx context.Context) (core.Lease[string], error) {
	lease, err := s.Source.Acquire(ctx)
	return lease.WithWait(s.wait), err
}

// trial is a client whose outermost stage writes down what the call says of
// itself when its operation is over. The stage measures successes, too.
type trial struct {
	client *core.Client[string]
	source coretest.Source[string]
	guard  recordingGuard

	fates   fates   // what became of the connection, attempt by attempt
	reasons []error // why

	outcome core.Outcome // of the operation: Since
	last    core.Outcome // of the operation as if it were one attempt: LastSince
}

type trialConfig struct {
	stage   core.Middleware // between the outermost stage and the work
	acquire func(context.Context) error
	timeout time.Duration
	stale   bool          // what returned connections report is no news
	wait    time.Duration // for a connection, as the lease says

	classifier core.Classifier // nil is backend
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
			call.Measure()
			mark := call.Mark()
			err := core.ErrPanic
			defer func() {
				tr.outcome, tr.last = call.Since(mark, err), call.LastSince(mark, err)
			}()
			err = next(ctx, call)
			return err
		}
	}
	classifier := cfg.classifier
	if classifier == nil {
		classifier = backend
	}
	client, err := core.NewClient(core.ClientConfig[string]{
		Source:           waitingSource{&tr.source, cfg.wait},
		Middleware:       core.Compose(watch, cfg.stage),
		Classifier:       classifier,
		OperationTimeout: cfg.timeout,
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
	forbid error     // of BeforeAttempt
	refuse error     // of BeforeWork

	began int // works
	ended []core.Outcome
}

// classes returns the classes of the attempts that have ended.
func (g *recordingGuard) classes() (all []core.Class) {
	for _, o := range g.ended {
		all = append(all, o.Class)
	}
	return all
}

// ran returns how long the works of the attempts ran that have ended.
func (g *recordingGuard) ran() (all []time.Duration) {
	for _, o := range g.ended {
		all = append(all, o.Ran)
	}
	return all
}

func (g *recordingGuard) note(s string) {
	if g.log != nil {
		*g.log = append(*g.log, g.name+" "+s)
	}
}

func (g *recordingGuard) BeforeAttempt(*core.Call) error {
	g.note("before attempt")
	return g.forbid
}

func (g *recordingGuard) BeforeWork(*core.Call) error {
	g.note("before work")
	g.began++
	return g.refuse
}

func (g *recordingGuard) AfterAttempt(_ *core.Call, o core.Outcome) {
	g.note("after attempt")
	g.ended = append(g.ended, o)
}

// heed makes up to n attempts, as long as the outcome of the last one allows
// another of the operation.
func heed(n int) core.Middleware {
	return func(next core.Handler) core.Handler {
		return func(ctx context.Context, call *core.Call) error {
			for {
				mark := call.Mark()
				err := next(ctx, call)
				if err == nil || call.Attempt() == n || !call.LastSince(mark, err).Retry.Allows(call.Op.Safety) {
					return err
				}
				call.NextAttempt()
			}
		}
	}
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
			cause := &core.TimeoutError{Limit: d}
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
