// SPDX-License-Identifier: Apache-2.0

package retry_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/middleware/retry"
)

// coded is an error of the backend with a type.
type coded string

func (e coded) Error() string     { return "code " + string(e) }
func (e coded) ErrorType() string { return string(e) }

func TestErrExhaustedHoldsEveryAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, steady(t))
		all := []error{coded("a"), coded("b"), coded("c"), coded("d")}
		err := r.do(t.Context(), core.ReadOnly, all...)
		e, ok := errors.AsType[*retry.Error](err)
		if !ok || e.Err != all[3] || !slices.Equal(e.Attempts, all) || e.Outcome != retry.OutcomeExhausted {
			t.Fatalf("Do = %#v, want the errors of all attempts", err)
		}
		for _, target := range append(all, retry.ErrExhausted, core.ErrConnection) {
			if !errors.Is(err, target) {
				t.Errorf("Do = %v, want %v in it", err, target)
			}
		}
		if errors.Is(err, core.ErrRejected) || errors.Is(err, core.ErrUnavailable) {
			t.Errorf("Do = %v matches too much", err)
		}
		if first, _ := errors.AsType[coded](err); first != "d" || core.ErrorType(err) != "d" {
			t.Errorf("found %q first, of type %q, want the last attempt's", first, core.ErrorType(err))
		}
		want := "op: code d (no further attempt: retries exhausted); also #1: code a, #2: code b, #3: code c (after 4 attempts)"
		if err.Error() != want {
			t.Errorf("the text is\n%q, want\n%q", err, want)
		}
	})
}

func TestTheSameErrorIsToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, steady(t))
		for _, results := range [][]error{{errDown}, {fmt.Errorf("down"), fmt.Errorf("down"), fmt.Errorf("down"), fmt.Errorf("down")}} {
			err := r.do(t.Context(), core.ReadOnly, results...)
			if want := "op: down (no further attempt: retries exhausted) (after 4 attempts)"; err.Error() != want {
				t.Errorf("the text is\n%q, want\n%q", err, want)
			}
		}
	})
}

// several is an error type that cannot be compared with ==.
type several []string

func (e several) Error() string { return strings.Join(e, ", ") }

func TestErrorsNeedNotBeComparable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, steady(t))
		err := r.do(t.Context(), core.ReadOnly, several{"a", "b"}, several{"c"})
		if !errors.Is(err, retry.ErrExhausted) || errors.Is(err, errDown) {
			t.Errorf("Do = %v", err)
		}
		if found, ok := errors.AsType[several](err); !ok || found[0] != "c" {
			t.Errorf("found %v, want the last attempt's", found)
		}
		if want := "op: c (no further attempt: retries exhausted); also #1: a, b (after 4 attempts)"; err.Error() != want {
			t.Errorf("the text is\n%q, want\n%q", err, want)
		}
	})
}

func TestALocalRefusalIsNotWhatBecameOfTheOperation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refuse := core.Sentinel("no place", "bulkhead_full", core.ErrRejected)
		r := newRig(t, steady(t), func(next core.Handler) core.Handler {
			return func(ctx context.Context, call *core.Call) error {
				if call.Attempt() == 2 {
					return refuse
				}
				return next(ctx, call)
			}
		})
		err := r.do(t.Context(), core.ReadOnly, coded("a"))
		e, ok := errors.AsType[*retry.Error](err)
		if !ok || e.Err != coded("a") || e.Outcome != retry.OutcomeRejected || !errors.Is(e.Reason, refuse) {
			t.Fatalf("Do = %#v", err)
		}
		if errors.Is(err, core.ErrRejected) || core.ErrorType(err) != "a" {
			t.Errorf("Do = %v of type %q, want the backend's", err, core.ErrorType(err))
		}
		if want := "op: code a (no further attempt: no place) (after 2 attempts)"; err.Error() != want {
			t.Errorf("the text is %q, want %q", err, want)
		}
	})
}

func TestAnOperationThatWasNeverToBeRepeatedReturnsItsErrorAsItIs(t *testing.T) {
	r := newRig(t, retry.Config{})
	err := r.do(t.Context(), core.ReadOnly, errStatement)
	if e, ok := errors.AsType[*core.Error](err); !ok || e.Err != errStatement {
		t.Errorf("Do = %#v, want the error itself", err)
	}
}
