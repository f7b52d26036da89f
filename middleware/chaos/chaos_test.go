// SPDX-License-Identifier: Apache-2.0

package chaos_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/internal/errtype"
	"github.com/penstock-go/penstock/middleware/chaos"
)

var (
	errDown      = core.Sentinel("down", "UNAVAILABLE", core.ErrUnavailable)
	errStatement = errors.New("bad statement")
)

func classify(err error) core.Class {
	if errors.Is(err, errStatement) {
		return core.Class{Verdict: core.Success, Retry: core.RetryNever, Conn: core.Keep}
	}
	return core.Class{}
}

// rig is a client whose chain is a chaos, and what a stage further out sees.
type rig struct {
	core.NopGuard
	chaos  *chaos.Chaos
	client *core.Client[int]
	source coretest.Source[int]
	calls  int // of the operation's function

	outcome      core.Outcome
	began, ended int
	ran          time.Duration
}

func (r *rig) BeforeWork(*core.Call) error { r.began++; return nil }
func (r *rig) AfterAttempt(_ *core.Call, o core.Outcome) {
	r.ended++
	r.ran = o.Ran
}

func newRig(t testing.TB, cfg chaos.Config) *rig {
	t.Helper()
	r := new(rig)
	var err error
	if r.chaos, err = chaos.New(cfg); err != nil {
		t.Fatal(err)
	}
	watch := func(next core.Handler) core.Handler {
		return func(ctx context.Context, call *core.Call) error {
			call.Attach(r)
			call.Measure()
			mark := call.Mark()
			err := core.ErrPanic
			defer func() { r.outcome = call.Since(mark, err) }()
			err = next(ctx, call)
			return err
		}
	}
	r.client, err = core.NewClient(core.ClientConfig[int]{
		Source: &r.source, Middleware: core.Compose(watch, r.chaos.Middleware), Classifier: classify,
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *rig) do(ctx context.Context, name string) error {
	_, err := core.Do(ctx, r.client, core.Op{Name: name}, func(ctx context.Context, _ int) (int, error) {
		r.calls++
		return 0, ctx.Err()
	})
	return err
}

func TestAnInjectedErrorIsSeenLikeARealOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, row := range []struct {
			err  error
			want core.Class
		}{
			{errDown, core.Class{Verdict: core.Failure, Retry: core.RetryIfIdempotent, Conn: core.Suspect, ErrorType: "UNAVAILABLE"}},
			{errStatement, core.Class{Verdict: core.Success, Retry: core.RetryNever, Conn: core.Keep, ErrorType: errtype.Other}},
			{core.ErrRejected, core.Class{Verdict: core.Neutral, Retry: core.RetryNever, Conn: core.Keep, ErrorType: errtype.Other}},
		} {
			r := newRig(t, chaos.Config{Faults: []chaos.Fault{{Share: 1, Err: row.err, Latency: time.Second}}})
			err := r.do(t.Context(), "op")
			if !errors.Is(err, row.err) || !errors.Is(err, chaos.ErrInjected) {
				t.Errorf("Do = %v, want %v, injected", err, row.err)
			}
			if r.outcome.Class != row.want {
				t.Errorf("%v counts as %+v, want %+v", row.err, r.outcome.Class, row.want)
			}
			if r.calls != 0 || r.source.Leases() != 0 || r.began != 1 || r.ended != 1 || r.ran != time.Second {
				t.Errorf("%d calls, %d leases, guards told %d/%d times that it ran %v; want 0, 0, 1/1, 1s",
					r.calls, r.source.Leases(), r.began, r.ended, r.ran)
			}
		}
	})
}

func TestLatencyIsSpentOnTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, chaos.Config{Faults: []chaos.Fault{{Share: 1, Latency: time.Second}}})
		for n := 1; n <= 2; n++ {
			began := time.Now()
			if err := r.do(t.Context(), "op"); err != nil {
				t.Errorf("Do = %v", err)
			}
			if time.Since(began) != time.Second || r.ran != time.Second || r.calls != n || r.source.Leases() != n {
				t.Errorf("took %v, ran %v, %d calls, %d leases; want 1s, 1s, %d, %[5]d", time.Since(began), r.ran, r.calls, r.source.Leases(), n)
			}
		}
		// A deadline cuts it short, and is judged as one of a slow backend.
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		if err := r.do(ctx, "op"); !errors.Is(err, context.DeadlineExceeded) || r.ran != 300*time.Millisecond {
			t.Errorf("Do = %v after %v, want the deadline", err, r.ran)
		}
		if !r.outcome.OutOfTime || r.outcome.Verdict != core.Failure || r.source.Out() != 0 {
			t.Errorf("counts as %+v, %d leases out", r.outcome, r.source.Out())
		}
	})
}

// repeat makes up to n attempts, as retry does.
func repeat(n int) core.Middleware {
	return func(next core.Handler) core.Handler {
		return func(ctx context.Context, call *core.Call) error {
			err := next(ctx, call)
			for ; err != nil && n > 1; n-- {
				call.NextAttempt()
				err = next(ctx, call)
			}
			return err
		}
	}
}

func TestEachAttemptHasItsOwnLatency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, err := chaos.New(chaos.Config{Faults: []chaos.Fault{{Share: 1, Latency: time.Second}}})
		if err != nil {
			t.Fatal(err)
		}
		client, err := core.NewClient(core.ClientConfig[int]{
			Source: &coretest.Source[int]{}, Middleware: core.Compose(repeat(3), c.Middleware),
		})
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		_, err = core.Do(t.Context(), client, core.Op{Name: "op"}, func(context.Context, int) (int, error) { return 0, errDown })
		if err == nil || time.Since(began) != 3*time.Second {
			t.Errorf("Do = %v after %v, want three attempts of 1s", err, time.Since(began))
		}
	})
}

func TestAHangLastsUntilTheContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, chaos.Config{Faults: []chaos.Fault{{Share: 1, Hang: true}}})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := r.do(ctx, "op"); !errors.Is(err, context.DeadlineExceeded) || r.ran != time.Minute {
			t.Errorf("Do = %v after %v, want the deadline", err, r.ran)
		}
		if !r.outcome.OutOfTime || r.outcome.Verdict != core.Failure || r.calls != 0 {
			t.Errorf("counts as %+v, %d calls; want a failure out of time, none", r.outcome, r.calls)
		}
		ctx, cancel = context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		if err := r.do(ctx, "op"); !errors.Is(err, context.Canceled) || r.outcome.Verdict != core.Neutral {
			t.Errorf("Do = %v, which counts as %v, want the caller's cancel, neutral", err, r.outcome)
		}
		// As a timeout stage does it.
		limit := &core.TimeoutError{Limit: time.Second}
		stage := func(next core.Handler) core.Handler {
			return func(ctx context.Context, call *core.Call) error {
				ctx, cancel := context.WithTimeoutCause(ctx, limit.Limit, limit)
				defer cancel()
				err := next(ctx, call)
				r.outcome = call.Since(core.Mark{}, err)
				return err
			}
		}
		client, err := core.NewClient(core.ClientConfig[int]{Source: &r.source, Middleware: core.Compose(stage, r.chaos.Middleware)})
		if err != nil {
			t.Fatal(err)
		}
		_, err = core.Do(t.Context(), client, core.Op{Name: "op"}, func(context.Context, int) (int, error) { return 0, nil })
		if !errors.Is(err, core.ErrTimeout) || r.outcome.Verdict != core.Failure || !r.outcome.Retry.Allows(core.Idempotent) {
			t.Errorf("Do = %v, which counts as %+v, want the timeout of an attempt", err, r.outcome)
		}
	})
}

func TestAPanicGoesToTheCaller(t *testing.T) {
	r := newRig(t, chaos.Config{Faults: []chaos.Fault{{Share: 1, Panic: "boom"}}})
	defer func() {
		if v := recover(); v != "boom" || r.outcome.ErrorType != "panic" || r.outcome.Verdict != core.Failure || r.began != 1 || r.ended != 1 {
			t.Errorf("recovered %v, which counts as %+v and the guards heard of %d/%d times", v, r.outcome, r.began, r.ended)
		}
	}()
	_ = r.do(t.Context(), "op")
	t.Error("Do returned, want a panic")
}

func TestAFaultStrikesItsOperationsOnSchedule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, chaos.Config{Faults: []chaos.Fault{
			{Share: 1, Ops: []string{"Search"}, From: time.Minute, Until: 2 * time.Minute, Err: errDown},
			{Share: 1, Ops: []string{"Insert", "Delete"}, Err: errStatement},
		}})
		for i, row := range []struct {
			op   string
			want error
		}{
			{"Search", nil}, {"Insert", errStatement}, {"Delete", errStatement},
			{"Search", errDown}, {"Insert", errStatement}, {"Query", nil},
			{"Search", nil}, {"Insert", errStatement}, {"Delete", errStatement},
		} {
			if i > 0 && i%3 == 0 {
				time.Sleep(time.Minute) // the edges count: From on, Until no more
			}
			if err := r.do(t.Context(), row.op); !errors.Is(err, row.want) {
				t.Errorf("#%d: %s = %v, want %v", i, row.op, err, row.want)
			}
		}
		if got := r.chaos.Stats(); !got.On || !slices.Equal(got.Struck, []uint64{1, 5}) {
			t.Errorf("Stats = %+v, want on, [1 5]", got)
		}
	})
}

// strikes returns which of n operations fail.
func (r *rig) strikes(t *testing.T, n int) (s []bool) {
	for range n {
		s = append(s, r.do(t.Context(), "op") != nil)
	}
	return s
}

func TestTheSameSeedStrikesTheSameAttempts(t *testing.T) {
	const n = 10_000
	for _, share := range []float64{0.001, 0.1, 0.5, 0.9, 1} {
		cfg := chaos.Config{Seed: 7, Faults: []chaos.Fault{{Share: share, Err: errDown}}}
		r := newRig(t, cfg)
		first := r.strikes(t, n)
		if again := newRig(t, cfg).strikes(t, n); !slices.Equal(first, again) {
			t.Errorf("share %v: another sequence from the same seed", share)
		}
		r.chaos.On()
		if again := r.strikes(t, n); !slices.Equal(first, again) {
			t.Errorf("share %v: another sequence after On", share)
		}
		cfg.Seed = 8
		if other := newRig(t, cfg).strikes(t, n); share < 1 && slices.Equal(first, other) {
			t.Errorf("share %v: the same sequence from another seed", share)
		}
		struck := float64(r.chaos.Stats().Struck[0]) / n
		if spread := 4 * math.Sqrt(share*(1-share)/n); math.Abs(struck-share) > spread {
			t.Errorf("share %v: %v were struck", share, struck)
		}
	}
}

func TestAFaultLeavesTheChoiceOfTheOthersAlone(t *testing.T) {
	fault := chaos.Fault{Share: 0.3, Ops: []string{"op"}, Err: errDown}
	alone := newRig(t, chaos.Config{Faults: []chaos.Fault{fault}}).strikes(t, 1000)
	with := newRig(t, chaos.Config{Faults: []chaos.Fault{fault, {Share: 0.5, Latency: 1}}}).strikes(t, 1000)
	if !slices.Equal(alone, with) {
		t.Error("a fault that stands behind it changes what a fault strikes")
	}
}

func TestConcurrentAttemptsAreStruckInTheSameShare(t *testing.T) {
	fault := chaos.Fault{Share: 0.25, Err: errDown}
	want := newRig(t, chaos.Config{Faults: []chaos.Fault{fault}})
	want.strikes(t, 800)
	c, err := chaos.New(chaos.Config{Faults: []chaos.Fault{fault}})
	if err != nil {
		t.Fatal(err)
	}
	client, err := core.NewClient(core.ClientConfig[int]{Source: &coretest.Source[int]{}, Middleware: c.Middleware})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				_, _ = core.Do(t.Context(), client, core.Op{Name: "op"}, func(context.Context, int) (int, error) { return 0, nil })
			}
		})
	}
	wg.Wait()
	if got, want := c.Stats().Struck, want.chaos.Stats().Struck; !slices.Equal(got, want) {
		t.Errorf("%v were struck, want %v as one after the other", got, want)
	}
}

func TestItIsSwitchedAtRunTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, chaos.Config{StartOff: true, Faults: []chaos.Fault{{Share: 1, Until: time.Second, Err: errDown}}})
		check := func(want error, on bool) {
			t.Helper()
			if err := r.do(t.Context(), "op"); !errors.Is(err, want) || (want == nil && err != nil) {
				t.Errorf("Do = %v, want %v", err, want)
			}
			if got := r.chaos.Stats().On; got != on {
				t.Errorf("On is %v, want %v", got, on)
			}
		}
		check(nil, false)
		time.Sleep(time.Minute)
		r.chaos.On() // its schedule begins here
		check(errDown, true)
		time.Sleep(time.Second)
		check(nil, true)
		r.chaos.Off()
		check(nil, false)
		if err := r.chaos.Set(chaos.Fault{Share: 1, Err: errStatement}); err != nil {
			t.Errorf("Set = %v", err)
		}
		check(errStatement, true)
		if err := r.chaos.Set(chaos.Fault{Share: 2, Err: errDown}); err == nil || !strings.Contains(err.Error(), "Share is 2") {
			t.Errorf("Set = %v, want a refusal", err)
		}
		check(errStatement, true) // as before
		if err := r.chaos.Set(); err != nil {
			t.Errorf("Set = %v", err)
		}
		check(nil, false)
		r.chaos.On() // with nothing to do
		check(nil, false)
	})
}

func TestBadFaultsAreRefusedAllAtOnce(t *testing.T) {
	cfg := chaos.Config{Faults: []chaos.Fault{
		{Err: errDown},
		{Share: -0.1, Err: errDown},
		{Share: 1.1, Err: errDown},
		{Share: math.NaN(), Err: errDown},
		{Share: 1},
		{Share: 1, Err: errDown, Hang: true},
		{Share: 1, Hang: true, Latency: 1},
		{Share: 1, Err: errDown, From: -1, Until: -2, Latency: -3, Ops: []string{""}},
		{Share: 1, Err: errDown, From: 2, Until: 1},
	}}
	_, err := chaos.New(cfg)
	if _, same := cfg.Effective(); err == nil || same == nil || same.Error() != err.Error() {
		t.Fatalf("New = %v, Effective = %v; want the same error", err, same)
	}
	for _, want := range []string{
		"chaos: bad configuration",
		"Faults[0]: Share is 0, want above 0 and up to 1", "Faults[1]: Share is -0.1", "Faults[2]: Share is 1.1", "Faults[3]: Share is NaN",
		"Faults[4]: nothing happens", "Faults[5]: more than one of Err, Hang and Panic", "Faults[6]: Latency makes no difference",
		"Faults[7]: From is -1ns, want 0", "Faults[7]: Until is -2ns, want 0", "Faults[7]: Latency is -3ns, want 0",
		"Faults[7]: Ops names an operation without a name", "Faults[8]: Until 1ns is not after From 2ns",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("New = %v, want %q in it", err, want)
		}
	}
}

func TestTheStageCostsNoAllocationUnlessItStrikes(t *testing.T) {
	for name, cfg := range map[string]chaos.Config{
		"off":                   {StartOff: true, Faults: []chaos.Fault{{Share: 1, Err: errDown}}},
		"another operation's":   {Faults: []chaos.Fault{{Share: 1, Ops: []string{"Insert"}, Err: errDown}}},
		"drawn but hardly ever": {Faults: []chaos.Fault{{Share: 1e-15, Err: errDown}}},
	} {
		c, err := chaos.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		handler := c.Middleware(func(context.Context, *core.Call) error { return nil })
		call := &core.Call{Op: core.Op{Name: "Search"}}
		if allocs := testing.AllocsPerRun(1000, func() {
			if err := handler(t.Context(), call); err != nil {
				t.Error(err)
			}
		}); allocs != 0 {
			t.Errorf("%s: the stage costs %v allocations, want none", name, allocs)
		}
	}
}
