// SPDX-License-Identifier: Apache-2.0

package core_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/internal/errtype"
)

func TestRetryAllows(t *testing.T) {
	for _, test := range []struct {
		retry                        core.Retry
		unsafe, idempotent, readOnly bool // wanted
	}{
		{core.RetryNever, false, false, false},
		{core.RetryIfReadOnly, false, false, true},
		{core.RetryIfIdempotent, false, true, true},
		{core.RetryAlways, true, true, true},
		// What is no value allows nothing.
		{core.RetryNever - 1, false, false, false},
		{core.RetryAlways + 1, false, false, false},
	} {
		for safety, want := range map[core.Safety]bool{
			core.Unsafe: test.unsafe, core.Idempotent: test.idempotent, core.ReadOnly: test.readOnly,
		} {
			if got := test.retry.Allows(safety); got != want {
				t.Errorf("%v.Allows(%v) = %t, want %t", test.retry, safety, got, want)
			}
		}
	}
}

func TestTheZeroValuesAreTheCautiousOnes(t *testing.T) {
	if (core.Op{}).Safety != core.Unsafe {
		t.Error("an Op without a Safety is not Unsafe")
	}
	if (core.Class{}) != (core.Class{Verdict: core.Failure, Retry: core.RetryIfIdempotent, Conn: core.Suspect}) {
		t.Error("the zero Class is not a failure that may have been applied, on a connection that may be broken")
	}
	if !(core.Keep < core.Unclean && core.Unclean < core.Suspect && core.Suspect < core.Broken) {
		t.Error("the fates do not go from mildest to hardest")
	}
	if !(core.RetryNever < core.RetryIfReadOnly && core.RetryIfReadOnly < core.RetryIfIdempotent && core.RetryIfIdempotent < core.RetryAlways) {
		t.Error("the values of Retry do not go from none to all")
	}
}

func TestTheReadyClasses(t *testing.T) {
	for _, test := range []struct {
		name  string
		class core.Class
		want  core.Class
		text  string
	}{
		{
			"Answered", core.Answered("not_found"),
			core.Class{Verdict: core.Success, Retry: core.RetryNever, Conn: core.Keep, ErrorType: "not_found"},
			"success not_found, retry never",
		},
		{
			"Busy", core.Busy("busy", time.Minute),
			core.Class{Verdict: core.Neutral, Retry: core.RetryAlways, Conn: core.Keep, RetryAfter: time.Minute, ErrorType: "busy"},
			"neutral busy, retry always",
		},
		{
			"NotApplied", core.NotApplied("never_sent"),
			core.Class{Verdict: core.Failure, Retry: core.RetryAlways, Conn: core.Suspect, ErrorType: "never_sent"},
			"failure never_sent, retry always",
		},
		{
			"DeadConn", core.DeadConn("reset"),
			core.Class{Verdict: core.Failure, Retry: core.RetryIfIdempotent, Conn: core.Broken, ErrorType: "reset"},
			"failure reset, retry if_idempotent",
		},
		{"the zero Class", core.Class{}, core.Class{}, "failure, retry if_idempotent"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.class != test.want || test.class.String() != test.text {
				t.Errorf("%s = %#v (%v), want %#v (%s)", test.name, test.class, test.class, test.want, test.text)
			}
			// Nothing is lost on the way.
			tr := newTrial(t, trialConfig{classifier: func(error) core.Class { return test.class }})
			_, _ = core.Do(t.Context(), tr.client, search, fail(errors.New("unknown")))
			want := test.want
			if want.ErrorType == "" {
				want.ErrorType = errtype.Other
			}
			if tr.outcome.Class != want || !slices.Equal(tr.fates, fates{want.Conn}) {
				t.Errorf("Since = %#v, returned as %v, want %#v", tr.outcome.Class, tr.fates, want)
			}
		})
	}
}

func TestAClassifierThatForgetsCostsAConnectionOrARetryAndNoDuplicate(t *testing.T) {
	for name, classifier := range map[string]core.Classifier{
		"only the verdict": func(error) core.Class { return core.Class{Verdict: core.Failure} },
		"nothing at all":   func(error) core.Class { return core.Class{} },
	} {
		for safety, attempts := range map[core.Safety]int{core.Unsafe: 1, core.Idempotent: 4, core.ReadOnly: 4} {
			t.Run(name+", "+safety.String(), func(t *testing.T) {
				tr := newTrial(t, trialConfig{stage: heed(4), classifier: classifier})
				runs := 0
				_, err := core.Do(t.Context(), tr.client, core.Op{Name: "Insert", Safety: safety}, func(context.Context, string) (string, error) {
					runs++
					return "", errors.New("connection reset")
				})
				if err == nil || runs != attempts {
					t.Errorf("Do = %v after %d attempts, want %d", err, runs, attempts)
				}
				if !slices.Equal(tr.fates, slices.Repeat(fates{core.Suspect}, attempts)) {
					t.Errorf("returned as %v, want Suspect each time", tr.fates)
				}
				if tr.outcome.Verdict != core.Failure || !tr.outcome.Judged {
					t.Errorf("Since = %#v, want a failure that is judged", tr.outcome)
				}
			})
		}
	}
}

func TestWithoutAClassifierEveryErrorGetsTheZeroClass(t *testing.T) {
	for err, want := range map[error]core.Class{
		errors.New("unknown"):    {ErrorType: errtype.Other},
		errUnavailable:           {ErrorType: "UNAVAILABLE"},
		context.Canceled:         {Conn: core.Unclean, ErrorType: errtype.Canceled},
		context.DeadlineExceeded: {Conn: core.Unclean, ErrorType: "deadline_exceeded"},
		fmt.Errorf("reading: %w", context.DeadlineExceeded): {Conn: core.Unclean, ErrorType: "deadline_exceeded"},
	} {
		client := newClient(t, core.ClientConfig[string]{Source: &coretest.Source[string]{}})
		_, got := core.Do(t.Context(), client, search, func(context.Context, string) (string, error) { return "", err })
		e, ok := errors.AsType[*core.Error](got)
		if !ok || e.Outcome.Class != want {
			t.Errorf("Do = %v, Outcome = %#v after %v, want %#v", got, e, err, want)
		}
	}
}

func TestTheClassifierIsNotAskedForWhatExplainsItself(t *testing.T) {
	for _, err := range []error{nil, errRefused, core.ErrPanic, coretest.Exhausted{}, fmt.Errorf("pool: %w", coretest.Exhausted{})} {
		tr := newTrial(t, trialConfig{})
		client := newClient(t, core.ClientConfig[string]{Source: &tr.source, Classifier: func(err error) core.Class {
			t.Errorf("the classifier was asked for %v", err)
			return core.Class{}
		}})
		_, _ = core.Do(t.Context(), client, search, func(context.Context, string) (string, error) { return "", err })
	}
}

// Observers are given the error, not the outcome.
func TestTheErrorHasTheTypeThatTheClassifierGivesIt(t *testing.T) {
	errMissing := errors.New("no such key")
	for _, test := range []struct {
		class core.Class
		want  string
	}{
		{core.Answered("not_found"), "not_found"},
		{core.Class{ErrorType: "odd"}, "odd"},
		{core.Class{}, errtype.Other},
	} {
		var seen error // by a stage
		client, err := core.NewClient(core.ClientConfig[string]{
			Source:     &coretest.Source[string]{},
			Classifier: func(error) core.Class { return test.class },
			Middleware: func(next core.Handler) core.Handler {
				return func(ctx context.Context, call *core.Call) error {
					seen = next(ctx, call)
					return seen
				}
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		_, err = core.Do(t.Context(), client, core.Op{Name: "Get"}, func(context.Context, string) (int, error) { return 0, errMissing })
		if core.ErrorType(seen) != test.want || core.ErrorType(err) != test.want {
			t.Errorf("%v: the error types are %s in the chain and %s behind it, want %s", test.class, core.ErrorType(seen), core.ErrorType(err), test.want)
		}
		if !errors.Is(err, errMissing) || err.Error() != "Get: no such key" {
			t.Errorf("%v: the error is %q, want one that wraps %q", test.class, err, errMissing)
		}
	}
}

func TestAnErrorThatIsRejectedIsNeutralWhateverElseItSays(t *testing.T) {
	tr := newTrial(t, trialConfig{acquire: acquire(errors.Join(coretest.Exhausted{}, errRefused, errUnavailable))})
	_, _ = core.Do(t.Context(), tr.client, search, fail())
	if tr.outcome.Verdict != core.Neutral || tr.outcome.Retry != core.RetryNever {
		t.Errorf("Since = %#v, want neutral and final", tr.outcome)
	}
}

func TestAnOutcomeSaysWhatItIs(t *testing.T) {
	o := core.Outcome{Class: core.Answered("not_found"), Reached: true, Judged: true, Ran: time.Second}
	if got, want := o.String(), "success not_found, retry never, reached, judged, ran 1s"; got != want {
		t.Errorf("String = %q, want %q", got, want)
	}
	if got, want := (core.Outcome{Rejected: true, OutOfTime: true}).String(), "failure, retry if_idempotent, rejected, out of time"; got != want {
		t.Errorf("String = %q, want %q", got, want)
	}
}

func TestTheNamesOfThings(t *testing.T) {
	for got, want := range map[fmt.Stringer]string{
		core.Success: "success", core.Failure: "failure", core.Neutral: "neutral",
		core.Unsafe: "unsafe", core.Idempotent: "idempotent", core.ReadOnly: "read_only",
		core.RetryNever: "never", core.RetryIfReadOnly: "if_read_only", core.RetryIfIdempotent: "if_idempotent", core.RetryAlways: "always",
		core.Keep: "keep", core.Unclean: "unclean", core.Suspect: "suspect", core.Broken: "broken",
		core.ScopeOperation: "operation", core.ScopeAttempt: "attempt", core.ScopeAcquire: "acquire",
		core.ScopeConnect: "connect", core.ScopeProbe: "probe", core.ScopeValidate: "validate",
		core.EventRetry: "retry", core.EventRetryEnd: "retry_end", core.EventReject: "reject",
		core.EventTransition: "transition", core.EventTimeout: "timeout", core.EventHealth: "health",
		// What is no value has no name.
		core.Verdict(3): "unknown", core.RetryNever - 1: "unknown", core.RetryAlways + 1: "unknown",
		core.Keep - 1: "unknown", core.Broken + 1: "unknown", core.ScopeKind(9): "unknown", core.EventKind(9): "unknown",
	} {
		if got.String() != want {
			t.Errorf("%#v.String() = %s, want %s", got, got, want)
		}
	}
}
