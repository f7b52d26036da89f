// SPDX-License-Identifier: Apache-2.0

package once_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/internal/once"
)

var errBusy = errors.New("busy")

// never is for calls that must not run their function.
func never(t *testing.T) func(context.Context) error {
	return func(context.Context) error {
		t.Error("a call that was not the first ran its function")
		return nil
	}
}

// ended returns a context that has ended.
func ended() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

func TestTheFirstCallRunsWithItsOwnContext(t *testing.T) {
	var c once.Closer
	if c.Begun() {
		t.Error("Begun = true before the first call")
	}
	ctx := t.Context()
	err := c.Close(ctx, func(got context.Context) error {
		if got != ctx {
			t.Errorf("the function was called with %v, want %v", got, ctx)
		}
		if !c.Begun() {
			t.Error("Begun = false during the first call")
		}
		return errBusy
	})
	if err != errBusy {
		t.Errorf("Close = %v, want %v", err, errBusy)
	}
}

func TestTheOthersWaitAndGetTheSameError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c once.Closer
		begin := time.Now()
		go c.Close(t.Context(), func(context.Context) error {
			time.Sleep(time.Minute)
			return errBusy
		})
		synctest.Wait()
		errs := make(chan error)
		for range 3 {
			go func() { errs <- c.Close(t.Context(), never(t)) }()
		}
		for range 3 {
			if err := <-errs; err != errBusy {
				t.Errorf("Close = %v, want %v", err, errBusy)
			}
		}
		if took := time.Since(begin); took != time.Minute {
			t.Errorf("the others waited for %v, want %v", took, time.Minute)
		}
	})
}

func TestACallWaitsNoLongerThanItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c once.Closer
		first := make(chan error, 1)
		go func() {
			first <- c.Close(t.Context(), func(context.Context) error {
				time.Sleep(time.Minute)
				return errBusy
			})
		}()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := c.Close(ctx, never(t)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Close = %v, want %v", err, context.DeadlineExceeded)
		}
		if err := <-first; err != errBusy {
			t.Errorf("the first Close = %v, want %v", err, errBusy)
		}
	})
}

func TestACallAfterTheEndGetsTheErrorDespiteItsContext(t *testing.T) {
	var c once.Closer
	_ = c.Close(t.Context(), func(context.Context) error { return errBusy })
	for range 100 { // of two cases that are ready, select takes either
		if err := c.Close(ended(), never(t)); err != errBusy {
			t.Fatalf("Close = %v, want %v", err, errBusy)
		}
	}
}

func TestTheOthersHearOfAPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c once.Closer
		panicked := make(chan any)
		go func() {
			defer func() { panicked <- recover() }()
			c.Close(t.Context(), func(context.Context) error {
				time.Sleep(time.Second)
				panic("no")
			})
		}()
		synctest.Wait()
		other := make(chan error, 1)
		go func() { other <- c.Close(t.Context(), never(t)) }()
		if v := <-panicked; v != "no" {
			t.Errorf("the first call panicked with %v, want no", v)
		}
		if err := <-other; err == nil || !strings.Contains(err.Error(), "panicked") {
			t.Errorf("Close = %v, want an error that tells of the panic", err)
		}
	})
}

func TestTheOthersHearOfAGoexit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c once.Closer
		go c.Close(t.Context(), func(context.Context) error {
			time.Sleep(time.Second)
			runtime.Goexit()
			return nil
		})
		synctest.Wait()
		if err := c.Close(t.Context(), never(t)); err == nil || !strings.Contains(err.Error(), "Goexit") {
			t.Errorf("Close = %v, want an error that tells of the Goexit", err)
		}
	})
}
