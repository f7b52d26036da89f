// SPDX-License-Identifier: Apache-2.0

package pool_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/pool"
)

func TestEveryErrorMatchesWhatItShould(t *testing.T) {
	targets := []struct {
		name string
		err  error
	}{
		{"ErrClosed", pool.ErrClosed},
		{"ErrExhausted", pool.ErrExhausted},
		{"ErrTooManyWaiters", pool.ErrTooManyWaiters},
		{"ErrDial", pool.ErrDial},
		{"ErrDialTimeout", pool.ErrDialTimeout},
		{"ErrStart", pool.ErrStart},
		{"core.ErrConnection", core.ErrConnection},
		{"core.ErrRejected", core.ErrRejected},
		{"core.ErrUnavailable", core.ErrUnavailable},
		{"core.ErrTimeout", core.ErrTimeout},
		{"context.Canceled", context.Canceled},
		{"its cause", errRefused},
	}
	dial := &pool.DialError{Err: errRefused}
	for _, tc := range []struct {
		name      string
		err       error
		matches   []string
		errorType string
	}{
		{"ErrClosed", pool.ErrClosed,
			[]string{"ErrClosed", "core.ErrConnection", "core.ErrRejected"}, "pool_closed"},
		{"ErrTooManyWaiters", pool.ErrTooManyWaiters,
			[]string{"ErrTooManyWaiters", "core.ErrConnection", "core.ErrRejected"}, "too_many_waiters"},
		{"ErrExhausted", pool.ErrExhausted,
			[]string{"ErrExhausted", "core.ErrConnection"}, "pool_timeout"},
		{"ErrDial", pool.ErrDial,
			[]string{"ErrDial", "core.ErrConnection"}, "connect_error"},
		{"ErrDialTimeout", pool.ErrDialTimeout,
			[]string{"ErrDial", "ErrDialTimeout", "core.ErrConnection"}, "connect_error"},
		{"AcquireError by AcquireTimeout", &pool.AcquireError{},
			[]string{"ErrExhausted", "core.ErrConnection"}, "pool_timeout"},
		{"AcquireError by a cancel", &pool.AcquireError{Waited: 1, Err: context.Canceled},
			[]string{"ErrExhausted", "core.ErrConnection", "context.Canceled"}, "canceled"},
		{"AcquireError by a deadline", &pool.AcquireError{Waited: 1, Err: context.DeadlineExceeded},
			[]string{"ErrExhausted", "core.ErrConnection"}, "deadline_exceeded"},
		{"AcquireError without a wait", &pool.AcquireError{Err: context.Canceled},
			[]string{"core.ErrConnection", "context.Canceled"}, "canceled"},
		{"AcquireError after a failed dial", &pool.AcquireError{LastDial: dial},
			[]string{"ErrExhausted", "ErrDial", "core.ErrConnection", "its cause"}, "pool_timeout"},
		{"DialError", dial,
			[]string{"ErrDial", "core.ErrConnection", "its cause"}, "connect_error"},
		{"DialError by DialTimeout", &pool.DialError{Err: errRefused, Timeout: true},
			[]string{"ErrDial", "ErrDialTimeout", "core.ErrConnection", "its cause"}, "connect_error"},
		{"DialError for bad credentials", &pool.DialError{Err: typed("unauthenticated")},
			[]string{"ErrDial", "core.ErrConnection"}, "unauthenticated"},
		{"DialError for a code of the backend", &pool.DialError{Err: typed("UNAVAILABLE")},
			[]string{"ErrDial", "core.ErrConnection"}, "connect_error"},
		{"CloseError", &pool.CloseError{Err: context.Canceled},
			[]string{"context.Canceled"}, "canceled"},
	} {
		want := map[string]bool{}
		for _, m := range tc.matches {
			want[m] = true
		}
		for _, target := range targets {
			if got := errors.Is(tc.err, target.err); got != want[target.name] {
				t.Errorf("errors.Is(%s, %s) = %v", tc.name, target.name, got)
			}
		}
		if got := core.ErrorType(tc.err); got != tc.errorType {
			t.Errorf("ErrorType(%s) = %q, want %q", tc.name, got, tc.errorType)
		}
	}
}

func TestExhaustionIsNeutralAndMayBeRetried(t *testing.T) {
	want := core.Class{Verdict: core.Neutral, Retry: core.RetryAlways, Conn: core.Keep, ErrorType: "pool_timeout"}
	if got := (&pool.AcquireError{}).Class(); got != want {
		t.Errorf("Class = %+v, want %+v", got, want)
	}
	want.Verdict = core.Failure
	if got := (&pool.AcquireError{Unanswered: time.Second}).Class(); got != want {
		t.Errorf("Class = %+v, want %+v of a backend that does not answer", got, want)
	}
}
