// SPDX-License-Identifier: Apache-2.0

package core_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/errtype"
)

// typed is an error with a type of its own, perhaps around another.
type typed struct {
	name  string
	inner error
}

func (e typed) Error() string     { return "typed" }
func (e typed) ErrorType() string { return e.name }
func (e typed) Unwrap() error     { return e.inner }

func TestErrorType(t *testing.T) {
	plain := errors.New("plain")
	tests := []struct {
		name string
		err  error
		want string
	}{
		{"nil", nil, ""},
		{"unknown", plain, errtype.Other},
		{"canceled", context.Canceled, errtype.Canceled},
		{"deadline", fmt.Errorf("reading: %w", context.DeadlineExceeded), "deadline_exceeded"},
		{"its own", typed{"quota", nil}, "quota"},
		{"its own, wrapped", fmt.Errorf("a: %w", fmt.Errorf("b: %w", typed{"quota", nil})), "quota"},
		{"its own before what it wraps", typed{"quota", context.Canceled}, "quota"},
		{"no answer, so the next", typed{"", typed{"quota", nil}}, "quota"},
		{"no answer, so the context's", typed{"", context.Canceled}, errtype.Canceled},
		{"no answer at all", typed{"", nil}, errtype.Other},
		{"the first of several", errors.Join(plain, typed{"a", nil}, typed{"b", nil}), "a"},
		{"depth first", errors.Join(fmt.Errorf("%w", errors.Join(plain, typed{"a", nil})), typed{"b", nil}), "a"},
		{"a type before a context, wherever", errors.Join(context.Canceled, typed{"a", nil}), "a"},
		{"an operation's", &core.Error{Op: "Search", Err: typed{"quota", nil}}, "quota"},
		{"a sentinel's", core.Sentinel("slow down", errtype.RateLimited), errtype.RateLimited},
		{"a sentinel's family", core.Sentinel("x", "", core.Sentinel("y", "connect_error")), "connect_error"},
		{"a sentinel without", core.ErrRejected, errtype.Other},
		{"a timeout", &core.TimeoutError{Err: typed{"quota", nil}}, "timeout"},
		{"ErrTimeout", core.ErrTimeout, "timeout"},
		{"ErrPanic", fmt.Errorf("x: %w", core.ErrPanic), "panic"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := core.ErrorType(test.err); got != test.want {
				t.Errorf("ErrorType(%v) = %q, want %q", test.err, got, test.want)
			}
		})
	}
}

func TestASentinelMatchesItselfAndItsFamily(t *testing.T) {
	family := core.Sentinel("family", "")
	child := core.Sentinel("child", "", family, core.ErrRejected)
	grandchild := core.Sentinel("grandchild", "", child)
	stranger := core.Sentinel("family", "") // the same text
	wrapped := fmt.Errorf("x: %w", grandchild)
	for _, target := range []error{grandchild, child, family, core.ErrRejected} {
		if !errors.Is(wrapped, target) {
			t.Errorf("%v is not %v", wrapped, target)
		}
	}
	for _, target := range []error{stranger, core.ErrConnection} {
		if errors.Is(wrapped, target) {
			t.Errorf("%v is %v (%p)", wrapped, target, target)
		}
	}
	if errors.Is(family, child) {
		t.Error("the family is one of its members")
	}
	if wrapped.Error() != "x: grandchild" {
		t.Errorf("Error = %q, want x: grandchild", wrapped)
	}
}

func TestTheFamiliesOfErrors(t *testing.T) {
	all := map[string]error{
		"ErrRejected": core.ErrRejected, "ErrConnection": core.ErrConnection, "ErrUnavailable": core.ErrUnavailable,
		"ErrTimeout": core.ErrTimeout, "ErrPanic": core.ErrPanic,
		"ErrAsyncLimit": core.ErrAsyncLimit, "ErrClientClosed": core.ErrClientClosed,
	}
	members := map[string]string{"ErrUnavailable": "ErrConnection", "ErrAsyncLimit": "ErrRejected", "ErrClientClosed": "ErrConnection"}
	for name, err := range all {
		for other, target := range all {
			want := name == other || members[name] == other
			if got := errors.Is(err, target); got != want {
				t.Errorf("errors.Is(%s, %s) = %t, want %t", name, other, got, want)
			}
		}
	}
}

func TestATimeoutError(t *testing.T) {
	tests := []struct {
		err     *core.TimeoutError
		want    string
		limited string
	}{
		{&core.TimeoutError{}, "attempt timed out", "attempt"},
		{&core.TimeoutError{Operation: true, Limit: time.Second}, "operation timed out after 1s", "operation"},
		{&core.TimeoutError{Limit: time.Second, Err: context.DeadlineExceeded}, "attempt timed out after 1s", "attempt"},
		{&core.TimeoutError{Limit: time.Second, Err: errUnavailable}, "attempt timed out after 1s: unavailable", "attempt"},
	}
	for _, test := range tests {
		if test.err.Error() != test.want || test.err.Limited() != test.limited {
			t.Errorf("Error = %q, Limited = %q, want %q, %q", test.err, test.err.Limited(), test.want, test.limited)
		}
		var timeout interface{ Timeout() bool } // as of net.Error, and of context.DeadlineExceeded
		if !errors.Is(test.err, core.ErrTimeout) || errors.Is(test.err, core.ErrConnection) ||
			!errors.As(error(test.err), &timeout) || !timeout.Timeout() {
			t.Errorf("%v is no timeout, or more than one", test.err)
		}
		if !errors.Is(test.err, test.err.Err) && test.err.Err != nil {
			t.Errorf("%v is not %v", test.err, test.err.Err)
		}
	}
}

func TestTheErrorSaysThatTheCallersContextEndedTheWork(t *testing.T) {
	reading := fmt.Errorf("reading: %w", context.Canceled)
	quota := typed{"quota", nil}
	tests := []struct {
		end       func(context.Context) (context.Context, context.CancelFunc)
		err       error // of the work
		want      string
		cause     error
		errorType string
	}{
		{canceled, context.Canceled, "Search docs: context canceled", context.Canceled, errtype.Canceled},
		{canceled, reading, "Search docs: reading: context canceled", context.Canceled, errtype.Canceled},
		{canceled, quota, "Search docs: context canceled: typed", context.Canceled, errtype.Canceled},
		{deadline, errUnavailable, "Search docs: context deadline exceeded: unavailable", context.DeadlineExceeded, "deadline_exceeded"},
		{deadline, quota, "Search docs: context deadline exceeded: typed", context.DeadlineExceeded, "deadline_exceeded"},
	}
	for _, test := range tests {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := test.end(t.Context())
			defer cancel()
			_, err := core.Do(ctx, newTrial(t, trialConfig{}).client, search, hangWith(test.err))
			if err == nil || err.Error() != test.want || core.ErrorType(err) != test.errorType {
				t.Errorf("Do = %v (%s), want %s (%s)", err, core.ErrorType(err), test.want, test.errorType)
			}
			if !errors.Is(err, test.cause) || !errors.Is(err, test.err) {
				t.Errorf("%v hides its cause or its error", err)
			}
		})
	}
}
