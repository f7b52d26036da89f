// SPDX-License-Identifier: Apache-2.0

package core_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/penstock-go/penstock/core"
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
		{"unknown", plain, core.TypeOther},
		{"canceled", context.Canceled, core.TypeCanceled},
		{"deadline", fmt.Errorf("reading: %w", context.DeadlineExceeded), core.TypeDeadline},
		{"its own", typed{"quota", nil}, "quota"},
		{"its own, wrapped", fmt.Errorf("a: %w", fmt.Errorf("b: %w", typed{"quota", nil})), "quota"},
		{"its own before what it wraps", typed{"quota", context.Canceled}, "quota"},
		{"no answer, so the next", typed{"", typed{"quota", nil}}, "quota"},
		{"no answer, so the context's", typed{"", context.Canceled}, core.TypeCanceled},
		{"no answer at all", typed{"", nil}, core.TypeOther},
		{"the first of several", errors.Join(plain, typed{"a", nil}, typed{"b", nil}), "a"},
		{"depth first", errors.Join(fmt.Errorf("%w", errors.Join(plain, typed{"a", nil})), typed{"b", nil}), "a"},
		{"a type before a context, wherever", errors.Join(context.Canceled, typed{"a", nil}), "a"},
		{"an operation's", &core.Error{Op: "Search", Err: typed{"quota", nil}}, "quota"},
		{"a sentinel's", core.Sentinel("slow down", core.TypeRateLimited), core.TypeRateLimited},
		{"a sentinel's family", core.Sentinel("x", "", core.Sentinel("y", core.TypeConnect)), core.TypeConnect},
		{"a sentinel without", core.ErrRejected, core.TypeOther},
		{"a timeout", &core.TimeoutError{Err: typed{"quota", nil}}, core.TypeTimeout},
		{"ErrTimeout", core.ErrTimeout, core.TypeTimeout},
		{"ErrPanic", fmt.Errorf("x: %w", core.ErrPanic), core.TypePanic},
		{"an interruption", &core.InterruptedError{Cause: context.Canceled, Err: typed{"quota", nil}}, core.TypeCanceled},
		{"an interruption by a deadline", &core.InterruptedError{Cause: context.DeadlineExceeded, Err: plain}, core.TypeDeadline},
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
		"ErrTimeout": core.ErrTimeout, "ErrPanic": core.ErrPanic, "ErrAttemptLimit": core.ErrAttemptLimit,
	}
	for name, err := range all {
		for other, target := range all {
			want := name == other || name == "ErrUnavailable" && other == "ErrConnection"
			if got := errors.Is(err, target); got != want {
				t.Errorf("errors.Is(%s, %s) = %t, want %t", name, other, got, want)
			}
		}
	}
}

func TestATimeoutError(t *testing.T) {
	tests := []struct {
		err  *core.TimeoutError
		want string
	}{
		{&core.TimeoutError{}, "attempt timed out"},
		{&core.TimeoutError{Scope: core.ScopeOperation, Limit: time.Second}, "operation timed out after 1s"},
		{&core.TimeoutError{Limit: time.Second, Err: context.DeadlineExceeded}, "attempt timed out after 1s"},
		{&core.TimeoutError{Limit: time.Second, Err: errUnavailable}, "attempt timed out after 1s: unavailable"},
	}
	for _, test := range tests {
		if test.err.Error() != test.want {
			t.Errorf("Error = %q, want %q", test.err, test.want)
		}
		var timeout net.Error
		if !errors.Is(test.err, core.ErrTimeout) || errors.Is(test.err, core.ErrConnection) ||
			(errors.As(test.err, &timeout) && !timeout.Timeout()) {
			t.Errorf("%v is no timeout, or more than one", test.err)
		}
		if !errors.Is(test.err, test.err.Err) && test.err.Err != nil {
			t.Errorf("%v is not %v", test.err, test.err.Err)
		}
	}
}

func TestAnInterruptedError(t *testing.T) {
	tests := []struct {
		err  *core.InterruptedError
		want string
	}{
		{&core.InterruptedError{Cause: context.Canceled, Err: context.Canceled}, "context canceled"},
		{&core.InterruptedError{Cause: context.Canceled, Err: fmt.Errorf("reading: %w", context.Canceled)}, "reading: context canceled"},
		{&core.InterruptedError{Cause: context.DeadlineExceeded, Err: errUnavailable}, "context deadline exceeded: unavailable"},
	}
	for _, test := range tests {
		if test.err.Error() != test.want {
			t.Errorf("Error = %q, want %q", test.err, test.want)
		}
		if !errors.Is(test.err, test.err.Cause) || !errors.Is(test.err, test.err.Err) {
			t.Errorf("%v hides its cause or its error", test.err)
		}
	}
}
