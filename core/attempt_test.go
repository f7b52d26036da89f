// SPDX-License-Identifier: Apache-2.0

package core_test

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/penstock-go/penstock/core"
)

func TestMarkAppliedOutsideOfAnAttemptChangesNothing(t *testing.T) {
	tr := newTrial(t, trialConfig{stage: func(next core.Handler) core.Handler {
		return func(ctx context.Context, call *core.Call) error {
			core.MarkApplied(ctx) // the attempt has not begun
			err := next(ctx, call)
			core.MarkApplied(ctx) // and now it is over
			return err
		}
	}})
	core.MarkApplied(t.Context())
	_, _ = core.Do(t.Context(), tr.client, core.Op{Name: "Insert"}, fail(errLimited))
	if tr.outcome.Retry != core.RetryAlways {
		t.Errorf("Since = %#v, want another attempt of any operation", tr.outcome)
	}
}

type foreignKey struct{}

// errNowhere is an error whose class allows an attempt of any operation, though it
// was a failure.
var errNowhere = errors.New("never sent")

func TestMarkAppliedCapsRetry(t *testing.T) {
	// The classifier looks at the last error alone, and says that it changed
	// nothing; a request before it did.
	classify := func(err error) core.Class {
		if err == errNowhere {
			return core.NotApplied("never_sent")
		}
		return backend(err)
	}
	tests := []struct {
		name    string
		applied bool
		err     error
		want    core.Retry
	}{
		{"rate limited at once", false, errLimited, core.RetryAlways},
		{"rate limited after a write", true, errLimited, core.RetryIfIdempotent},
		{"not sent", false, errNowhere, core.RetryAlways},
		{"not sent after a write", true, errNowhere, core.RetryIfIdempotent},
		{"unavailable", false, errUnavailable, core.RetryIfIdempotent},
		{"unavailable after a write", true, errUnavailable, core.RetryIfIdempotent},
		{"not ready", false, errNotReady, core.RetryIfReadOnly},
		{"not ready after a write", true, errNotReady, core.RetryIfReadOnly},
		{"refused elsewhere after a write", true, errRefused, core.RetryNever},
		{"statement error after a write", true, errStatement, core.RetryNever},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			tr := newTrial(t, trialConfig{classifier: classify})
			_, _ = core.Do(t.Context(), tr.client, core.Op{Name: "Insert"}, func(ctx context.Context, _ string) (string, error) {
				if test.applied {
					// As an interceptor sees it, deep in the client's own contexts.
					ctx, cancel := context.WithCancel(context.WithValue(ctx, foreignKey{}, "value"))
					defer cancel()
					core.MarkApplied(ctx)
				}
				return "", test.err
			})
			if tr.outcome.Retry != test.want || tr.last.Retry != test.want || tr.guard.ended[0].Retry != test.want {
				t.Errorf("Since = %v, LastSince = %v, AfterAttempt with %v, want retry %v", tr.outcome, tr.last, tr.guard.ended[0], test.want)
			}
			if test.applied && tr.outcome.Retry.Allows(core.Unsafe) {
				t.Error("an Unsafe operation would be repeated")
			}
		})
	}
}

func TestAStageThatSpoilsAGoodAnswerStillCountsAsApplied(t *testing.T) {
	tr := newTrial(t, trialConfig{stage: func(next core.Handler) core.Handler {
		return func(ctx context.Context, call *core.Call) error { return errors.Join(next(ctx, call), errLimited) }
	}})
	for _, mark := range []bool{true, false} { // work that succeeded may have changed something
		_, _ = core.Do(t.Context(), tr.client, search, func(ctx context.Context, _ string) (string, error) {
			if mark {
				core.MarkApplied(ctx)
			}
			return "", nil
		})
		if tr.last.Retry != core.RetryIfIdempotent {
			t.Errorf("LastSince = %#v, want another attempt of idempotent operations only (marked: %t)", tr.last, mark)
		}
	}
}

func TestEachAttemptHasAnAccountOfItsOwn(t *testing.T) {
	// marks says which attempt's context is marked in which attempt, from 0.
	tests := []struct {
		name  string
		marks map[int]int
		want  []core.Retry
	}{
		{"an earlier attempt's late request", map[int]int{1: 0, 2: 1}, []core.Retry{core.RetryAlways, core.RetryAlways, core.RetryAlways}},
		{"the first", map[int]int{0: 0}, []core.Retry{core.RetryIfIdempotent, core.RetryAlways, core.RetryAlways}},
		{"the second", map[int]int{1: 1}, []core.Retry{core.RetryAlways, core.RetryIfIdempotent, core.RetryAlways}},
		{"the last", map[int]int{2: 2}, []core.Retry{core.RetryAlways, core.RetryAlways, core.RetryIfIdempotent}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var kept []context.Context
			tr := newTrial(t, trialConfig{stage: repeat(3)})
			_, _ = core.Do(t.Context(), tr.client, search, func(ctx context.Context, _ string) (string, error) {
				kept = append(kept, ctx)
				if which, ok := test.marks[len(kept)-1]; ok {
					core.MarkApplied(kept[which])
				}
				return "", errLimited
			})
			var got []core.Retry
			for _, o := range tr.guard.ended {
				got = append(got, o.Retry)
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("the attempts ended with retry %v, want %v", got, test.want)
			}
		})
	}
}

func TestANestedOperationHasAnAccountOfItsOwn(t *testing.T) {
	outer, inner := newTrial(t, trialConfig{}), newTrial(t, trialConfig{})
	_, _ = core.Do(t.Context(), outer.client, search, func(ctx context.Context, _ string) (string, error) {
		core.MarkApplied(ctx)
		_, _ = core.Do(ctx, inner.client, search, func(context.Context, string) (string, error) {
			core.MarkApplied(ctx) // the outer one's
			return "", errLimited
		})
		return "", errLimited
	})
	if inner.outcome.Retry != core.RetryAlways || outer.outcome.Retry != core.RetryIfIdempotent {
		t.Errorf("Since = %v of the inner operation, %v of the outer, want the mark on the outer alone", inner.outcome, outer.outcome)
	}
}

func TestMarkAppliedIsSafeForConcurrentUse(t *testing.T) {
	tr := newTrial(t, trialConfig{stage: repeat(2)})
	_, _ = core.Do(t.Context(), tr.client, search, func(ctx context.Context, _ string) (string, error) {
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() { core.MarkApplied(ctx) })
		}
		wg.Wait()
		return "", errLimited
	})
	if len(tr.guard.ended) != 2 || tr.guard.ended[0].Retry != core.RetryIfIdempotent || tr.guard.ended[1].Retry != core.RetryIfIdempotent {
		t.Errorf("outcomes %v, want two that may have been applied", tr.guard.ended)
	}
}

func TestTheContextOfAnAttemptIsThatOfItsStages(t *testing.T) {
	type key struct{}
	caller, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, "caller's"))
	defer cancel()
	tr := newTrial(t, trialConfig{stage: repeat(2)}) // the contexts of later attempts are made otherwise
	attempts := 0
	_, _ = core.Do(caller, tr.client, search, func(ctx context.Context, _ string) (string, error) {
		attempts++
		if ctx.Value(key{}) != "caller's" {
			t.Error("the caller's value is not visible")
		}
		const n = 100
		before := runtime.NumGoroutine()
		children := make([]context.Context, n)
		for i := range children {
			child, cancel := context.WithCancel(ctx)
			defer cancel()
			children[i] = child
		}
		if started := runtime.NumGoroutine() - before; started >= n {
			t.Errorf("attempt %d: %d goroutines for %d children, want none", attempts, started, n)
		}
		if attempts == 2 {
			cancel()
			for _, child := range children {
				if child.Err() != context.Canceled {
					t.Fatal("a child lives on after its caller's cancel")
				}
			}
		}
		return "", errLimited
	})
	if attempts != 2 {
		t.Errorf("%d attempts, want 2", attempts)
	}
}
