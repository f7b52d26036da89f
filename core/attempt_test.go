// SPDX-License-Identifier: Apache-2.0

package core_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"

	"github.com/penstock-go/penstock/core"
)

func TestAttemptOfIsNilSafe(t *testing.T) {
	attempt := core.AttemptOf(t.Context())
	if attempt != nil {
		t.Fatalf("AttemptOf = %v outside of an attempt, want nil", attempt)
	}
	attempt.MayHaveApplied()
}

type foreignKey struct{}

func TestWhatMayHaveBeenAppliedCountsAsSent(t *testing.T) {
	// The classifier looks at the last error alone, and says that it changed
	// nothing; a request before it did.
	tests := []struct {
		name    string
		applied bool
		err     error
		sent    bool
	}{
		{"rate limited at once", false, errLimited, false},
		{"rate limited after a write", true, errLimited, true},
		{"refused elsewhere after a write", true, errRefused, true},
		{"statement error after a write", true, errStatement, true},
		{"not ready", false, errNotReady, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			tr := newTrial(t, trialConfig{})
			_, _ = core.Do(t.Context(), tr.client, core.Op{Name: "Insert"}, func(ctx context.Context, _ string) (string, error) {
				if test.applied {
					// As an interceptor sees it, deep in the client's own contexts.
					ctx, cancel := context.WithCancel(context.WithValue(ctx, foreignKey{}, "value"))
					defer cancel()
					core.AttemptOf(ctx).MayHaveApplied()
				}
				return "", test.err
			})
			if tr.outcome.Sent != test.sent || tr.last.Sent != test.sent {
				t.Errorf("Outcome = %#v, LastAttempt = %#v, want Sent %t", tr.outcome, tr.last, test.sent)
			}
			if test.sent && tr.outcome.RetryableAs(core.Unsafe) {
				t.Error("an Unsafe operation would be repeated")
			}
		})
	}
}

func TestAStageThatSpoilsAGoodAnswerStillCountsAsSent(t *testing.T) {
	tr := newTrial(t, trialConfig{stage: func(next core.Handler) core.Handler {
		return func(ctx context.Context, call *core.Call) error { return errors.Join(next(ctx, call), errLimited) }
	}})
	_, _ = core.Do(t.Context(), tr.client, search, func(ctx context.Context, _ string) (string, error) {
		core.AttemptOf(ctx).MayHaveApplied()
		return "", nil
	})
	if !tr.last.Sent {
		t.Errorf("LastAttempt = %#v, want Sent", tr.last)
	}
}

func TestEachAttemptHasAnAccountOfItsOwn(t *testing.T) {
	var kept []context.Context
	tr := newTrial(t, trialConfig{stage: repeat(3)})
	_, _ = core.Do(t.Context(), tr.client, search, func(ctx context.Context, _ string) (string, error) {
		kept = append(kept, ctx)
		if len(kept) == 2 {
			// A request of attempt 1 that was given up comes to its end now.
			core.AttemptOf(kept[0]).MayHaveApplied()
		}
		return "", errLimited
	})
	if len(kept) != 3 {
		t.Fatalf("%d attempts, want 3", len(kept))
	}
	accounts := map[*core.Attempt]bool{}
	for i, ctx := range kept {
		accounts[core.AttemptOf(ctx)] = true
		if tr.guard.ended[i].Sent {
			t.Errorf("attempt %d: %#v, want not Sent", i+1, tr.guard.ended[i])
		}
	}
	if len(accounts) != 3 || accounts[nil] {
		t.Errorf("%d accounts for 3 attempts, want one each", len(accounts))
	}
}

func TestANestedOperationHasAnAccountOfItsOwn(t *testing.T) {
	outer, inner := newTrial(t, trialConfig{}), newTrial(t, trialConfig{})
	_, err := core.Do(t.Context(), outer.client, search, func(ctx context.Context, _ string) (string, error) {
		return core.Do(ctx, inner.client, search, func(innerCtx context.Context, _ string) (string, error) {
			if core.AttemptOf(ctx) == core.AttemptOf(innerCtx) {
				t.Error("both operations have the same account")
			}
			return "", nil
		})
	})
	if err != nil {
		t.Error(err)
	}
}

func TestTheAccountIsSafeForConcurrentUse(t *testing.T) {
	tr := newTrial(t, trialConfig{stage: repeat(2)})
	_, _ = core.Do(t.Context(), tr.client, search, func(ctx context.Context, _ string) (string, error) {
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() { core.AttemptOf(ctx).MayHaveApplied() })
		}
		wg.Wait()
		return "", errLimited
	})
	if len(tr.guard.ended) != 2 || !tr.guard.ended[0].Sent || !tr.guard.ended[1].Sent {
		t.Errorf("classes %#v, want two that are Sent", tr.guard.ended)
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
