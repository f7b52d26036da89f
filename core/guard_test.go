// SPDX-License-Identifier: Apache-2.0

package core_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/internal/errtype"
)

// during runs f inside of a call, where next stands for the rest of the chain.
func during(t *testing.T, cfg trialConfig, w work, f func(ctx context.Context, call *core.Call, next core.Handler) error) error {
	t.Helper()
	cfg.stage = func(next core.Handler) core.Handler {
		return func(ctx context.Context, call *core.Call) error { return f(ctx, call, next) }
	}
	_, err := core.Do(t.Context(), newTrial(t, cfg).client, search, w)
	return err
}

func TestGuardsFollowEachAttemptInOrder(t *testing.T) {
	var log []string
	err := during(t, trialConfig{}, fail(errUnavailable), func(ctx context.Context, call *core.Call, next core.Handler) error {
		for i := range 4 { // more than there is room for without an allocation
			call.Attach(&recordingGuard{name: fmt.Sprint(i + 1), log: &log})
		}
		_ = next(ctx, call)
		if err := call.BeforeAttempt(); err != nil {
			t.Errorf("BeforeAttempt = %v, want nil", err)
		}
		call.NextAttempt()
		return next(ctx, call)
	})
	if err != nil {
		t.Error(err)
	}
	var want []string
	for _, what := range []string{"before work", "after attempt", "before attempt", "before work", "after attempt"} {
		for i := range 4 {
			want = append(want, fmt.Sprint(i+1, " ", what))
		}
	}
	if !slices.Equal(log, want) {
		t.Errorf("guards were told\n%q, want\n%q", log, want)
	}
}

func TestAGuardOfOneCallHearsNothingOfAnother(t *testing.T) {
	tr := newTrial(t, trialConfig{})
	first := new(recordingGuard)
	once := func(next core.Handler) core.Handler {
		return func(ctx context.Context, call *core.Call) error {
			if tr.source.Leases() == 0 {
				call.Attach(first)
			}
			return next(ctx, call)
		}
	}
	client := newClient(t, core.ClientConfig[string]{Source: &tr.source, Middleware: once})
	for range 3 {
		if _, err := core.Do(t.Context(), client, search, fail()); err != nil {
			t.Fatal(err)
		}
	}
	if first.began != 1 || len(first.ended) != 1 {
		t.Errorf("BeforeWork %d times, AfterAttempt %d times, want once each", first.began, len(first.ended))
	}
}

func TestBeforeWorkIsForAttemptsWithAConnectionOnly(t *testing.T) {
	g := new(recordingGuard)
	_ = during(t, trialConfig{acquire: acquire(coretest.Exhausted{})}, fail(), func(ctx context.Context, call *core.Call, next core.Handler) error {
		call.Attach(g)
		return next(ctx, call)
	})
	if g.began != 0 || len(g.ended) != 1 || g.ended[0].Ran != 0 || g.ended[0].Class != poolTimeout {
		t.Errorf("BeforeWork %d times, AfterAttempt with %#v, want never, and once with %#v after 0", g.began, g.ended, poolTimeout)
	}
}

func TestAfterAttemptTellsHowLongTheWorkRan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := new(recordingGuard)
		slow := trialConfig{acquire: func(context.Context) error {
			time.Sleep(time.Hour) // waiting for a connection is not work
			return nil
		}}
		attempts := 0
		_ = during(t, slow, func(context.Context, string) (string, error) {
			attempts++
			time.Sleep(time.Duration(attempts) * time.Second)
			return "", errUnavailable
		}, func(ctx context.Context, call *core.Call, next core.Handler) error {
			call.Attach(g)
			_ = next(ctx, call)
			time.Sleep(time.Hour) // nor is the wait before another attempt
			return next(ctx, call)
		})
		if !slices.Equal(g.ran(), []time.Duration{time.Second, 2 * time.Second}) {
			t.Errorf("the works ran %v, want [1s 2s]", g.ran())
		}
	})
}

func TestBeforeAttemptAsksEachGuardUntilOneObjects(t *testing.T) {
	no1, no2 := errors.New("no, says 1"), errors.New("no, says 2")
	tests := []struct {
		name   string
		limit  int // 0: none
		forbid []error
		want   error
		asked  []string
	}{
		{"no guard", 0, nil, nil, nil},
		{"all agree", 0, []error{nil, nil}, nil, []string{"1 before attempt", "2 before attempt"}},
		{"the first says no", 0, []error{no1, no2}, no1, []string{"1 before attempt"}},
		{"the second says no", 0, []error{nil, no2}, no2, []string{"1 before attempt", "2 before attempt"}},
		{"within the limit", 2, []error{nil}, nil, []string{"1 before attempt"}},
		{"beyond the limit, which is another question", 1, []error{nil}, nil, []string{"1 before attempt"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var log []string
			_ = during(t, trialConfig{}, fail(), func(_ context.Context, call *core.Call, _ core.Handler) error {
				for i, err := range test.forbid {
					call.Attach(&recordingGuard{name: fmt.Sprint(i + 1), log: &log, forbid: err})
				}
				if test.limit > 0 {
					call.LimitAttempts(test.limit)
				}
				if err := call.BeforeAttempt(); !errors.Is(err, test.want) || (err == nil) != (test.want == nil) {
					t.Errorf("BeforeAttempt = %v, want %v", err, test.want)
				}
				return nil
			})
			if !slices.Equal(log, test.asked) {
				t.Errorf("asked %q, want %q", log, test.asked)
			}
		})
	}
}

func TestTheLowestLimitOfAttemptsHolds(t *testing.T) {
	tests := []struct {
		limits []int
		want   int // attempts that are allowed, up to 10
	}{
		{nil, 10}, {[]int{3}, 3}, {[]int{3, 5}, 3}, {[]int{5, 3}, 3}, {[]int{0}, 1}, {[]int{4, -7}, 1}, {[]int{1, 0, 9}, 1},
	}
	for _, test := range tests {
		_ = during(t, trialConfig{}, fail(), func(_ context.Context, call *core.Call, _ core.Handler) error {
			for _, n := range test.limits {
				call.LimitAttempts(n)
			}
			for call.Attempt() < 10 && call.AttemptsLeft() > 0 {
				before := call.Attempt()
				if n := call.NextAttempt(); n != before+1 || call.Attempt() != n {
					t.Errorf("NextAttempt = %d, Attempt = %d after %d", n, call.Attempt(), before)
				}
			}
			if call.Attempt() != test.want {
				t.Errorf("limits %d: %d attempts, want %d", test.limits, call.Attempt(), test.want)
			}
			return nil
		})
	}
}

func TestAttemptsLeft(t *testing.T) {
	tests := []struct {
		limits []int
		want   []int // in the first attempt, the second, and so on
	}{
		{nil, []int{math.MaxInt, math.MaxInt, math.MaxInt}},
		{[]int{1}, []int{0, 0, 0}},
		{[]int{-3}, []int{0, 0}},
		{[]int{3}, []int{2, 1, 0, 0, 0}},
		{[]int{2, 4}, []int{1, 0, 0}},
		{[]int{math.MaxInt}, []int{math.MaxInt32 - 1, math.MaxInt32 - 2}},
	}
	for _, test := range tests {
		_ = during(t, trialConfig{}, fail(), func(_ context.Context, call *core.Call, _ core.Handler) error {
			// A guard that forbids is another question.
			call.Attach(&recordingGuard{forbid: errRefused})
			for _, n := range test.limits {
				call.LimitAttempts(n)
			}
			for _, want := range test.want {
				if got := call.AttemptsLeft(); got != want {
					t.Errorf("limits %d: AttemptsLeft = %d in attempt %d, want %d", test.limits, got, call.Attempt(), want)
				}
				call.NextAttempt()
			}
			return nil
		})
	}
}

// lastWord is a guard with one method of its own.
type lastWord struct {
	core.NopGuard
	heard []core.Outcome
}

func (g *lastWord) AfterAttempt(_ *core.Call, o core.Outcome) { g.heard = append(g.heard, o) }

func TestAGuardNeedsTheMethodsThatMatterOnly(t *testing.T) {
	g := new(lastWord)
	err := during(t, trialConfig{}, fail(errUnavailable), func(ctx context.Context, call *core.Call, next core.Handler) error {
		call.Attach(g)
		call.Attach(core.NopGuard{})
		_ = next(ctx, call)
		if err := call.BeforeAttempt(); err != nil {
			t.Errorf("BeforeAttempt = %v, want nil", err)
		}
		call.NextAttempt()
		return next(ctx, call)
	})
	if err != nil || len(g.heard) != 2 || g.heard[0].Class != unavailable || g.heard[1].Verdict != core.Success {
		t.Errorf("Do = %v, AfterAttempt with %#v, want a failure and a success", err, g.heard)
	}
}

func TestWhatAGuardObjectsIsARejection(t *testing.T) {
	forgets, says := errors.New("no room"), fmt.Errorf("no room: %w", core.ErrRejected)
	for _, objection := range []error{forgets, says} {
		tr := newTrial(t, trialConfig{stage: func(next core.Handler) core.Handler {
			return func(ctx context.Context, call *core.Call) error {
				call.Attach(&recordingGuard{forbid: objection})
				err := call.BeforeAttempt()
				if !errors.Is(err, core.ErrRejected) || !errors.Is(err, objection) {
					t.Errorf("BeforeAttempt = %v, want ErrRejected and %v", err, objection)
				}
				if objection == says && err != says {
					t.Errorf("BeforeAttempt = %v, want the guard's error as it is", err)
				}
				return next(ctx, call)
			}
		}})
		tr.guard.refuse = objection
		_, err := core.Do(t.Context(), tr.client, search, func(context.Context, string) (string, error) {
			t.Error("the work ran")
			return "", nil
		})
		if !errors.Is(err, core.ErrRejected) || !errors.Is(err, objection) {
			t.Errorf("Do = %v, want ErrRejected and %v", err, objection)
		}
		// The connection is as good as before, and the backend is not judged.
		want := core.Class{Verdict: core.Neutral, Retry: core.RetryNever, Conn: core.Keep, ErrorType: errtype.Other}
		got := tr.outcome
		if !got.Reached || got.Class != want || got.Judged || got.Ran != 0 || !slices.Equal(tr.fates, fates{core.Keep}) {
			t.Errorf("Since = %#v, returned as %v, want %#v, reached and not judged", got, tr.fates, want)
		}
		if !slices.Equal(tr.guard.ended, []core.Outcome{got}) {
			t.Errorf("AfterAttempt with %#v, want %#v", tr.guard.ended, got)
		}
	}
}

func TestTheFirstGuardThatForbidsTheWorkIsTheLastThatIsAsked(t *testing.T) {
	var log []string
	err := during(t, trialConfig{}, fail(), func(ctx context.Context, call *core.Call, next core.Handler) error {
		for i, refuse := range []error{nil, errRefused, nil} {
			call.Attach(&recordingGuard{name: fmt.Sprint(i + 1), log: &log, refuse: refuse})
		}
		return next(ctx, call)
	})
	want := []string{"1 before work", "2 before work", "1 after attempt", "2 after attempt", "3 after attempt"}
	if !errors.Is(err, errRefused) || !slices.Equal(log, want) {
		t.Errorf("Do = %v, guards were told\n%q, want\n%q", err, log, want)
	}
}

// TestGuardsAreAttachedAndDetachedInAnyOrder compares the guards of a call with a
// slice, after each of many steps.
func TestGuardsAreAttachedAndDetachedInAnyOrder(t *testing.T) {
	const steps, kinds = 5000, 5
	dice := rand.New(rand.NewPCG(1, 2))
	var asked []string
	var all [kinds]*recordingGuard
	for i := range all {
		all[i] = &recordingGuard{name: fmt.Sprint(i), log: &asked}
	}
	longest := 0
	check := func(call *core.Call) {
		var model []int
		for step := range steps {
			which := dice.IntN(kinds)
			if dice.IntN(9) < 4 {
				call.Attach(all[which])
				model = append(model, which)
				longest = max(longest, len(model))
			} else {
				call.Detach(all[which]) // which may not be attached
				for i, have := range slices.Backward(model) {
					if have == which {
						model = slices.Delete(model, i, i+1)
						break
					}
				}
			}
			var want []string
			for _, i := range model {
				want = append(want, fmt.Sprint(i, " before attempt"))
			}
			asked = nil
			if err := call.BeforeAttempt(); err != nil || !slices.Equal(asked, want) {
				t.Fatalf("step %d: BeforeAttempt = %v, asked %q, want %q", step, err, asked, want)
			}
		}
	}
	client := newClient(t, core.ClientConfig[string]{Source: &coretest.Source[string]{}, Middleware: func(core.Handler) core.Handler {
		return func(_ context.Context, call *core.Call) error {
			check(call)
			return errRefused
		}
	}})
	_, _ = core.Do(t.Context(), client, search, fail())
	if longest < 6 {
		t.Errorf("at most %d guards at once, want more than there is room for", longest)
	}
}

func TestAWaitInAStageIsNoTimeOfTheWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		wait := func(next core.Handler) core.Handler {
			return func(ctx context.Context, call *core.Call) error {
				if call.EndsWithin(ctx, 9*time.Second) || !call.EndsWithin(ctx, 10*time.Second) {
					t.Error("EndsWithin does not count from the beginning of the attempt")
				}
				time.Sleep(5 * time.Second)
				if err := call.AfterWait(); err != nil {
					return err
				}
				if !call.EndsWithin(ctx, 5*time.Second) {
					t.Error("EndsWithin does not count from the end of the wait")
				}
				return next(ctx, call)
			}
		}
		tr := newTrial(t, trialConfig{stage: wait})
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		_, _ = core.Do(ctx, tr.client, search, hang)
		if tr.outcome.Ran != 5*time.Second || !tr.outcome.OutOfTime {
			t.Errorf("outcome %v, want the time after the wait", tr.outcome)
		}
	})
}

func TestAfterAWaitTheGuardsAreAskedUnlessItIsTheOnlyAttempt(t *testing.T) {
	for limit, want := range []error{errRefused, nil, errRefused} {
		err := during(t, trialConfig{}, fail(), func(ctx context.Context, call *core.Call, next core.Handler) error {
			call.Attach(&recordingGuard{forbid: errRefused})
			if limit > 0 {
				call.LimitAttempts(limit)
			}
			if err := call.AfterWait(); !errors.Is(err, want) || (err == nil) != (want == nil) {
				t.Errorf("AfterWait = %v with a limit of %d, want %v", err, limit, want)
			}
			return next(ctx, call)
		})
		if err != nil {
			t.Error(err)
		}
	}
}

func TestADeadlineOfTheWallClockIsComparedWithTheWallClock(t *testing.T) {
	err := during(t, trialConfig{}, fail(), func(ctx context.Context, call *core.Call, next core.Handler) error {
		ctx, cancel := context.WithDeadline(ctx, time.Now().Add(time.Hour).Round(0))
		defer cancel()
		if call.EndsWithin(ctx, time.Hour-time.Minute) || !call.EndsWithin(ctx, time.Hour+time.Minute) || call.EndsWithin(context.Background(), math.MaxInt64) {
			t.Error("EndsWithin is wrong")
		}
		return next(ctx, call)
	})
	if err != nil {
		t.Error(err)
	}
}
