// SPDX-License-Identifier: Apache-2.0

package fallback_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/internal/errtype"
	"github.com/penstock-go/penstock/middleware/fallback"
)

var (
	op           = core.Op{Name: "Search", Safety: core.ReadOnly}
	errDown      = core.Sentinel("down", "UNAVAILABLE", core.ErrUnavailable)
	errStatement = core.Sentinel("bad statement", "1100")
	errBusy      = core.Sentinel("busy", errtype.RateLimited)
	errNotReady  = core.Sentinel("not ready", "201")
	errPassword  = core.Sentinel("bad password", core.TypeUnauthenticated, core.ErrConnection)
	errRefused   = core.Sentinel("full", "bulkhead_full", core.ErrRejected)
	errUnknown   = errors.New("unknown")
)

func classify(err error) core.Class {
	switch {
	case errors.Is(err, errStatement):
		return core.Answered("")
	case errors.Is(err, errBusy):
		return core.Busy("", time.Second)
	case errors.Is(err, errNotReady):
		return core.Class{Verdict: core.Neutral, Retry: core.RetryIfReadOnly, Conn: core.Keep}
	case errors.Is(err, errPassword):
		return core.Class{Verdict: core.Neutral, Retry: core.RetryNever}
	default:
		return core.Class{}
	}
}

func newClient(t testing.TB, stages ...core.Middleware) *core.Client[int] {
	t.Helper()
	return clientOf(t, &coretest.Source[int]{}, stages...)
}

func clientOf(t testing.TB, source core.Source[int], stages ...core.Middleware) *core.Client[int] {
	t.Helper()
	client, err := core.NewClient(core.ClientConfig[int]{Source: source, Middleware: core.Compose(stages...), Classifier: classify})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func failing(err error) func(context.Context, int) (string, error) {
	return func(context.Context, int) (string, error) { return "partial", err }
}

// spare is a fallback that notes what it was told.
type spare struct {
	calls int
	ctx   context.Context
	cause error
	err   error
}

func (s *spare) instead(ctx context.Context, err error) (string, error) {
	s.calls++
	s.ctx, s.cause = ctx, err
	return "spare", s.err
}

func TestAResultNeedsNoFallback(t *testing.T) {
	var s spare
	got, err := fallback.Do(t.Context(), newClient(t), op, failing(nil), s.instead)
	if got != "partial" || err != nil || s.calls != 0 {
		t.Errorf("Do = %q, %v with %d calls of the fallback, want the operation's own", got, err, s.calls)
	}
}

func TestAFallbackStandsInForABackendThatCannotBeHad(t *testing.T) {
	var s spare
	got, err := fallback.Do(t.Context(), newClient(t), op, failing(errDown), s.instead)
	if got != "spare" || err != nil || s.calls != 1 {
		t.Errorf("Do = %q, %v with %d calls of the fallback, want its result", got, err, s.calls)
	}
	if e, ok := errors.AsType[*core.Error](s.cause); !ok || e.Op != "Search" || !errors.Is(s.cause, errDown) || s.ctx != t.Context() {
		t.Errorf("the fallback was told %v, want the operation's error, and the caller's context", s.cause)
	}
}

func TestTheClientCountsTheResultsOfFallbacks(t *testing.T) {
	client := newClient(t)
	want := func(n uint64) {
		t.Helper()
		if got := client.Fallbacks()["Search"]; got != n {
			t.Errorf("%d fallbacks, want %d", got, n)
		}
	}
	var s spare
	_, _ = fallback.Do(t.Context(), client, op, failing(nil), s.instead)
	_, _ = fallback.Do(t.Context(), client, op, failing(errStatement), s.instead)
	want(0)
	_, _ = fallback.Do(t.Context(), client, op, failing(errDown), s.instead)
	want(1)
	_, _ = fallback.Run(t.Context(), func(ctx context.Context) (string, error) {
		_, err := core.Do(ctx, client, op, failing(errDown))
		return "", fmt.Errorf("wrapped: %w", err)
	}, fallback.Plan[string]{Instead: s.instead})
	want(2)
	s.err = errUnknown // the caller gets no result
	_, _ = fallback.Do(t.Context(), client, op, failing(errDown), s.instead)
	want(2)
}

func TestTheErrorOfTheFallbackIsTheCallers(t *testing.T) {
	s := spare{err: errUnknown}
	got, err := fallback.Do(t.Context(), newClient(t), op, failing(errDown), s.instead)
	if got != "" || err != errUnknown {
		t.Errorf("Do = %q, %v, want the fallback's error alone", got, err)
	}
	res, err := fallback.DoPlan(t.Context(), newClient(t), op, failing(errDown), fallback.Plan[string]{Instead: s.instead})
	if res.Value != "" || err != errUnknown || !errors.Is(res.Cause, errDown) {
		t.Errorf("DoPlan = %+v, %v, want both errors", res, err)
	}
}

func TestAStatementsErrorIsTheCallers(t *testing.T) {
	var s spare
	got, err := fallback.Do(t.Context(), newClient(t), op, failing(errStatement), s.instead)
	if got != "" || !errors.Is(err, errStatement) || s.calls != 0 {
		t.Errorf("Do = %q, %v with %d calls of the fallback, want the operation's error", got, err, s.calls)
	}
}

func hang(ctx context.Context, _ int) (string, error) {
	<-ctx.Done()
	return "", ctx.Err()
}

func TestACancelIsNoReasonAndADeadlineIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s spare
		always := fallback.Plan[string]{Instead: s.instead, When: func(error) bool { return true }}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		if res, err := fallback.DoPlan(ctx, newClient(t), op, hang, always); !errors.Is(err, context.Canceled) || res.Cause != nil || s.calls != 0 {
			t.Errorf("DoPlan = %+v, %v with %d calls, want the cancel alone", res, err, s.calls)
		}
		ctx, cancel = context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		got, err := fallback.Do(ctx, newClient(t), op, hang, s.instead)
		if got != "spare" || err != nil || !errors.Is(s.cause, context.DeadlineExceeded) || s.ctx.Err() == nil {
			t.Errorf("Do = %q, %v, want the fallback, with a context that has ended", got, err)
		}
	})
}

func TestAPlanSaysWhenAndTheResultSaysWhere(t *testing.T) {
	var s spare
	plan := fallback.Plan[string]{Instead: s.instead, When: func(err error) bool { return errors.Is(err, errStatement) }}
	for _, row := range []struct {
		err  error
		want fallback.Result[string]
	}{
		{nil, fallback.Result[string]{Value: "partial"}},
		{errStatement, fallback.Result[string]{Value: "spare", Cause: errStatement}},
		{errDown, fallback.Result[string]{}},
	} {
		got, err := fallback.DoPlan(t.Context(), newClient(t), op, failing(row.err), plan)
		if got.Value != row.want.Value || !errors.Is(got.Cause, row.want.Cause) || (got.Cause == nil) != (row.want.Cause == nil) || (err == nil) != (got.Value != "") {
			t.Errorf("DoPlan of %v = %+v, %v, want %+v", row.err, got, err, row.want)
		}
	}
	if _, err := fallback.DoPlan(t.Context(), newClient(t), op, failing(errDown), fallback.Plan[string]{}); !errors.Is(err, errDown) {
		t.Errorf("DoPlan = %v without a fallback, want the operation's error", err)
	}
}

func TestAPanicIsNotCovered(t *testing.T) {
	var s spare
	defer func() {
		if v := recover(); v != "boom" || s.calls != 0 {
			t.Errorf("recovered %v after %d calls of the fallback, want the panic", v, s.calls)
		}
	}()
	_, _ = fallback.Do(t.Context(), newClient(t), op, func(context.Context, int) (string, error) { panic("boom") }, s.instead)
}

// odd is an error that cannot be compared.
type odd struct{ _ []string }

func (odd) Error() string { return "odd" }

// returning is a stage that answers in place of all that stands further in.
func returning(err error) core.Middleware {
	return func(core.Handler) core.Handler { return func(context.Context, *core.Call) error { return err } }
}

// waiting is a stage that holds every operation up until its context ends.
func waiting(core.Handler) core.Handler {
	return func(ctx context.Context, _ *core.Call) error {
		<-ctx.Done()
		return ctx.Err()
	}
}

// refusing is a stage that refuses the n-th attempt.
func refusing(n int) core.Middleware {
	return func(next core.Handler) core.Handler {
		return func(ctx context.Context, call *core.Call) error {
			if call.Attempt() == n {
				return errRefused
			}
			return next(ctx, call)
		}
	}
}

// limited is a stage that ends the attempt after a time.
func limited(d time.Duration) core.Middleware {
	limit := &core.TimeoutError{Limit: d}
	return func(next core.Handler) core.Handler {
		return func(ctx context.Context, call *core.Call) error {
			ctx, cancel := context.WithTimeoutCause(ctx, d, limit)
			defer cancel()
			return next(ctx, call)
		}
	}
}

// repeated is a stage that makes so many attempts, and returns the errors of all,
// the last one first, as retry does.
func repeated(attempts int) core.Middleware {
	return func(next core.Handler) core.Handler {
		return func(ctx context.Context, call *core.Call) error {
			all := []error{next(ctx, call)}
			for range attempts - 1 {
				call.NextAttempt()
				all = append(all, next(ctx, call))
			}
			slices.Reverse(all)
			return errors.Join(all...)
		}
	}
}

func TestAcceptTellsABackendThatCannotBeHad(t *testing.T) {
	canceled := func(ctx context.Context) (context.Context, context.CancelFunc) {
		ctx, cancel := context.WithCancel(ctx)
		time.AfterFunc(time.Second, cancel)
		return ctx, cancel
	}
	late := func(ctx context.Context) (context.Context, context.CancelFunc) {
		return context.WithTimeout(ctx, time.Second)
	}
	for _, row := range []struct {
		name    string
		stages  []core.Middleware
		acquire error   // of the source
		results []error // of the attempts, in turn; none hang
		end     func(context.Context) (context.Context, context.CancelFunc)
		want    bool
	}{
		{name: "a failure", results: []error{errDown}, want: true},
		{name: "a failure of another family", results: []error{fmt.Errorf("%w: %w", errUnknown, core.ErrUnavailable)}, want: true},
		{name: "an error that the classifier does not know", results: []error{errUnknown}, want: true},
		{name: "an error that cannot be compared", results: []error{odd{}}, want: true},
		{name: "a failure that a stage reports", stages: []core.Middleware{returning(errDown)}, want: true},
		{name: "busy", results: []error{errBusy}, want: true},
		{name: "not ready", results: []error{errNotReady}, want: true},
		{name: "a dial that failed", acquire: fmt.Errorf("dial: %w", core.ErrConnection), want: true},
		{name: "no connection in time", acquire: coretest.Exhausted{}, want: true},
		{name: "no connection before the deadline", acquire: coretest.Exhausted{Cause: context.DeadlineExceeded}, want: true},
		{name: "refused by a stage", stages: []core.Middleware{returning(errRefused)}, want: true},
		{name: "a refusal of a nested operation", results: []error{errRefused}, want: true},
		{name: "an open breaker", stages: []core.Middleware{returning(core.Sentinel("open", "circuit_open", core.ErrRejected, core.ErrUnavailable))}, want: true},
		{name: "the attempt's timeout", stages: []core.Middleware{limited(time.Second)}, want: true},
		{name: "the operation's deadline", end: late, want: true},
		{name: "the operation's deadline in a stage", stages: []core.Middleware{waiting}, end: late, want: true},
		{name: "a refusal because of the deadline", stages: []core.Middleware{returning(errors.Join(errRefused, context.DeadlineExceeded))}, want: true},
		{name: "a failure in the end", stages: []core.Middleware{repeated(3)}, results: []error{errStatement, errDown, errDown}, want: true},
		{name: "a failure, then a refusal", stages: []core.Middleware{repeated(2), refusing(2)}, results: []error{errDown}, want: true},

		{name: "an answer", results: []error{errStatement}},
		{name: "an answer in the end", stages: []core.Middleware{repeated(3)}, results: []error{errDown, errDown, errStatement}},
		{name: "the caller's cancel", end: canceled},
		{name: "the caller's cancel in a stage", stages: []core.Middleware{returning(core.Sentinel("gave up", errtype.Canceled, core.ErrRejected, context.Canceled))}},
		{name: "bad credentials", results: []error{errPassword}},
		{name: "bad credentials of the source", acquire: errPassword},
		{name: "a panic of a nested operation", results: []error{fmt.Errorf("nested: %w", core.ErrPanic)}},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				source := &coretest.Source[int]{OnAcquire: func(context.Context) error { return row.acquire }}
				ctx := t.Context()
				if row.end != nil {
					var cancel context.CancelFunc
					ctx, cancel = row.end(ctx)
					defer cancel()
				}
				attempt := 0
				_, err := core.Do(ctx, clientOf(t, source, row.stages...), op, func(ctx context.Context, _ int) (int, error) {
					if attempt++; row.results == nil {
						<-ctx.Done()
						return 0, ctx.Err()
					}
					return 0, row.results[attempt-1]
				})
				if got := fallback.Accept(err); got != row.want {
					t.Errorf("Accept(%v) = %v, want %v", err, got, row.want)
				}
				if got := fallback.Accept(fmt.Errorf("search: %w", err)); got != row.want {
					t.Errorf("Accept of the same error, wrapped, = %v, want %v", got, row.want)
				}
			})
		})
	}
}

// The same error of the backend means the same, whatever ended the retries.
func TestAcceptDoesNotDependOnWhyTheRetriesStopped(t *testing.T) {
	forbid := func(next core.Handler) core.Handler {
		return func(ctx context.Context, call *core.Call) error {
			err := next(ctx, call)
			return fmt.Errorf("%w (no further attempt: %w)", err, errRefused)
		}
	}
	for _, row := range []struct {
		err  error
		want bool
	}{{errDown, true}, {errUnknown, true}, {errStatement, false}, {errPassword, false}} {
		for name, stages := range map[string][]core.Middleware{"no retries": nil, "the last attempt": {repeated(2)}, "a guard": {forbid}} {
			_, err := core.Do(t.Context(), newClient(t, stages...), op, failing(row.err))
			if got := fallback.Accept(err); got != row.want {
				t.Errorf("%s: Accept(%v) = %v, want %v", name, err, got, row.want)
			}
		}
	}
}

func TestAcceptTakesErrorsOfOperationsAlone(t *testing.T) {
	for _, err := range []error{nil, errDown, errRefused, context.DeadlineExceeded, &core.TimeoutError{Limit: time.Second}} {
		if fallback.Accept(err) {
			t.Errorf("Accept(%v) = true, want false: no operation returned it", err)
		}
	}
}

func TestAResultCostsNoMoreThanThatOfTheOperation(t *testing.T) {
	client := newClient(t)
	fn := func(context.Context, int) (int, error) { return 1, nil }
	instead := func(context.Context, error) (int, error) { return 2, nil }
	want := testing.AllocsPerRun(1000, func() { _, _ = core.Do(t.Context(), client, op, fn) })
	got := testing.AllocsPerRun(1000, func() { _, _ = fallback.Do(t.Context(), client, op, fn, instead) })
	if got > want {
		t.Errorf("an operation with a fallback costs %v allocations, want %v", got, want)
	}
}
