// SPDX-License-Identifier: Apache-2.0

package core_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
)

func TestASuccessIsMeasuredOnlyWhereAStageAsksForIt(t *testing.T) {
	// The clock is read for failures anyway.
	for _, measure := range []bool{false, true} {
		for _, failure := range []error{nil, errUnavailable, errStatement} {
			synctest.Test(t, func(t *testing.T) {
				var guard recordingGuard
				var since, last core.Outcome
				watch := func(next core.Handler) core.Handler {
					return func(ctx context.Context, call *core.Call) error {
						call.Attach(&guard)
						if measure {
							call.Measure()
						}
						err := next(ctx, call)
						since, last = call.Since(core.Mark{}, err), call.LastSince(core.Mark{}, err)
						return err
					}
				}
				client := newClient(t, core.ClientConfig[string]{Source: &coretest.Source[string]{}, Middleware: watch, Classifier: backend})
				_, err := core.Do(t.Context(), client, search, func(context.Context, string) (string, error) {
					time.Sleep(3 * time.Second)
					return "", failure
				})
				want := 3 * time.Second
				if failure == nil && !measure {
					want = 0
				}
				if since.Ran != want || last.Ran != want || guard.ended[0].Ran != want {
					t.Errorf("measured %t, Do = %v: Ran is %v, %v, %v, want %v", measure, err, since.Ran, last.Ran, guard.ended[0].Ran, want)
				}
			})
		}
	}
}

// A stage that repeats asks for the outcome of each attempt by itself.
func TestNothingOfAnEarlierAttemptIsInTheOutcomeOfALaterOne(t *testing.T) {
	earlier := map[string]error{"failed": errUnavailable, "answered": errStatement, "succeeded": nil}
	later := []struct {
		name string
		next bool // the attempt comes to the end of the chain
		err  error
		want core.Outcome // Class apart
	}{
		{"a stage answers", false, nil, core.Outcome{}},
		{"a stage refuses", false, errRefused, core.Outcome{Rejected: true}},
		{"a stage fails", false, errUnavailable, core.Outcome{Judged: true}},
		{"no connection", true, coretest.Exhausted{}, core.Outcome{Reached: true}},
		{"no connection, and a stage makes nothing of it", true, nil, core.Outcome{Reached: true}},
	}
	for name, first := range earlier {
		for _, second := range later {
			t.Run("it "+name+", then "+second.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					attempts := 0
					var got core.Outcome
					tr := newTrial(t, trialConfig{
						acquire: func(context.Context) error {
							if attempts++; attempts == 2 {
								return coretest.Exhausted{}
							}
							return nil
						},
						stage: func(next core.Handler) core.Handler {
							return func(ctx context.Context, call *core.Call) error {
								_ = next(ctx, call)
								call.NextAttempt()
								mark := call.Mark()
								if second.next {
									_ = next(ctx, call)
								}
								got = call.LastSince(mark, second.err)
								return second.err
							}
						},
					})
					_, _ = core.Do(t.Context(), tr.client, search, func(context.Context, string) (string, error) {
						time.Sleep(time.Second)
						return "", first
					})
					got.Class = core.Class{}
					if got != second.want {
						t.Errorf("LastSince = %#v, want %#v", got, second.want)
					}
				})
			})
		}
	}
}

func TestSinceOfAStageThatAnswersInTheBackendsPlaceIsNeutral(t *testing.T) {
	tr := newTrial(t, trialConfig{stage: func(core.Handler) core.Handler {
		return func(context.Context, *core.Call) error { return nil }
	}})
	_, err := core.Do(t.Context(), tr.client, search, fail())
	if want := (core.Class{Verdict: core.Neutral, Retry: core.RetryNever, Conn: core.Keep}); tr.outcome != (core.Outcome{Class: want}) {
		t.Errorf("Since = %#v, want %#v", tr.outcome, want)
	}
	// There is no result to return, which is not the backend's failure.
	e, ok := errors.AsType[*core.Error](err)
	if !ok || e.Outcome.Verdict != core.Neutral || e.Outcome.Judged || e.Outcome.Retry != core.RetryNever {
		t.Errorf("Do = %v, Outcome = %#v, want a neutral one", err, e.Outcome)
	}
}
