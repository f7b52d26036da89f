// SPDX-License-Identifier: Apache-2.0

package core_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/errtype"
)

func TestTheOperationTimeoutBoundsAllAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newTrial(t, trialConfig{stage: repeat(10), timeout: 5 * time.Second})
		begin := time.Now()
		_, err := core.Do(t.Context(), tr.client, search, func(ctx context.Context, _ string) (string, error) {
			select {
			case <-time.After(2 * time.Second):
				return "", errUnavailable
			case <-ctx.Done():
				return "", ctx.Err()
			}
		})
		if took := time.Since(begin); took != 5*time.Second {
			t.Errorf("Do took %v, want 5s", took)
		}
		timeout, ok := errors.AsType[*core.TimeoutError](err)
		if !ok || !timeout.Operation || timeout.Limit != 5*time.Second {
			t.Errorf("Do = %v, want a timeout of the operation after 5s", err)
		}
		if !errors.Is(err, core.ErrTimeout) || !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, core.ErrConnection) {
			t.Errorf("Do = %v, want ErrTimeout and DeadlineExceeded, no ErrConnection", err)
		}
		if got := core.ErrorType(err); got != "timeout" {
			t.Errorf("ErrorType = %s, want timeout", got)
		}
	})
}

func TestTheOperationTimeoutHoldsUnlessTheCallersDeadlineIsTighter(t *testing.T) {
	type result struct {
		after time.Duration
		ours  bool
	}
	tests := []struct {
		name     string
		timeout  time.Duration
		deadline time.Duration // 0: none
		want     result
	}{
		{"no deadline", 5 * time.Second, 0, result{5 * time.Second, true}},
		{"a later deadline", 5 * time.Second, time.Minute, result{5 * time.Second, true}},
		{"the same deadline", 5 * time.Second, 5 * time.Second, result{5 * time.Second, false}},
		{"a tighter deadline", 5 * time.Second, time.Second, result{time.Second, false}},
		{"no timeout", 0, time.Second, result{time.Second, false}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx := t.Context()
				if test.deadline > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, test.deadline)
					defer cancel()
				}
				tr := newTrial(t, trialConfig{timeout: test.timeout})
				begin := time.Now()
				_, err := core.Do(ctx, tr.client, search, hang)
				if got := (result{time.Since(begin), errors.Is(err, core.ErrTimeout)}); got != test.want {
					t.Errorf("Do = %v after %v, want ErrTimeout %t after %v", err, got.after, test.want.ours, test.want.after)
				}
				if !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("Do = %v, want DeadlineExceeded", err)
				}
			})
		})
	}
}

func TestTheOperationTimeoutLeavesNoTimerBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newTrial(t, trialConfig{timeout: time.Hour})
		var kept context.Context
		_, err := core.Do(t.Context(), tr.client, search, func(ctx context.Context, _ string) (string, error) {
			kept = ctx
			return "", nil
		})
		if err != nil || kept.Err() != context.Canceled {
			t.Errorf("Do = %v, its context afterwards %v, want it canceled", err, kept.Err())
		}
	})
}

func TestTheCallersCancelIsToldFromTheOperationTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		tr := newTrial(t, trialConfig{timeout: time.Minute})
		_, err := core.Do(ctx, tr.client, search, hang)
		if !errors.Is(err, context.Canceled) || errors.Is(err, core.ErrTimeout) || core.ErrorType(err) != errtype.Canceled {
			t.Errorf("Do = %v (%s), want the cancel alone", err, core.ErrorType(err))
		}
	})
}

func TestACallSaysWhatTheEndOfItsDeadlineMeans(t *testing.T) {
	tests := []struct {
		name     string
		timeout  time.Duration // the client's
		deadline time.Duration // the caller's, 0: none
		ours     bool
	}{
		{"the client's timeout", time.Second, 0, true},
		{"the client's timeout before the caller's deadline", time.Second, time.Minute, true},
		{"the caller's deadline before the client's timeout", time.Minute, time.Second, false},
		{"the caller's deadline", 0, time.Second, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx := t.Context()
				if test.deadline > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, test.deadline)
					defer cancel()
				}
				tr := newTrial(t, trialConfig{timeout: test.timeout, stage: func(next core.Handler) core.Handler {
					return func(ctx context.Context, call *core.Call) error {
						meaning := call.DeadlineError()
						timeout, ok := errors.AsType[*core.TimeoutError](meaning)
						if ok != test.ours || ok && (!timeout.Operation || timeout.Limit != time.Second) || !ok && meaning != context.DeadlineExceeded {
							t.Errorf("DeadlineError = %#v, want ErrTimeout %t", meaning, test.ours)
						}
						if deadline, ok := call.Caller().Deadline(); !ok || time.Until(deadline) != time.Second {
							t.Errorf("the caller's deadline is in %v, want in 1s", time.Until(deadline))
						}
						return next(ctx, call)
					}
				}})
				_, _ = core.Do(ctx, tr.client, search, func(ctx context.Context, _ string) (string, error) {
					if deadline, ok := ctx.Deadline(); !ok || time.Until(deadline) != time.Second {
						t.Errorf("the work's deadline is in %v, want in 1s", time.Until(deadline))
					}
					return "", nil
				})
			})
		})
	}
}

func TestATimeoutIsToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for what, end := range map[string]func(context.Context) error{"error": context.Context.Err, "cause": context.Cause} {
			tr := newTrial(t, trialConfig{stage: limit(time.Second)})
			_, err := core.Do(t.Context(), tr.client, search, func(ctx context.Context, _ string) (string, error) {
				<-ctx.Done()
				return "", end(ctx)
			})
			if want := "Search docs: attempt timed out after 1s"; err == nil || err.Error() != want {
				t.Errorf("Do = %v when the work returns the context's %s, want %s", err, what, want)
			}
		}
	})
}
