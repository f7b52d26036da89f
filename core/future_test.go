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

func TestAFutureCarriesTheOutcomeOfDo(t *testing.T) {
	client := newClient(t, core.ClientConfig[string]{Source: &coretest.Source[string]{Conn: "conn"}})

	good := core.Go(t.Context(), client, search, fail())
	if got, err := good.Await(t.Context()); got != "result" || err != nil {
		t.Errorf("Await = %q, %v, want the result", got, err)
	}

	bad := core.Go(t.Context(), client, search, fail(errUnavailable))
	got, err := bad.Await(t.Context())
	if e, ok := errors.AsType[*core.Error](err); got != "" || !ok || e.Op != "Search" || !errors.Is(err, errUnavailable) {
		t.Errorf("Await = %q, %v, want the error of Do alone", got, err)
	}
	select {
	case <-bad.Done():
	default:
		t.Error("Done is not closed after Await")
	}
}

func TestAwaitEndsWithItsContextAndTheOperationGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := newClient(t, core.ClientConfig[string]{Source: &coretest.Source[string]{}})
		future := core.Go(t.Context(), client, search, func(context.Context, string) (string, error) {
			time.Sleep(time.Minute)
			return "late", nil
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begin := time.Now()
		if got, err := future.Await(ctx); got != "" || err != context.DeadlineExceeded || time.Since(begin) != time.Second {
			t.Errorf("Await = %q, %v after %v, want the deadline after 1s", got, err, time.Since(begin))
		}
		if got, err := future.Await(t.Context()); got != "late" || err != nil {
			t.Errorf("Await = %q, %v, want the result", got, err)
		}
		// What is there is returned, though the context has ended.
		for range 100 {
			if got, err := future.Await(ctx); got != "late" || err != nil {
				t.Fatalf("Await = %q, %v, want the result", got, err)
			}
		}
	})
}

func TestTheContextOfGoBoundsTheOperation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := newClient(t, core.ClientConfig[string]{Source: &coretest.Source[string]{}})
		ctx, cancel := context.WithCancel(t.Context())
		future := core.Go(ctx, client, search, hang)
		synctest.Wait()
		cancel()
		if _, err := future.Await(t.Context()); !errors.Is(err, context.Canceled) {
			t.Errorf("Await = %v, want the cancel", err)
		}
	})
}

func TestAPanicGoesToWhoeverAwaits(t *testing.T) {
	source := new(coretest.Source[string])
	client := newClient(t, core.ClientConfig[string]{Source: source})
	future := core.Go(t.Context(), client, search, panicking)
	<-future.Done()
	for range 2 {
		value, _ := panicOf(func() { _, _ = future.Await(t.Context()) })
		e, ok := value.(*core.PanicError)
		if !ok {
			t.Fatalf("Await panicked with %v, want a *PanicError", value)
		}
		if e.Value != errBoom || !errors.Is(e, errBoom) || core.ErrorType(e) != "panic" {
			t.Errorf("PanicError of %v (%s), want %v", e.Value, core.ErrorType(e), errBoom)
		}
		if !strings.Contains(string(e.Stack), "core_test.explode") || !strings.Contains(e.Error(), "core_test.explode") {
			t.Errorf("the function that panicked is not in the stack:\n%s", e.Stack)
		}
	}
	if source.Out() != 0 {
		t.Errorf("%d leases are out, want none", source.Out())
	}
}

func TestAPanicWithNoErrorHasNothingToUnwrap(t *testing.T) {
	client := newClient(t, core.ClientConfig[string]{Source: &coretest.Source[string]{}})
	for _, v := range []any{"text", 7, nil} {
		future := core.Go(t.Context(), client, search, func(context.Context, string) (string, error) { panic(v) })
		value, _ := panicOf(func() { _, _ = future.Await(t.Context()) })
		e, ok := value.(*core.PanicError)
		if !ok {
			t.Fatalf("Await panicked with %v after panic(%v), want a *PanicError", value, v)
		}
		if v != nil && (e.Value != v || e.Unwrap() != nil) {
			t.Errorf("PanicError of %v around %v, want of %v around nothing", e.Value, e.Unwrap(), v)
		}
	}
}

func TestGoexitEndsTheOperationInAnError(t *testing.T) {
	source := new(coretest.Source[string])
	client := newClient(t, core.ClientConfig[string]{Source: source})
	got, err := core.Go(t.Context(), client, search, exiting).Await(t.Context())
	if e, ok := errors.AsType[*core.Error](err); !ok || e.Outcome != (core.Outcome{Class: panicClass, Reached: true, Judged: true}) {
		t.Errorf("Await = %#v, want the outcome of a panic", e)
	}
	if got != "" || !errors.Is(err, core.ErrPanic) || core.ErrorType(err) != "panic" || !strings.HasPrefix(err.Error(), "Search") {
		t.Errorf("Await = %q, %v, want ErrPanic of Search", got, err)
	}
	if source.Out() != 0 {
		t.Errorf("%d leases are out, want none", source.Out())
	}
}

func TestManyMayAwaitOneFuture(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := newClient(t, core.ClientConfig[string]{Source: &coretest.Source[string]{}})
		future := core.Go(t.Context(), client, search, func(context.Context, string) (string, error) {
			time.Sleep(time.Second)
			return "result", nil
		})
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				if got, err := future.Await(t.Context()); got != "result" || err != nil {
					t.Errorf("Await = %q, %v, want the result", got, err)
				}
			})
		}
		wg.Wait()
	})
}
