// SPDX-License-Identifier: Apache-2.0

package core_test

import (
	"context"
	"errors"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/penstock-go/penstock/core"
)

var errBoom = errors.New("boom")

//go:noinline
func explode() { panic(errBoom) }

func panicking(context.Context, string) (string, error) {
	explode()
	return "result", nil
}

func exiting(context.Context, string) (string, error) {
	runtime.Goexit()
	return "result", nil
}

// panicOf returns what f panics with, and the stack where it was recovered.
func panicOf(f func()) (value any, stack string) {
	defer func() {
		value = recover()
		stack = string(debug.Stack())
	}()
	f()
	return nil, ""
}

// exits reports whether f ends its goroutine by runtime.Goexit.
func exits(f func()) (exited bool) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		exited = true
		f()
		exited = false
	}()
	<-done
	return exited
}

var panicClass = core.Class{Verdict: core.Failure, Retry: core.RetryNever, Conn: core.Unclean, ErrorType: "panic"}

// checkPanicked checks what is left behind by one attempt whose work did not
// return.
func checkPanicked(t *testing.T, tr *trial) {
	t.Helper()
	if tr.source.Out() != 0 {
		t.Errorf("%d leases are out, want none", tr.source.Out())
	}
	if !slices.Equal(tr.fates, fates{core.Unclean}) || !slices.Equal(tr.reasons, []error{core.ErrPanic}) {
		t.Errorf("Return(%v, %v), want Unclean because of ErrPanic", tr.fates, tr.reasons)
	}
	if !slices.Equal(tr.guard.classes(), []core.Class{panicClass}) {
		t.Errorf("AfterAttempt with %#v, want %#v", tr.guard.ended, panicClass)
	}
	if tr.outcome.Class != panicClass || tr.last.Class != panicClass || !tr.outcome.Judged {
		t.Errorf("Since = %#v, LastSince = %#v, want %#v, judged", tr.outcome, tr.last, panicClass)
	}
}

func TestAPanicInTheWorkGoesOnWithItsStack(t *testing.T) {
	tr := newTrial(t, trialConfig{})
	value, stack := panicOf(func() { _, _ = core.Do(t.Context(), tr.client, search, panicking) })
	if value != errBoom {
		t.Errorf("Do panicked with %v, want the value itself", value)
	}
	if !strings.Contains(stack, "core_test.explode") {
		t.Errorf("the function that panicked is not in the stack:\n%s", stack)
	}
	checkPanicked(t, tr)
}

func TestGoexitInTheWorkGoesOn(t *testing.T) {
	tr := newTrial(t, trialConfig{})
	if !exits(func() { _, _ = core.Do(t.Context(), tr.client, search, exiting) }) {
		t.Error("Do returned, want the goroutine to end")
	}
	checkPanicked(t, tr)
}

func TestAPanicInALaterAttemptIsTheOutcome(t *testing.T) {
	tr := newTrial(t, trialConfig{stage: repeat(2)})
	attempts := 0
	value, _ := panicOf(func() {
		_, _ = core.Do(t.Context(), tr.client, search, func(context.Context, string) (string, error) {
			if attempts++; attempts == 2 {
				explode()
			}
			return "", errLimited
		})
	})
	if value != errBoom || tr.outcome.Class != panicClass || len(tr.guard.ended) != 2 {
		t.Errorf("panic %v, Since = %#v after %d attempts, want %#v after 2", value, tr.outcome, len(tr.guard.ended), panicClass)
	}
}

func TestAPanicInTheClassifierLosesNoConnection(t *testing.T) {
	tr := newTrial(t, trialConfig{})
	watch := func(next core.Handler) core.Handler {
		return func(ctx context.Context, call *core.Call) error {
			call.Attach(&tr.guard)
			return next(ctx, call)
		}
	}
	client := newClient(t, core.ClientConfig[string]{
		Source: &tr.source, Middleware: watch, Classifier: func(error) core.Class { panic(errBoom) },
	})
	value, _ := panicOf(func() { _, _ = core.Do(t.Context(), client, search, fail(errUnavailable)) })
	if value != errBoom || tr.source.Out() != 0 || !slices.Equal(tr.fates, fates{core.Unclean}) {
		t.Errorf("panic %v, %d leases out, returned %v, want none out and Unclean", value, tr.source.Out(), tr.fates)
	}
	if !slices.Equal(tr.guard.classes(), []core.Class{panicClass}) {
		t.Errorf("AfterAttempt with %#v, want %#v", tr.guard.ended, panicClass)
	}
}

// startle is a guard that panics before the work begins.
type startle struct{ core.NopGuard }

func (*startle) BeforeWork(*core.Call) error { explode(); return nil }

func TestAPanicInAGuardLosesNoConnection(t *testing.T) {
	tr := newTrial(t, trialConfig{stage: func(next core.Handler) core.Handler {
		return func(ctx context.Context, call *core.Call) error {
			call.Attach(new(startle))
			return next(ctx, call)
		}
	}})
	value, _ := panicOf(func() { _, _ = core.Do(t.Context(), tr.client, search, fail()) })
	if value != errBoom {
		t.Errorf("Do panicked with %v, want %v", value, errBoom)
	}
	if tr.source.Out() != 0 || !slices.Equal(tr.fates, fates{core.Unclean}) || tr.outcome.Class != panicClass || tr.outcome.Ran != 0 {
		t.Errorf("%d leases out, returned %v, Since = %#v; want none out, Unclean and %#v", tr.source.Out(), tr.fates, tr.outcome, panicClass)
	}
}

func TestAPanicInAcquireGoesOnAndIsJudged(t *testing.T) {
	for name, end := range map[string]func(){"panic": explode, "Goexit": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			tr := newTrial(t, trialConfig{acquire: func(context.Context) error {
				end()
				return nil
			}})
			var value any
			if !exits(func() {
				value, _ = panicOf(func() { _, _ = core.Do(t.Context(), tr.client, search, fail()) })
			}) && value != errBoom {
				t.Errorf("Do panicked with %v, want %v", value, errBoom)
			}
			if tr.source.Leases() != 0 || len(tr.fates) != 0 {
				t.Errorf("%d leases, returned %v, want none of either", tr.source.Leases(), tr.fates)
			}
			if tr.guard.began != 0 || len(tr.guard.ended) != 1 || tr.guard.ended[0].Class != panicClass || tr.guard.ended[0].Ran != 0 {
				t.Errorf("BeforeWork %d times, AfterAttempt with %#v, want never, and once with %#v", tr.guard.began, tr.guard.ended, panicClass)
			}
			if tr.outcome.Verdict != core.Failure || tr.outcome.ErrorType != "panic" || !tr.outcome.Judged {
				t.Errorf("Since = %#v, want a failure by panic", tr.outcome)
			}
		})
	}
}
