// SPDX-License-Identifier: Apache-2.0

package fallback_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/middleware/fallback"
)

var (
	op           = core.Op{Name: "Search", Safety: core.ReadOnly}
	errDown      = core.Sentinel("down", "UNAVAILABLE", core.ErrUnavailable)
	errStatement = core.Sentinel("bad statement", "1100")
	errUnknown   = errors.New("unknown")
)

func newClient(t testing.TB, stages ...core.Middleware) *core.Client[int] {
	t.Helper()
	client, err := core.NewClient(core.ClientConfig[int]{Source: &coretest.Source[int]{}, Middleware: core.Chain(stages...)})
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

// attempts is an error like that of retry: the operation counts by Err, and
// errors.Is finds the others too.
type attempts struct {
	err error
	all []error
}

func (e *attempts) Error() string     { return "several attempts" }
func (e *attempts) ErrorType() string { return core.ErrorType(e.err) }
func (e *attempts) Unwrap() []error   { return append([]error{e.err}, e.all...) }

// odd is an error that cannot be compared.
type odd struct{ _ []string }

func (odd) Error() string { return "odd" }

func TestAcceptTellsABackendThatCannotBeHad(t *testing.T) {
	typed := func(errorType string) error { return core.Sentinel("typed", errorType) }
	for _, row := range []struct {
		err  error
		want bool
	}{
		{errDown, true},
		{fmt.Errorf("dial: %w", core.ErrConnection), true},
		{fmt.Errorf("%w: %w", errUnknown, core.ErrUnavailable), true},
		{core.Sentinel("full", "", core.ErrRejected), true},
		{core.Sentinel("open", core.TypeCircuitOpen, core.ErrRejected, core.ErrUnavailable), true},
		{core.Sentinel("last of the families", "CODE", core.ErrTimeout, core.ErrUnavailable), true},
		{&core.TimeoutError{Limit: time.Second}, true},
		{&core.InterruptedError{Cause: context.DeadlineExceeded, Err: errUnknown}, true},
		{typed(core.TypeRateLimited), true}, {typed(core.TypePoolTimeout), true}, {typed(core.TypeConnect), true},
		{&attempts{errDown, []error{errDown, errStatement}}, true},

		{errStatement, false},
		{errUnknown, false},
		{odd{}, false},
		{fmt.Errorf("%w", odd{}), false},
		{context.Canceled, false},
		{&core.InterruptedError{Cause: context.Canceled, Err: errDown}, false},
		{core.Sentinel("bad password", core.TypeUnauthenticated, core.ErrConnection), false},
		{core.ErrPanic, false},
		// An earlier attempt met an outage, the last one a bad statement.
		{&attempts{errStatement, []error{errStatement, errDown}}, false},
		{&attempts{errUnknown, []error{errUnknown, errDown}}, false},
	} {
		for _, err := range []error{row.err, &core.Error{Op: "Search", Err: row.err}} {
			if got := fallback.Accept(err); got != row.want {
				t.Errorf("Accept(%v) = %v, want %v", err, got, row.want)
			}
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
