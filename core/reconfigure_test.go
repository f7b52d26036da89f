// SPDX-License-Identifier: Apache-2.0

package core_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
)

// named is a stage that puts its name into passed for each operation that passes.
func named(name string, passed *[]string) core.Middleware {
	return func(next core.Handler) core.Handler {
		return func(ctx context.Context, call *core.Call) error {
			*passed = append(*passed, name)
			return next(ctx, call)
		}
	}
}

func TestAnOperationEndsUnderTheSettingsUnderWhichItBegan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var passed []string
		client := newClient(t, core.ClientConfig[string]{
			Source: &coretest.Source[string]{}, OperationTimeout: 2 * time.Second,
			Middleware: core.Compose(repeat(2), named("old", &passed)),
		})
		begin := time.Now()
		first := true
		_, err := core.Do(t.Context(), client, search, func(ctx context.Context, _ string) (string, error) {
			if first {
				first = false
				if err := client.Reconfigure(core.ClientConfig[string]{OperationTimeout: time.Hour, Middleware: named("new", &passed)}); err != nil {
					t.Error(err)
				}
				return "", errUnavailable
			}
			<-ctx.Done()
			return "", ctx.Err()
		})
		timeout, ok := errors.AsType[*core.TimeoutError](err)
		if took := time.Since(begin); !ok || timeout.Limit != 2*time.Second || took != timeout.Limit {
			t.Errorf("the operation under way ended after %v with %v, want the timeout of 2s", took, err)
		}
		if got := strings.Join(passed, " "); got != "old old" {
			t.Errorf("its attempts passed %q, want the old stage twice", got)
		}
		passed = nil
		if _, err := core.Do(t.Context(), client, search, succeed); err != nil || strings.Join(passed, " ") != "new" {
			t.Errorf("the next operation passed %q and returned %v, want the new stage alone", passed, err)
		}
	})
}

func succeed(context.Context, string) (string, error) { return "result", nil }

func TestASmallerMaxAsyncLetsOperationsUnderWayEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := newClient(t, core.ClientConfig[string]{Source: &coretest.Source[string]{}, MaxAsync: 2})
		release := make(chan struct{})
		under := []*core.Future[string]{core.Go(t.Context(), client, search, until(release)), core.Go(t.Context(), client, search, until(release))}
		if err := client.Reconfigure(core.ClientConfig[string]{MaxAsync: 1}); err != nil {
			t.Fatal(err)
		}
		if _, err := core.Go(t.Context(), client, search, succeed).Await(t.Context()); !errors.Is(err, core.ErrAsyncLimit) {
			t.Errorf("Await = %v with two operations under way, want ErrAsyncLimit", err)
		}
		close(release)
		for _, f := range under {
			if _, err := f.Await(t.Context()); err != nil {
				t.Errorf("Await = %v, want the result of an operation that began before", err)
			}
		}
		if _, err := core.Go(t.Context(), client, search, succeed).Await(t.Context()); err != nil {
			t.Errorf("Await = %v after they have ended", err)
		}
		if running, limit, refused := client.Async(); running != 0 || limit != 1 || refused != 1 {
			t.Errorf("Async = %d, %d, %d, want 0, 1, 1", running, limit, refused)
		}
	})
}

func TestSettingsThatAreRefusedChangeNothing(t *testing.T) {
	var passed []string
	client := newClient(t, core.ClientConfig[string]{Source: &coretest.Source[string]{}, Middleware: named("old", &passed), MaxAsync: 7})
	err := client.Reconfigure(core.ClientConfig[string]{
		Source: &coretest.Source[string]{}, Observer: new(coretest.Recorder), Classifier: backend,
		Closers: []func(context.Context) error{nil}, OperationTimeout: -1, MaxAsync: -2, Middleware: named("new", &passed),
	})
	if err == nil {
		t.Fatal("Reconfigure accepts what cannot change")
	}
	for _, name := range []string{"Source", "Observer", "Classifier", "Closers", "OperationTimeout", "MaxAsync"} {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("Reconfigure = %v, want %s named", err, name)
		}
	}
	if _, err := core.Do(t.Context(), client, search, succeed); err != nil || strings.Join(passed, " ") != "old" {
		t.Errorf("the next operation passed %q and returned %v, want the old stage alone", passed, err)
	}
	if _, limit, _ := client.Async(); limit != 7 {
		t.Errorf("MaxAsync is %d, want 7 as before", limit)
	}
}

// TestNoOperationIsLostWhileSettingsChange is for the race detector.
func TestNoOperationIsLostWhileSettingsChange(t *testing.T) {
	client := newClient(t, core.ClientConfig[string]{Source: &coretest.Source[string]{}})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 1000 {
				if got, err := core.Do(t.Context(), client, search, succeed); got != "result" || err != nil {
					t.Errorf("Do = %q, %v", got, err)
				}
			}
		})
	}
	for i := range 1000 {
		if err := client.Reconfigure(core.ClientConfig[string]{Middleware: repeat(1 + i%2), OperationTimeout: time.Duration(1+i%2) * time.Hour}); err != nil {
			t.Fatal(err)
		}
	}
	wg.Wait()
}

func TestABudgetAdoptsTermsAndKeepsWhatItHasSaved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(t, 1, 0)
		for range 8 {
			b.Deposit()
		}
		b.Adopt(b)
		if got := b.Balance(); got != 8 {
			t.Errorf("Balance = %v after Adopt of itself, want 8", got)
		}
		b.Adopt(newBudget(t, 0.5, 2))
		if got := b.Balance(); got != 8 || b.String() != "50 % + 2/s" {
			t.Errorf("Balance = %v of %v, want 8 of the new terms", got, b)
		}
		time.Sleep(time.Second)
		b.Deposit()
		if got := b.Balance(); got != 10.5 {
			t.Errorf("Balance = %v a second and an operation later, want 2 and a half more", got)
		}
		b.Adopt(newBudget(t, core.Unlimited, 0))
		if !b.Unlimited() || !b.Take() {
			t.Errorf("%v does not grant everything", b)
		}
		b.Adopt(newBudget(t, 0.1, 0))
		if got := b.Balance(); got != 10 {
			t.Errorf("Balance = %v, want 10: the most that the terms let it save", got)
		}
		b.Adopt(newBudget(t, 0, 0))
		if b.Take() {
			t.Error("a budget that grants nothing grants an attempt")
		}
		b.Adopt(b)
		if b.String() != "100 % + 0/s" {
			t.Errorf("the budget is %v, want the terms with which it was made", b)
		}
	})
}
