// SPDX-License-Identifier: Apache-2.0

package core_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core"
)

// simulate runs work in place of each attempt.
func simulate(work func(context.Context) error) core.Middleware {
	return func(core.Handler) core.Handler {
		return func(ctx context.Context, call *core.Call) error { return call.Simulate(ctx, work) }
	}
}

func TestAGuardMayForbidASimulatedAttempt(t *testing.T) {
	tr := newTrial(t, trialConfig{stage: simulate(func(context.Context) error {
		t.Error("the work ran")
		return nil
	})})
	tr.guard.refuse = errRefused
	_, err := core.Do(t.Context(), tr.client, search, fail())
	if !errors.Is(err, errRefused) || tr.outcome.Class != rejected || tr.outcome.Judged || !tr.outcome.Reached {
		t.Errorf("Do = %v, Since = %#v, want a refusal that is not judged", err, tr.outcome)
	}
	if len(tr.guard.ended) != 1 || tr.guard.ended[0] != tr.outcome || tr.source.Leases() != 0 {
		t.Errorf("AfterAttempt with %#v, %d leases, want the refusal once and no lease", tr.guard.ended, tr.source.Leases())
	}
}

// What the stages further out see of an attempt does not tell whether it was
// simulated.
func TestASimulatedAttemptCountsLikeARealOne(t *testing.T) {
	late := func(parent context.Context) (context.Context, context.CancelFunc) {
		return context.WithTimeout(parent, time.Second)
	}
	gone := func(parent context.Context) (context.Context, context.CancelFunc) {
		ctx, cancel := context.WithCancel(parent)
		time.AfterFunc(time.Second, cancel)
		return ctx, cancel
	}
	patient := func(parent context.Context) (context.Context, context.CancelFunc) { return parent, func() {} }
	tests := []struct {
		name  string
		stage core.Middleware
		ctx   func(context.Context) (context.Context, context.CancelFunc)
		work  func() work
	}{
		{"success", nil, patient, func() work { return fail() }},
		{"failure", nil, patient, func() work { return fail(errUnavailable) }},
		{"statement", nil, patient, func() work { return fail(errStatement) }},
		{"refusal", nil, patient, func() work { return fail(errRefused) }},
		{"deadline", nil, late, func() work { return hang }},
		{"cancel", nil, gone, func() work { return hang }},
		{"attempt timeout", limit(time.Second), patient, func() work { return hang }},
		{"panic", nil, patient, func() work { return panicking }},
		{"Goexit", nil, patient, func() work { return exiting }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				run := func(stage core.Middleware, fn work) (tr *trial, err error) {
					tr = newTrial(t, trialConfig{stage: core.Compose(test.stage, stage)})
					ctx, cancel := test.ctx(t.Context())
					defer cancel()
					exits(func() {
						defer func() { _ = recover() }()
						_, err = core.Do(ctx, tr.client, search, fn)
					})
					return tr, err
				}
				want, wantErr := run(nil, test.work())
				fn := test.work()
				got, gotErr := run(simulate(func(ctx context.Context) error {
					_, err := fn(ctx, "conn")
					return err
				}), nil)
				if got.outcome != want.outcome || got.last != want.last {
					t.Errorf("counts as %#v, last %#v; want %#v, %#v", got.outcome, got.last, want.outcome, want.last)
				}
				if got.guard.began != want.guard.began || !slices.Equal(got.guard.ended, want.guard.ended) {
					t.Errorf("guards heard %+v, want %+v", got.guard, want.guard)
				}
				if wantErr == nil && want.outcome.Verdict == core.Success {
					// Nothing real was done, so there is no result to return.
					if _, ok := errors.AsType[*core.Error](gotErr); !ok {
						t.Errorf("Do = %v, want an error instead of a result", gotErr)
					}
				} else if core.ErrorType(gotErr) != core.ErrorType(wantErr) || (gotErr == nil) != (wantErr == nil) || errors.Is(gotErr, core.ErrTimeout) != errors.Is(wantErr, core.ErrTimeout) {
					t.Errorf("Do = %v, want %v", gotErr, wantErr)
				}
				if got.source.Leases() != 0 {
					t.Errorf("%d leases, want none", got.source.Leases())
				}
			})
		})
	}
}
