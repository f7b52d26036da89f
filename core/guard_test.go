// SPDX-License-Identifier: Apache-2.0

package core_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core"
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
		if err := call.AllowAttempt(); err != nil {
			t.Errorf("AllowAttempt = %v, want nil", err)
		}
		call.NextAttempt()
		return next(ctx, call)
	})
	if err != nil {
		t.Error(err)
	}
	var want []string
	for _, what := range []string{"began", "ended", "allow", "began", "ended"} {
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
			if tr.source.Loans() == 0 {
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
		t.Errorf("Began %d times, Ended %d times, want once each", first.began, len(first.ended))
	}
}

func TestBeganIsForAttemptsWithAConnectionOnly(t *testing.T) {
	g := new(recordingGuard)
	_ = during(t, trialConfig{acquire: acquire(exhausted{})}, fail(), func(ctx context.Context, call *core.Call, next core.Handler) error {
		call.Attach(g)
		return next(ctx, call)
	})
	if g.began != 0 || len(g.ended) != 1 || g.ran[0] != 0 || g.ended[0] != poolTimeout {
		t.Errorf("Began %d times, Ended with %#v after %v, want never, and once with %#v after 0", g.began, g.ended, g.ran, poolTimeout)
	}
}

func TestEndedTellsHowLongTheWorkRan(t *testing.T) {
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
		if !slices.Equal(g.ran, []time.Duration{time.Second, 2 * time.Second}) {
			t.Errorf("Ended after %v, want [1s 2s]", g.ran)
		}
	})
}

func TestAllowAttemptAsksTheLimitThenEachGuard(t *testing.T) {
	no1, no2 := errors.New("no, says 1"), errors.New("no, says 2")
	tests := []struct {
		name  string
		limit int // 0: none
		allow []error
		want  error
		asked []string
	}{
		{"nobody", 0, nil, nil, nil},
		{"all agree", 0, []error{nil, nil}, nil, []string{"1 allow", "2 allow"}},
		{"the first says no", 0, []error{no1, no2}, no1, []string{"1 allow"}},
		{"the second says no", 0, []error{nil, no2}, no2, []string{"1 allow", "2 allow"}},
		{"within the limit", 2, []error{nil}, nil, []string{"1 allow"}},
		{"beyond the limit", 1, []error{no1}, core.ErrAttemptLimit, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var log []string
			_ = during(t, trialConfig{}, fail(), func(_ context.Context, call *core.Call, _ core.Handler) error {
				for i, err := range test.allow {
					call.Attach(&recordingGuard{name: fmt.Sprint(i + 1), log: &log, allow: err})
				}
				if test.limit > 0 {
					call.LimitAttempts(test.limit)
				}
				if err := call.AllowAttempt(); !errors.Is(err, test.want) || (err == nil) != (test.want == nil) {
					t.Errorf("AllowAttempt = %v, want %v", err, test.want)
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
			for call.Attempt() < 10 && call.AllowAttempt() == nil {
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
