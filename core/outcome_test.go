// SPDX-License-Identifier: Apache-2.0

package core_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
)

// row is a row of a table, and when it fits.
type row struct {
	name string
	fits func(situation) bool
}

// rows are the rows of the table in the comment of Call.conclude, which is the
// law of what an attempt comes to: the first row that fits holds. What a row says
// is read from the comment.
var rows = []row{
	{"panic or Goexit", func(s situation) bool { return s.at == inPanic || s.at == inGoexit }},
	{"refused by a stage or a guard", func(s situation) bool {
		return s.at == inGuard || s.waits() && errors.Is(s.err, core.ErrRejected)
	}},
	{"at work: answered (Success)", func(s situation) bool { return s.at == inWork && s.class().Verdict == core.Success }},
	{"caller canceled", func(s situation) bool { return s.caller == cancels }},
	{"in a stage: operation's deadline", func(s situation) bool { return s.at == inStage && s.callerLate() }},
	{"in a wait: the source says why", func(s situation) bool { return s.waits() && s.explainsItself() }},
	{"in a wait: a context ended", func(s situation) bool {
		return s.waits() && s.saysContextEnded() && (s.at == inStage || s.caller != lasts || s.attempt != lasts)
	}},
	{"at work: operation's deadline", func(s situation) bool { return s.at == inWork && s.callerLate() }},
	{"at work: attempt's timeout", func(s situation) bool { return s.at == inWork && s.attempt == timesOut }},
	{"at work: a stage gave the attempt up", func(s situation) bool { return s.at == inWork && s.attempt == cancels }},
	{"anything else", func(situation) bool { return true }},
}

// situation is one way in which an attempt ends, two seconds after it began.
type situation struct {
	at      place
	caller  clock // of the operation
	attempt clock // of the attempt, earlier
	err     error // that it ends with
	waited  bool  // longer for a connection than the work took
	applied bool
}

// place is where an attempt ends.
type place string

const (
	inStage  place = "in a stage"
	inSource place = "waiting for a connection"
	inGuard  place = "by a guard"
	inWork   place = "at work"
	inPanic  place = "by a panic"
	inGoexit place = "by Goexit"
)

// clock is how a context ends before the attempt does.
type clock string

const (
	lasts    clock = "lasts"
	cancels  clock = "canceled"
	timesOut clock = "times out"
	ours     clock = "times out by the client" // the operation alone
)

func (s situation) String() string {
	text := fmt.Sprintf("%s: operation %s, attempt %s, error %q", s.at, s.caller, s.attempt, s.err)
	if s.waited {
		text += ", after a long wait"
	}
	if s.applied {
		text += ", applied"
	}
	return text
}

func (s situation) callerLate() bool { return s.caller == timesOut || s.caller == ours }
func (s situation) waits() bool      { return s.at == inStage || s.at == inSource }

// classified is an error that says itself what it means.
type classified interface {
	error
	Class() core.Class
}

func (s situation) explainsItself() bool {
	_, ok := errors.AsType[classified](s.err)
	return ok
}

func (s situation) saysContextEnded() bool {
	return errors.Is(s.err, core.ErrTimeout) || errors.Is(s.err, context.Canceled) || errors.Is(s.err, context.DeadlineExceeded)
}

// nested reports whether the error is of another operation, or another source.
func (s situation) nested() bool {
	_, ok := s.err.(*core.Error)
	return ok || s.explainsItself()
}

// blameless reports whether the error says that this process refused a nested
// operation, or let it wait in vain.
func (s situation) blameless() bool {
	if e, ok := errors.AsType[*core.Error](s.err); ok {
		return e.Outcome.Verdict == core.Neutral
	}
	return errors.Is(s.err, core.ErrRejected) || s.err == error(coretest.Exhausted{})
}

// retried reports whether a nested operation made further attempts itself.
func (s situation) retried() bool {
	e, ok := errors.AsType[*core.Error](s.err)
	return ok && e.Attempts > 1
}

// class is what the classifier, or the error itself, says.
func (s situation) class() core.Class {
	if errors.Is(s.err, core.ErrRejected) {
		return core.Class{Verdict: core.Neutral, Retry: core.RetryNever, Conn: core.Keep}
	}
	if e, ok := errors.AsType[classified](s.err); ok {
		return e.Class()
	}
	return classifyAll(s.err)
}

// explained is a classified error.
type explained core.Class

func (e explained) Error() string     { return "explained " + core.Class(e).String() }
func (e explained) Class() core.Class { return core.Class(e) }

var (
	errBroken = errors.New("broken")
	errUnsent = errors.New("broken before it was sent")
	errSlow   = core.Sentinel("the backend's own timeout", "timeout")
)

func classifyAll(err error) core.Class {
	switch err {
	case errBroken:
		return core.DeadConn("")
	case errUnsent:
		return core.Class{Verdict: core.Failure, Retry: core.RetryAlways, Conn: core.Broken}
	}
	return backend(err)
}

// situations are all that differ.
func situations() (all []situation) {
	answers := []error{
		errRefused, errStatement, errNotReady, errUnavailable, errLimited, errBroken, errUnsent, errSlow,
		context.Canceled, context.DeadlineExceeded, &core.TimeoutError{Limit: time.Second},
		coretest.Exhausted{}, explained(core.NotApplied("connect_error")), explained(core.Answered("not_found")),
		&core.Error{Op: "Inner", Err: errLimited}, &core.Error{Op: "Inner", Err: coretest.Exhausted{}},
		&core.Error{Op: "Inner", Attempts: 1, Outcome: core.Outcome{Class: core.Class{Verdict: core.Neutral}}, Err: context.DeadlineExceeded},
		&core.Error{Op: "Inner", Attempts: 2, Err: errUnavailable},
	}
	yes := []bool{false, true}
	for _, caller := range []clock{lasts, cancels, timesOut, ours} {
		for _, attempt := range []clock{lasts, cancels, timesOut} {
			for _, at := range []place{inGuard, inPanic, inGoexit} {
				all = append(all, situation{at: at, caller: caller, attempt: attempt})
			}
			for _, err := range answers {
				for _, at := range []place{inStage, inSource} {
					all = append(all, situation{at: at, caller: caller, attempt: attempt, err: err})
				}
				for _, waited := range yes {
					for _, applied := range yes {
						all = append(all, situation{inWork, caller, attempt, err, waited, applied})
					}
				}
			}
		}
	}
	return all
}

// run lets an attempt end in the situation. It is called in a bubble.
func (s situation) run(t *testing.T) (*trial, error) {
	const early, late, end = 1 * time.Second, 1500 * time.Millisecond, 2 * time.Second
	cfg := trialConfig{classifier: classifyAll}
	if s.caller == ours {
		cfg.timeout = late
	}
	if s.waited {
		cfg.wait = time.Hour
	}
	ends := map[place]error{s.at: s.err}
	pause := func(at place) error {
		if at == s.at || at == inSource && s.at == inGuard {
			time.Sleep(end)
		}
		return ends[at]
	}
	cfg.acquire = func(context.Context) error { return pause(inSource) }
	inner := func(next core.Handler) core.Handler {
		return func(ctx context.Context, call *core.Call) error {
			if s.at == inStage {
				return pause(inStage)
			}
			return next(ctx, call)
		}
	}
	outer := core.Middleware(nil)
	switch s.attempt {
	case timesOut:
		outer = limit(early)
	case cancels:
		outer = giveUp
	}
	cfg.stage = core.Compose(outer, inner)
	tr := newTrial(t, cfg)
	if s.at == inGuard {
		tr.guard.refuse = errRefused
	}

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	switch s.caller {
	case cancels:
		time.AfterFunc(late, cancel)
	case timesOut:
		ctx, cancel = context.WithTimeout(ctx, late)
		defer cancel()
	}
	var err error
	exits(func() {
		defer func() { _ = recover() }()
		_, err = core.Do(ctx, tr.client, search, func(ctx context.Context, _ string) (string, error) {
			_ = pause(s.at)
			if s.applied {
				core.MarkApplied(ctx)
			}
			switch s.at {
			case inPanic:
				explode()
			case inGoexit:
				runtime.Goexit()
			}
			return "", s.err
		})
	})
	return tr, err
}

// want returns what the row of the table says of the situation.
func (s situation) want(cells map[string]string) core.Outcome {
	class := s.class()
	o := core.Outcome{
		Reached: s.at != inStage,
		Rejected: strings.HasPrefix(cells["how it ended"], "refused") ||
			cells["how it ended"] == "anything else" && errors.Is(s.err, core.ErrRejected),
		OutOfTime: strings.Contains(cells["how it ended"], "operation's deadline"),
	}

	switch cells["verdict"] {
	case "failure":
		o.Verdict = core.Failure
	case "failure(2)":
		o.Verdict = core.Failure
		if s.waited || s.blameless() {
			o.Verdict = core.Neutral
		}
	case "neutral":
		o.Verdict = core.Neutral
	case "success":
		o.Verdict = core.Success
	case "classifier", "source":
		o.Verdict = class.Verdict
	default:
		panic("no verdict: " + cells["verdict"])
	}

	ended := false // a context ended the work
	switch cells["conn"] {
	case "unclean":
		o.Conn = core.Unclean
		ended = s.at == inWork
	case "keep", "-":
		o.Conn = core.Keep
	case "classifier":
		o.Conn = class.Conn
	default:
		panic("no fate: " + cells["conn"])
	}
	if ended && class.Conn == core.Broken {
		o.Conn = core.Broken
	}

	switch cells["retry"] {
	case "never":
		o.Retry = core.RetryNever
	case "if idempotent":
		o.Retry = core.RetryIfIdempotent
		if class.Retry == core.RetryAlways {
			o.Retry = core.RetryAlways
		}
	case "always":
		o.Retry = core.RetryAlways
	case "classifier", "classifier(1)", "always (1)":
		o.Retry, o.RetryAfter = class.Retry, class.RetryAfter
	default:
		panic("no retry: " + cells["retry"])
	}
	switch {
	case s.waits() && o.Retry != core.RetryNever:
		o.Retry = core.RetryAlways
	case s.at == inWork && s.retried():
		o.Retry = core.RetryNever
	case s.at == inWork && (s.applied || s.nested()):
		o.Retry = min(o.Retry, core.RetryIfIdempotent)
	}

	worked := s.at == inWork || s.at == inPanic || s.at == inGoexit
	if s.waits() && o.Verdict == core.Success {
		o.Verdict = core.Neutral
	}
	o.Judged = worked && !o.Rejected || o.Verdict == core.Failure
	if worked {
		o.Ran = 2 * time.Second
	}
	return o
}

// TestEachRowOfTheTableOfOutcomes lets attempts end in all situations, and looks
// up in the table what they come to.
func TestEachRowOfTheTableOfOutcomes(t *testing.T) {
	table := tableOfOutcomes(t)
	for i, this := range rows {
		t.Run(this.name, func(t *testing.T) {
			n := 0
			for _, s := range situations() {
				if slices.IndexFunc(rows, func(r row) bool { return r.fits(s) }) != i {
					continue
				}
				n++
				synctest.Test(t, func(t *testing.T) { checkOutcome(t, s, s.want(table[this.name])) })
				if t.Failed() {
					break
				}
			}
			if n == 0 {
				t.Error("no situation is one of this row")
			}
		})
	}
}

func checkOutcome(t *testing.T, s situation, want core.Outcome) {
	tr, err := s.run(t)
	check := func(who string, got, want core.Outcome) {
		t.Helper()
		held := s.at == inGuard || !s.waits()
		if !held {
			got.Conn, want.Conn = 0, 0 // there is none
		}
		want.ErrorType = got.ErrorType // see below
		if got != want {
			t.Errorf("%v\n%s = %#v\nwant %#v", s, who, got, want)
		}
		if held && !slices.Equal(tr.fates, fates{want.Conn}) {
			t.Errorf("%v\nreturned as %v, want %v", s, tr.fates, want.Conn)
		}
	}
	check("LastSince", tr.last, want)
	if want.Reached {
		if len(tr.guard.ended) != 1 {
			t.Fatalf("%v\nAfterAttempt %d times, want once", s, len(tr.guard.ended))
		}
		check("AfterAttempt", tr.guard.ended[0], want)
	}
	if want.Verdict == core.Success && !want.Judged {
		want.Verdict = core.Neutral // without a connection it was not the backend that answered
	}
	check("Since", tr.outcome, want)
	if s.at == inPanic || s.at == inGoexit {
		if tr.outcome.ErrorType != "panic" {
			t.Errorf("%v\nErrorType = %s, want panic", s, tr.outcome.ErrorType)
		}
		return
	}
	e, ok := errors.AsType[*core.Error](err)
	if !ok {
		t.Fatalf("%v\nDo = %v, want a *core.Error", s, err)
	}
	if e.Outcome != tr.outcome {
		t.Errorf("%v\nthe error carries %#v\nSince = %#v", s, e.Outcome, tr.outcome)
	}
	// What explains the attempt is in the error, too, unless a stage ended it or
	// gave it up: the error is another's then.
	gaveUp := s.caller == lasts && s.attempt == cancels
	if s.at != inStage && !gaveUp && !s.explainsItself() && core.ErrorType(err) != tr.outcome.ErrorType {
		t.Errorf("%v\nErrorType(%v) = %s, the outcome says %s", s, err, core.ErrorType(err), tr.outcome.ErrorType)
	}
	if s.err != nil && !errors.Is(err, s.err) {
		t.Errorf("%v\nDo = %v, which hides what the attempt ended with", s, err)
	}
}

func TestTheTableOfOutcomesHasTheseRowsInThisOrder(t *testing.T) {
	var want, got []string
	for _, cells := range tableInOrder(t) {
		want = append(want, cells["how it ended"])
	}
	for _, row := range rows {
		got = append(got, row.name)
	}
	if !slices.Equal(got, want) {
		t.Errorf("tested are\n%q\nthe comment has\n%q", got, want)
	}
}

func tableOfOutcomes(t *testing.T) map[string]map[string]string {
	t.Helper()
	table := map[string]map[string]string{}
	for _, cells := range tableInOrder(t) {
		table[cells["how it ended"]] = cells
	}
	return table
}

// tableInOrder reads the table in the comment of Call.conclude: each row by the
// names of its columns.
func tableInOrder(t *testing.T) (table []map[string]string) {
	t.Helper()
	source, err := os.ReadFile("outcome.go")
	if err != nil {
		t.Fatal(err)
	}
	var columns []string
	for _, line := range regexp.MustCompile(`(?m)^//\t(.*\|.*)$`).FindAllStringSubmatch(string(source), -1) {
		cells := strings.Split(line[1], "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		if columns == nil {
			columns = cells
			continue
		}
		named := map[string]string{}
		for i, column := range columns {
			named[column] = cells[i]
		}
		table = append(table, named)
	}
	if want := []string{"how it ended", "verdict", "retry", "conn"}; !slices.Equal(columns, want) || len(table) == 0 {
		t.Fatalf("the table in outcome.go has the columns %q and %d rows, want %q and some", columns, len(table), want)
	}
	return table
}
