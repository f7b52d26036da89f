// SPDX-License-Identifier: Apache-2.0

package core_test

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
)

// How a caller's context ends, one second in.
func canceled(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	time.AfterFunc(time.Second, cancel)
	return ctx, cancel
}

var errCause = errors.New("the user went away")

func canceledBecause(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	time.AfterFunc(time.Second, func() { cancel(errCause) })
	return ctx, func() { cancel(nil) }
}

func deadline(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, time.Second)
}

func deadlineBecause(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, time.Second, errCause)
}

// waitFor is an Acquire that waits until its context ends, and returns err, or
// else the context's own error.
func waitFor(err error) func(context.Context) error {
	return func(ctx context.Context) error {
		<-ctx.Done()
		if err == nil {
			return ctx.Err()
		}
		return err
	}
}

func acquire(err error) func(context.Context) error {
	return func(context.Context) error { return err }
}

// unanswered is the error of a source whose backend does not answer.
type unanswered struct{}

func (unanswered) Error() string     { return "no answer" }
func (unanswered) ErrorType() string { return "no_answer" }
func (unanswered) Class() core.Class {
	return core.Class{Verdict: core.Failure, Retry: core.RetryAlways, Conn: core.Keep}
}

// giveUp cancels the context of each attempt after a second.
func giveUp(next core.Handler) core.Handler {
	return func(ctx context.Context, call *core.Call) error {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		time.AfterFunc(time.Second, cancel)
		return next(ctx, call)
	}
}

// deadlineOfItsOwn is what a user writes who does not know of causes.
func deadlineOfItsOwn(next core.Handler) core.Handler {
	return func(ctx context.Context, call *core.Call) error {
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		return next(ctx, call)
	}
}

// What the attempts of these tests end with.
var (
	succeeded    = core.Class{Verdict: core.Success, Retry: core.RetryNever, Conn: core.Keep}
	byCaller     = core.Class{Verdict: core.Neutral, Retry: core.RetryNever, Conn: core.Unclean, ErrorType: errtype.Canceled}
	byDeadline   = core.Class{Verdict: core.Failure, Retry: core.RetryNever, Conn: core.Unclean, ErrorType: "deadline_exceeded"}
	byOperation  = core.Class{Verdict: core.Failure, Retry: core.RetryNever, Conn: core.Unclean, ErrorType: "timeout"}
	byAttempt    = core.Class{Verdict: core.Failure, Retry: core.RetryIfIdempotent, Conn: core.Unclean, ErrorType: "timeout"}
	unavailable  = core.Class{Verdict: core.Failure, Retry: core.RetryIfIdempotent, Conn: core.Suspect, ErrorType: "UNAVAILABLE"}
	statement    = core.Class{Verdict: core.Success, Retry: core.RetryNever, Conn: core.Keep, ErrorType: errtype.Other}
	rateLimited  = core.Class{Verdict: core.Neutral, Retry: core.RetryAlways, Conn: core.Keep, RetryAfter: time.Minute, ErrorType: errtype.RateLimited}
	poolTimeout  = core.Class{Verdict: core.Neutral, Retry: core.RetryAlways, Conn: core.Keep, ErrorType: "pool_timeout"}
	rejected     = core.Class{Verdict: core.Neutral, Retry: core.RetryNever, Conn: core.Keep, ErrorType: "circuit_open"}
	noAnswer     = core.Class{Verdict: core.Failure, Retry: core.RetryAlways, Conn: core.Keep, ErrorType: "no_answer"}
	dialFailed   = core.Class{Verdict: core.Failure, Retry: core.RetryAlways, Conn: core.Suspect, ErrorType: "UNAVAILABLE"}
	neverAsked   = core.Class{Verdict: core.Neutral, Retry: core.RetryNever, Conn: core.Keep, ErrorType: errtype.Other}
	waitCanceled = core.Class{Verdict: core.Neutral, Retry: core.RetryNever, Conn: core.Unclean, ErrorType: errtype.Canceled}
)

// TestTheVerdictOfAnAttempt is the table of verdicts, as far as it is decided
// here, each for an operation of one attempt.
func TestTheVerdictOfAnAttempt(t *testing.T) {
	type end func(context.Context) (context.Context, context.CancelFunc)
	tests := []struct {
		name string
		trialConfig
		caller end
		work   work // nil: it must not run

		want   core.Class
		ran    time.Duration
		is     []error // what Do's error is
		not    []error // and what it is not
		fate   fates
		late   bool // OutOfTime
		unseen bool // no attempt came to the end of the chain
	}{
		{name: "nil", work: fail(), want: succeeded, fate: fates{core.Keep}},
		{
			name: "nil, though the attempt's time was over", trialConfig: trialConfig{stage: limit(time.Second)},
			work: hangWith(nil), want: succeeded, ran: time.Second, fate: fates{core.Keep},
		},
		{
			name: "nil, though the caller has gone", caller: canceled,
			work: hangWith(nil), want: succeeded, ran: time.Second, fate: fates{core.Keep},
		},

		{
			name: "canceled by the caller", caller: canceled, work: hang,
			want: byCaller, ran: time.Second, is: []error{context.Canceled}, not: []error{core.ErrTimeout}, fate: fates{core.Unclean},
		},
		{
			name: "canceled by the caller, and the work has an error of its own", caller: canceled, work: hangWith(errors.New("stream closed")),
			want: byCaller, ran: time.Second, is: []error{context.Canceled}, fate: fates{core.Unclean},
		},
		{
			name: "canceled by the caller, and the backend blames the connection", caller: canceled, work: hangWith(errUnavailable),
			want: core.Class{Verdict: core.Neutral, Retry: core.RetryNever, Conn: core.Unclean, ErrorType: errtype.Canceled},
			ran:  time.Second, is: []error{context.Canceled, errUnavailable}, fate: fates{core.Unclean},
		},
		{
			name: "canceled by the caller for a reason", caller: canceledBecause,
			work: func(ctx context.Context, _ string) (string, error) {
				<-ctx.Done()
				return "", context.Cause(ctx)
			},
			want: byCaller, ran: time.Second, is: []error{context.Canceled, errCause}, fate: fates{core.Unclean},
		},
		{
			name: "canceled by the caller, and the work says deadline", caller: canceled, work: hangWith(context.DeadlineExceeded),
			want: byCaller, ran: time.Second, is: []error{context.Canceled}, fate: fates{core.Unclean},
		},
		{
			name: "canceled by the caller inside a limited attempt", caller: canceled, trialConfig: trialConfig{stage: limit(time.Minute)},
			work: hang, want: byCaller, ran: time.Second, is: []error{context.Canceled}, not: []error{core.ErrTimeout}, fate: fates{core.Unclean},
		},
		{
			name: "canceled by the caller while waiting", caller: canceled, trialConfig: trialConfig{acquire: waitFor(nil)},
			want: waitCanceled, is: []error{context.Canceled},
		},
		{
			name: "canceled by the caller while waiting in a pool", caller: canceled, trialConfig: trialConfig{acquire: waitFor(coretest.Exhausted{})},
			want: waitCanceled, is: []error{context.Canceled, coretest.Exhausted{}},
		},
		{
			name: "canceled by the caller while waiting, and the source answers", caller: canceled, trialConfig: trialConfig{acquire: waitFor(errStatement)},
			want: waitCanceled, is: []error{context.Canceled, errStatement},
		},

		{
			name: "the caller's deadline while it ran", caller: deadline, work: hang,
			want: byDeadline, late: true, ran: time.Second, is: []error{context.DeadlineExceeded}, not: []error{core.ErrTimeout}, fate: fates{core.Unclean},
		},
		{
			name: "the caller's deadline with a cause", caller: deadlineBecause, work: hangWith(errCause),
			want: byDeadline, late: true, ran: time.Second, is: []error{context.DeadlineExceeded, errCause}, fate: fates{core.Unclean},
		},
		{
			name: "the caller's deadline inside a limited attempt", caller: deadline, trialConfig: trialConfig{stage: limit(time.Minute)},
			work: hang, want: byDeadline, late: true, ran: time.Second, is: []error{context.DeadlineExceeded}, not: []error{core.ErrTimeout}, fate: fates{core.Unclean},
		},
		{
			name: "the caller's deadline while waiting in a pool", caller: deadline, trialConfig: trialConfig{acquire: waitFor(coretest.Exhausted{})},
			want: poolTimeout, is: []error{coretest.Exhausted{}},
		},
		{
			name: "the caller's deadline while waiting for a backend that does not answer", caller: deadline,
			trialConfig: trialConfig{acquire: waitFor(unanswered{})}, want: noAnswer, is: []error{unanswered{}},
		},
		{
			name:        "the attempt's timeout while waiting for a backend that does not answer",
			trialConfig: trialConfig{stage: limit(time.Second), acquire: waitFor(unanswered{})}, want: noAnswer, is: []error{unanswered{}},
		},
		{
			name: "canceled by the caller while waiting for a backend that does not answer", caller: canceled,
			trialConfig: trialConfig{acquire: waitFor(unanswered{})}, want: waitCanceled, is: []error{context.Canceled, unanswered{}},
		},
		{
			name: "the caller's deadline while waiting for a source without errors of its own", caller: deadline, trialConfig: trialConfig{acquire: waitFor(nil)},
			want: core.Class{Verdict: core.Neutral, Retry: core.RetryAlways, ErrorType: "deadline_exceeded"}, is: []error{context.DeadlineExceeded},
		},
		{
			name: "the operation timeout", trialConfig: trialConfig{timeout: time.Second}, work: hang,
			want: byOperation, late: true, ran: time.Second, is: []error{core.ErrTimeout, context.DeadlineExceeded}, fate: fates{core.Unclean},
		},

		{
			name: "the attempt's timeout", trialConfig: trialConfig{stage: limit(time.Second)}, work: hang,
			want: byAttempt, ran: time.Second, is: []error{core.ErrTimeout, context.DeadlineExceeded}, fate: fates{core.Unclean},
		},
		{
			name: "the attempt's timeout, and the work returns the cause", trialConfig: trialConfig{stage: limit(time.Second)},
			work: func(ctx context.Context, _ string) (string, error) {
				<-ctx.Done()
				return "", context.Cause(ctx)
			},
			want: byAttempt, ran: time.Second, is: []error{core.ErrTimeout}, fate: fates{core.Unclean},
		},
		{
			name: "the attempt's timeout, and the work has an error of its own", trialConfig: trialConfig{stage: limit(time.Second)},
			work: hangWith(errLimited), want: core.Class{Verdict: core.Failure, Retry: core.RetryAlways, Conn: core.Unclean, ErrorType: "timeout"},
			ran: time.Second, is: []error{core.ErrTimeout, errLimited}, fate: fates{core.Unclean},
		},
		{
			name: "the attempt's timeout while waiting in a pool", trialConfig: trialConfig{stage: limit(time.Second), acquire: waitFor(coretest.Exhausted{})},
			want: poolTimeout, is: []error{coretest.Exhausted{}}, not: []error{core.ErrTimeout},
		},
		{
			name: "a deadline of a user's own stage", trialConfig: trialConfig{stage: deadlineOfItsOwn}, work: hang,
			want: byAttempt, ran: time.Second, is: []error{core.ErrTimeout, context.DeadlineExceeded}, fate: fates{core.Unclean},
		},
		{
			name: "a deadline of the work's own", // nobody's clock but its own
			work: func(context.Context, string) (string, error) { return "", context.DeadlineExceeded },
			want: core.Class{Verdict: core.Failure, Retry: core.RetryIfIdempotent, Conn: core.Keep, ErrorType: "deadline_exceeded"},
			is:   []error{context.DeadlineExceeded}, not: []error{core.ErrTimeout}, fate: fates{core.Keep},
		},
		{
			name: "a cancel of the work's own",
			work: func(context.Context, string) (string, error) { return "", context.Canceled },
			want: core.Class{Verdict: core.Failure, Retry: core.RetryIfIdempotent, Conn: core.Keep, ErrorType: errtype.Canceled},
			is:   []error{context.Canceled}, fate: fates{core.Keep},
		},
		{
			name: "a stage gave the attempt up", trialConfig: trialConfig{stage: giveUp}, work: hang,
			want: byCaller, ran: time.Second, is: []error{context.Canceled}, fate: fates{core.Unclean},
		},

		{name: "no connection", trialConfig: trialConfig{acquire: acquire(coretest.Exhausted{})}, want: poolTimeout, is: []error{coretest.Exhausted{}}},
		{name: "a dial failed", trialConfig: trialConfig{acquire: acquire(errUnavailable)}, want: dialFailed, is: []error{errUnavailable}},
		{
			name: "the backend refused the connection as it refuses a statement", trialConfig: trialConfig{acquire: acquire(errStatement)},
			want: neverAsked, is: []error{errStatement},
		},
		{
			name: "the pool refused", trialConfig: trialConfig{acquire: acquire(fmt.Errorf("pool: %w", errRefused))},
			want: rejected, is: []error{core.ErrRejected},
		},
		{
			name: "a stage refused", trialConfig: trialConfig{stage: refuse(1, fmt.Errorf("gate: %w", errRefused))},
			want: rejected, is: []error{core.ErrRejected}, unseen: true,
		},
		{
			name: "a stage failed by an error that the backend would count", trialConfig: trialConfig{stage: refuse(1, errUnavailable)},
			want: dialFailed, is: []error{errUnavailable}, unseen: true,
		},
		{
			name: "a stage refused the statement", trialConfig: trialConfig{stage: refuse(1, errStatement)},
			want: neverAsked, is: []error{errStatement}, unseen: true,
		},

		{name: "a statement error", work: fail(errStatement), want: statement, is: []error{errStatement}, fate: fates{core.Keep}},
		{
			name: "a statement error, though the attempt's time was over", trialConfig: trialConfig{stage: limit(time.Second)},
			work: hangWith(errStatement), want: statement, ran: time.Second, is: []error{errStatement}, not: []error{core.ErrTimeout}, fate: fates{core.Keep},
		},
		{
			name: "not ready", work: fail(errNotReady), is: []error{errNotReady}, fate: fates{core.Keep},
			want: core.Class{Verdict: core.Neutral, Retry: core.RetryIfReadOnly, Conn: core.Keep, ErrorType: errtype.Other},
		},
		{name: "unavailable", work: fail(errUnavailable), want: unavailable, is: []error{errUnavailable}, fate: fates{core.Suspect}},
		{
			name: "unavailable, as others on that connection said before", trialConfig: trialConfig{stale: true}, work: fail(errUnavailable),
			want: core.Class{Verdict: core.Neutral, Retry: core.RetryIfIdempotent, Conn: core.Suspect, ErrorType: "UNAVAILABLE"},
			is:   []error{errUnavailable}, fate: fates{core.Suspect},
		},
		{
			name: "a timeout on a connection that others reported", trialConfig: trialConfig{stale: true, stage: limit(time.Second)}, work: hang,
			want: byAttempt, ran: time.Second, is: []error{core.ErrTimeout}, fate: fates{core.Unclean},
		},
		{name: "rate limited", work: fail(errLimited), want: rateLimited, is: []error{errLimited}, fate: fates{core.Keep}},
		{
			name: "the work was itself refused elsewhere", work: fail(fmt.Errorf("another client: %w", errRefused)),
			want: rejected, is: []error{core.ErrRejected}, fate: fates{core.Keep},
		},
		{
			name: "the work awaited one that panicked", work: fail(fmt.Errorf("future: %w", core.ErrPanic)),
			want: core.Class{Verdict: core.Failure, Retry: core.RetryNever, Conn: core.Unclean, ErrorType: "panic"}, is: []error{core.ErrPanic}, fate: fates{core.Unclean},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx := t.Context()
				if test.caller != nil {
					var cancel context.CancelFunc
					ctx, cancel = test.caller(ctx)
					defer cancel()
				}
				run := test.work
				if run == nil {
					run = func(context.Context, string) (string, error) {
						t.Error("the work ran")
						return "", nil
					}
				}
				tr := newTrial(t, test.trialConfig)
				_, err := core.Do(ctx, tr.client, search, run)

				for _, target := range test.is {
					if !errors.Is(err, target) {
						t.Errorf("Do = %v, want one that is %v", err, target)
					}
				}
				for _, target := range test.not {
					if errors.Is(err, target) {
						t.Errorf("Do = %v, want one that is not %v", err, target)
					}
				}
				if (err == nil) != (len(test.is) == 0) {
					t.Errorf("Do = %v, want %v", err, test.is)
				}
				if err != nil && core.ErrorType(err) != test.want.ErrorType {
					t.Errorf("ErrorType(%v) = %s, the class says %s", err, core.ErrorType(err), test.want.ErrorType)
				}
				if tr.outcome.Class != test.want {
					t.Errorf("Since = %#v\nwant %#v", tr.outcome.Class, test.want)
				}
				if e, ok := errors.AsType[*core.Error](err); ok && e.Outcome != tr.outcome {
					t.Errorf("the error carries %#v\nthe outermost stage saw %#v", e.Outcome, tr.outcome)
				}
				if tr.outcome.Ran != test.ran {
					t.Errorf("Ran = %v, want %v", tr.outcome.Ran, test.ran)
				}
				if tr.outcome.OutOfTime != test.late {
					t.Errorf("OutOfTime = %t, want %t", tr.outcome.OutOfTime, test.late)
				}
				if !slices.Equal(tr.fates, test.fate) {
					t.Errorf("returned as %v, want %v", tr.fates, test.fate)
				}
				if tr.outcome.Reached == test.unseen {
					t.Errorf("Reached = %t, want %t", tr.outcome.Reached, !test.unseen)
				}
				held := test.work != nil && !(test.stale && test.want.Verdict == core.Neutral)
				if judged := held && !tr.outcome.Rejected || test.want.Verdict == core.Failure; tr.outcome.Judged != judged {
					t.Errorf("Judged = %t with a connection held: %t", tr.outcome.Judged, held)
				}
				wantEnded := 1
				if test.unseen {
					wantEnded = 0
				}
				if len(tr.guard.ended) != wantEnded || tr.guard.began != len(test.fate) {
					t.Errorf("BeforeWork %d times, AfterAttempt %d times, want %d, %d", tr.guard.began, len(tr.guard.ended), len(test.fate), wantEnded)
				}
				if tr.source.Out() != 0 {
					t.Errorf("%d leases are out, want none", tr.source.Out())
				}
			})
		})
	}
}

// TestAnOperationIsJudgedByItsLastAttemptThatWasNotRefused takes what each of
// several attempts ends with, and what the operation is then.
func TestAnOperationIsJudgedByItsLastAttemptThatWasNotRefused(t *testing.T) {
	const (
		onAcquire = iota // the error comes from Acquire
		inWork           // from the work
		byStage          // from a stage, and next is not called
	)
	type attempt struct {
		from int
		err  error
	}
	failed, answered := attempt{inWork, errUnavailable}, attempt{inWork, errStatement}
	noConn, noDial := attempt{onAcquire, coretest.Exhausted{}}, attempt{onAcquire, errUnavailable}
	refused, slowed := attempt{byStage, errRefused}, attempt{inWork, errLimited}
	tests := []struct {
		name     string
		attempts []attempt
		outcome  core.Class
		last     core.Class // of the last attempt alone: what a stage that repeats acts on
	}{
		{"failed, then no connection", []attempt{failed, noConn}, unavailable, poolTimeout},
		{"failed, then refused", []attempt{failed, refused}, unavailable, rejected},
		{"failed, then refused, then no connection", []attempt{failed, refused, noConn}, unavailable, poolTimeout},
		{"failed, then no connection, then refused", []attempt{failed, noConn, refused}, unavailable, rejected},
		{"no connection, then failed", []attempt{noConn, failed}, unavailable, unavailable},
		{"no connection twice", []attempt{noConn, noConn}, poolTimeout, poolTimeout},
		{"no connection, then refused", []attempt{noConn, refused}, poolTimeout, rejected},
		{"refused twice", []attempt{refused, refused}, rejected, rejected},
		{"failed, then answered", []attempt{failed, answered}, statement, statement},
		{"answered, then failed", []attempt{answered, failed}, unavailable, unavailable},
		{"failed, then rate limited", []attempt{failed, slowed}, rateLimited, rateLimited},
		{"dial failed, then no connection", []attempt{noDial, noConn}, dialFailed, poolTimeout},
		{"failed, then dial failed", []attempt{failed, noDial}, dialFailed, dialFailed},
		{"failed, then it worked", []attempt{failed, {inWork, nil}}, succeeded, succeeded},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var n int // of the attempt, from 0
			var last core.Outcome
			stage := func(next core.Handler) core.Handler {
				return func(ctx context.Context, call *core.Call) (err error) {
					for n = range test.attempts {
						if n > 0 {
							call.NextAttempt()
						}
						mark := call.Mark()
						if a := test.attempts[n]; a.from == byStage {
							err = a.err
						} else {
							err = next(ctx, call)
						}
						last = call.LastSince(mark, err)
					}
					return err
				}
			}
			tr := newTrial(t, trialConfig{stage: stage, acquire: func(context.Context) error {
				if a := test.attempts[n]; a.from == onAcquire {
					return a.err
				}
				return nil
			}})
			_, err := core.Do(t.Context(), tr.client, search, func(context.Context, string) (string, error) {
				return "", test.attempts[n].err
			})
			if tr.outcome.Class != test.outcome {
				t.Errorf("Since = %#v\nwant %#v", tr.outcome.Class, test.outcome)
			}
			if last.Class != test.last {
				t.Errorf("LastSince = %#v\nwant %#v", last.Class, test.last)
			}
			if e, ok := errors.AsType[*core.Error](err); ok && e.Outcome != tr.outcome {
				t.Errorf("the error carries %#v\nthe outermost stage saw %#v", e.Outcome, tr.outcome)
			}
		})
	}
}

func TestSinceIsNotDeceivedByAJoinedError(t *testing.T) {
	// What retry returns joins the attempts' errors; the rejection among them
	// must not hide the failure, nor the failure an answer.
	tests := []struct {
		name string
		work work
		join error
		want core.Class
	}{
		{"a failure joined with a rejection", fail(errUnavailable), errRefused, unavailable},
		{"an answer joined with a failure", fail(errStatement), errUnavailable, statement},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			tr := newTrial(t, trialConfig{stage: func(next core.Handler) core.Handler {
				return func(ctx context.Context, call *core.Call) error { return errors.Join(test.join, next(ctx, call)) }
			}})
			_, _ = core.Do(t.Context(), tr.client, search, test.work)
			if tr.outcome.Class != test.want {
				t.Errorf("Since = %#v, want %#v", tr.outcome.Class, test.want)
			}
		})
	}
}

func TestAStageThatSpoilsAGoodAnswerIsActedOnButNotBlamedOnTheBackend(t *testing.T) {
	synctest.Test(t, spoiled)
}

func spoiled(t *testing.T) {
	tr := newTrial(t, trialConfig{stage: func(next core.Handler) core.Handler {
		return func(ctx context.Context, call *core.Call) error {
			if err := next(ctx, call); err != nil {
				return err
			}
			return errUnavailable
		}
	}})
	_, err := core.Do(t.Context(), tr.client, search, func(context.Context, string) (string, error) {
		time.Sleep(time.Second)
		return "result", nil
	})
	for who, o := range map[string]core.Outcome{"Since": tr.outcome, "LastSince": tr.last} {
		if !o.Reached || !o.Judged || o.Ran != time.Second {
			t.Errorf("%s = %#v, want it reached, judged and to have run 1s", who, o)
		}
	}
	if !errors.Is(err, errUnavailable) || tr.outcome.Verdict != core.Success || tr.last.Class != unavailable {
		t.Errorf("Do = %v, Since = %#v, LastSince = %#v, want a success of the backend and %#v", err, tr.outcome, tr.last, unavailable)
	}
}

func TestWithoutAClassifierNoConnectionIsBlamedForAnEndOfTime(t *testing.T) {
	// A shared connection that is suspect is passed over, and the failures of all
	// who were on it count once. An end of time says nothing of that kind.
	tests := []struct {
		name  string
		stage core.Middleware
		end   func(context.Context) (context.Context, context.CancelFunc)
		want  core.Verdict
	}{
		{"the attempt's timeout", limit(time.Second), context.WithCancel, core.Failure},
		{"the caller's cancel", nil, canceled, core.Neutral},
		{"the caller's deadline", nil, deadline, core.Failure},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tr := newTrial(t, trialConfig{stale: true})
				watch := func(next core.Handler) core.Handler {
					return func(ctx context.Context, call *core.Call) error {
						call.Attach(&tr.guard)
						return next(ctx, call)
					}
				}
				client := newClient(t, core.ClientConfig[string]{Source: &tr.source, Middleware: core.Compose(watch, test.stage)})
				ctx, cancel := test.end(t.Context())
				defer cancel()
				_, err := core.Do(ctx, client, search, hang)
				if !slices.Equal(tr.fates, fates{core.Unclean}) || len(tr.guard.ended) != 1 || tr.guard.ended[0].Verdict != test.want {
					t.Errorf("Do = %v: returned as %v, outcomes %#v, want Unclean and %v", err, tr.fates, tr.guard.ended, test.want)
				}
			})
		})
	}
}
