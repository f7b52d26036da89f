// SPDX-License-Identifier: Apache-2.0

package hedge_test

import (
	"context"
	"errors"
	"math"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/middleware/hedge"
)

var (
	op       = core.Op{Name: "Search", Safety: core.ReadOnly}
	errFirst = errors.New("first")
	errOther = errors.New("second")
)

// script says what one of the two runs does: how long it takes, unless its context
// ends first, and how it ends.
type script struct {
	takes time.Duration
	err   error
	boom  any
	deaf  bool
}

// rig is a hedger and a client, and what became of the two runs.
type rig struct {
	hedger *hedge.Hedger
	client *core.Client[int]
	source coretest.Source[int]

	mu       sync.Mutex
	started  []time.Duration // since began
	canceled [2]bool
	began    time.Time
	under    int // runs under way
}

func newRig(t testing.TB, cfg hedge.Config) *rig {
	t.Helper()
	r := new(rig)
	var err error
	if r.hedger, err = hedge.New(cfg); err != nil {
		t.Fatal(err)
	}
	if r.client, err = core.NewClient(core.ClientConfig[int]{Source: &r.source, Classifier: classify}); err != nil {
		t.Fatal(err)
	}
	return r
}

// do runs an operation whose first run follows scripts[0] and whose second run
// follows scripts[1]. The result names the run that it comes from.
func (r *rig) do(ctx context.Context, scripts ...script) (string, error) {
	r.began, r.started, r.canceled = time.Now(), nil, [2]bool{}
	return hedge.Do(ctx, r.hedger, r.client, op, func(ctx context.Context, _ int) (string, error) {
		r.mu.Lock()
		n := len(r.started)
		r.started = append(r.started, time.Since(r.began))
		r.under++
		r.mu.Unlock()
		defer func() {
			r.mu.Lock()
			r.under--
			r.mu.Unlock()
		}()
		s := scripts[n]
		done := ctx.Done()
		if s.deaf {
			done = nil
		}
		select {
		case <-time.After(s.takes):
		case <-done:
			r.mu.Lock()
			r.canceled[n] = true
			r.mu.Unlock()
			return "", ctx.Err()
		}
		if s.boom != nil {
			panic(s.boom)
		}
		if s.boom == nil && s.takes == never {
			runtime.Goexit()
		}
		return [...]string{"first", "second"}[n], s.err
	})
}

const never = 24 * time.Hour

func (r *rig) check(t *testing.T, hedged, won, denied uint64) {
	t.Helper()
	got := r.hedger.Stats()
	if got.Hedged != hedged || got.Won != won || got.Denied != denied {
		t.Errorf("Stats = %+v, want %d hedged, %d won, %d denied", got, hedged, won, denied)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.under != 0 || r.source.Out() != 0 {
		t.Errorf("%d are under way, %d leases are out after Do, want none", r.under, r.source.Out())
	}
}

func TestTheFirstSuccessWins(t *testing.T) {
	const delay = 100 * time.Millisecond
	ms := func(n int) time.Duration { return time.Duration(n) * time.Millisecond }
	for _, row := range []struct {
		name          string
		first, second script
		want          string
		err           error
		took          time.Duration
		hedged, won   uint64
		canceled      [2]bool
	}{
		{"fast", script{takes: ms(50)}, script{}, "first", nil, ms(50), 0, 0, [2]bool{}},
		{"failed before the delay", script{takes: ms(50), err: errFirst}, script{}, "", errFirst, ms(50), 0, 0, [2]bool{}},
		{"the second is faster", script{takes: ms(1000)}, script{takes: ms(50)}, "second", nil, ms(150), 1, 1, [2]bool{true, false}},
		{"the first is faster", script{takes: ms(200)}, script{takes: ms(1000)}, "first", nil, ms(200), 1, 0, [2]bool{false, true}},
		{"the first fails first", script{takes: ms(200), err: errFirst}, script{takes: ms(1000)}, "second", nil, ms(1100), 1, 1, [2]bool{}},
		{"the second fails first", script{takes: ms(1000)}, script{takes: ms(50), err: errOther}, "first", nil, ms(1000), 1, 0, [2]bool{}},
		{"both fail, the first first", script{takes: ms(200), err: errFirst}, script{takes: ms(500), err: errOther}, "", errFirst, ms(600), 1, 0, [2]bool{}},
		{"both fail, the second first", script{takes: ms(1000), err: errFirst}, script{takes: ms(50), err: errOther}, "", errFirst, ms(1000), 1, 0, [2]bool{}},
		{"the loser is deaf", script{takes: ms(1000), deaf: true}, script{takes: ms(50)}, "second", nil, ms(1000), 1, 1, [2]bool{}},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, hedge.Config{Delay: delay})
				got, err := r.do(t.Context(), row.first, row.second)
				if got != row.want || !errors.Is(err, row.err) || (err == nil) != (row.err == nil) {
					t.Errorf("Do = %q, %v, want %q, %v", got, err, row.want, row.err)
				}
				if took := time.Since(r.began); took != row.took {
					t.Errorf("took %v, want %v", took, row.took)
				}
				if r.canceled != row.canceled {
					t.Errorf("canceled %v, want %v", r.canceled, row.canceled)
				}
				if row.hedged > 0 && (len(r.started) != 2 || r.started[1] != delay) {
					t.Errorf("began at %v, want the second at %v", r.started, delay)
				}
				r.check(t, row.hedged, row.won, 0)
			})
		})
	}
}

func TestTheCallersCancelEndsBoth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, hedge.Config{})
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		_, err := r.do(ctx, script{takes: time.Minute}, script{takes: time.Minute})
		if !errors.Is(err, context.Canceled) || time.Since(r.began) != time.Second || r.canceled != [2]bool{true, true} {
			t.Errorf("Do = %v after %v, canceled %v; want the cancel of both after 1s", err, time.Since(r.began), r.canceled)
		}
		r.check(t, 1, 0, 0)
	})
}

func TestNoHedgeIfTheDeadlineComesFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, hedge.Config{Delay: time.Second})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := r.do(ctx, script{takes: time.Minute}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Do = %v, want the deadline", err)
		}
		if got, err := r.do(t.Context(), script{takes: time.Second - 1}); got != "first" || err != nil {
			t.Errorf("Do = %q, %v", got, err)
		}
		r.check(t, 0, 0, 0)
	})
}

func TestOnlyReadOnlyOperationsAreHedged(t *testing.T) {
	r := newRig(t, hedge.Config{})
	for _, safety := range []core.Safety{core.Unsafe, core.Idempotent} {
		ran := false
		_, err := hedge.Do(t.Context(), r.hedger, r.client, core.Op{Name: "Insert", Safety: safety}, func(context.Context, int) (int, error) {
			ran = true
			return 0, nil
		})
		if !errors.Is(err, hedge.ErrNotReadOnly) || !errors.Is(err, core.ErrRejected) || ran {
			t.Errorf("Do = %v for %v, ran %v; want ErrNotReadOnly without a run", err, safety, ran)
		}
		if e, ok := errors.AsType[*core.Error](err); !ok || e.Outcome.Verdict != core.Neutral || e.Outcome.Rejected ||
			e.Outcome.Retry != core.RetryNever || e.Outcome.ErrorType != core.ErrorType(err) {
			t.Errorf("Do = %#v, want the outcome of a mistake", err)
		}
		if !strings.Contains(err.Error(), "Insert: ") || !strings.Contains(err.Error(), safety.String()) {
			t.Errorf("Do = %v, want the operation and its safety", err)
		}
	}
	if got := r.hedger.Stats().Operations; got != 0 {
		t.Errorf("%d operations, want none", got)
	}
}

func budget(t testing.TB, ratio, perSecond float64) *core.Budget {
	t.Helper()
	b, err := core.NewBudget(ratio, perSecond)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestTheBudgetIsNeverExceeded(t *testing.T) {
	for _, row := range []struct {
		name string
		cfg  hedge.Config
		ops  int
		want uint64
	}{
		{"none", hedge.Config{Budget: budget(t, 0, 0)}, 100, 0},
		{"shared, and the others pay nothing in", hedge.Config{Budget: budget(t, 0.1, 0)}, 100, 0},
		{"paid into", hedge.Config{Budget: budget(t, 0.1, 0), PayIn: true}, 100, 10},
		{"a fifth", hedge.Config{Budget: budget(t, 0.2, 0), PayIn: true}, 100, 20},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, row.cfg)
				for range row.ops {
					if _, err := r.do(t.Context(), script{takes: time.Second}, script{takes: time.Hour}); err != nil {
						t.Errorf("Do = %v", err)
					}
				}
				r.check(t, row.want, 0, uint64(row.ops)-row.want)
			})
		})
	}
}

func TestTheDefaultBudgetIsATenthAndAMinimum(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 1000
		r := newRig(t, hedge.Config{})
		began := time.Now()
		var wg sync.WaitGroup
		for range n {
			wg.Go(func() {
				_, _ = hedge.Do(t.Context(), r.hedger, r.client, op, func(ctx context.Context, _ int) (int, error) {
					time.Sleep(time.Second)
					return 0, nil
				})
			})
		}
		wg.Wait()
		most := n*0.1 + 10*(1+time.Since(began).Seconds())
		if got := r.hedger.Stats(); float64(got.Hedged) > most || got.Hedged < 100 || got.Hedged+got.Denied != n {
			t.Errorf("Stats = %+v, want about %v hedged of %d", got, most, n)
		}
	})
}

func TestAPanicOfEitherGoesToTheCaller(t *testing.T) {
	for _, row := range []struct {
		name          string
		first, second script
		second2       bool // it was the second that panicked
		took          time.Duration
	}{
		{"the first, alone", script{takes: time.Millisecond, boom: "boom"}, script{}, false, time.Millisecond},
		{"the first, hedged", script{takes: time.Second, boom: "boom"}, script{takes: time.Hour}, false, time.Second},
		{"the second", script{takes: time.Hour}, script{takes: time.Second, boom: "boom"}, true, 1100 * time.Millisecond},
		{"the second, before the first succeeds", script{takes: time.Hour, deaf: true}, script{takes: time.Second, boom: "boom"}, true, time.Hour},
		{"the second, after the first failed", script{takes: time.Second, err: errFirst}, script{takes: time.Minute, boom: "boom"}, true, 60100 * time.Millisecond},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, hedge.Config{})
				defer func() {
					v := recover()
					if carried, ok := v.(*core.PanicError); ok != row.second2 || (ok && (carried.Value != "boom" || !strings.Contains(string(carried.Stack), "hedge_test"))) || (!ok && v != "boom") {
						t.Errorf("recovered %v, want the panic", v)
					}
					if took := time.Since(r.began); took != row.took {
						t.Errorf("took %v, want %v", took, row.took)
					}
					hedged := uint64(len(r.started) - 1)
					r.check(t, hedged, 0, 0)
				}()
				_, err := r.do(t.Context(), row.first, row.second)
				t.Errorf("Do = %v, want a panic", err)
			})
		})
	}
}

func TestGoexitEndsTheOperation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, hedge.Config{})
		// Of the second it is a failure like any other.
		if got, err := r.do(t.Context(), script{takes: 2 * never}, script{takes: never}); got != "first" || err != nil {
			t.Errorf("Do = %q, %v, want the first's result", got, err)
		}
		r.check(t, 1, 0, 0)
		// Of the first it ends the caller's goroutine, and the second with it.
		returned := false
		var wg sync.WaitGroup
		wg.Go(func() {
			_, _ = r.do(t.Context(), script{takes: never}, script{takes: 2 * never})
			returned = true
		})
		wg.Wait()
		if returned || !r.canceled[1] {
			t.Errorf("returned %v, canceled %v; want Goexit, and the second canceled", returned, r.canceled)
		}
		r.check(t, 2, 0, 0)
	})
}

func TestTheDelayFollowsTheQuantileOfRecentLatencies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const floor = 10 * time.Millisecond
		r := newRig(t, hedge.Config{Delay: floor, Quantile: 0.9, Budget: budget(t, 0, 0)})
		if got := r.hedger.Delay(); got != floor {
			t.Errorf("Delay = %v before any operation, want %v", got, floor)
		}
		run := func(n int, takes func(i int) time.Duration) {
			for i := range n {
				_, _ = r.do(t.Context(), script{takes: takes(i)})
			}
		}
		run(1000, func(i int) time.Duration { return time.Duration(i%100+1) * time.Millisecond })
		if got := r.hedger.Delay(); got < 88*time.Millisecond || got > 92*time.Millisecond {
			t.Errorf("Delay = %v, want about 90ms of 1 to 100", got)
		}
		if got := r.hedger.Stats().Delay; got != r.hedger.Delay() {
			t.Errorf("Stats say %v, want %v", got, r.hedger.Delay())
		}
		run(600, func(int) time.Duration { return time.Millisecond })
		if got := r.hedger.Delay(); got != floor {
			t.Errorf("Delay = %v when all take 1ms, want the floor of %v", got, floor)
		}
		// What fails fast says nothing about how long an answer takes.
		for range 600 {
			_, _ = r.do(t.Context(), script{takes: time.Second, err: errFirst})
		}
		if got := r.hedger.Delay(); got != floor {
			t.Errorf("Delay = %v after failures, want %v", got, floor)
		}
	})
}

// A first run that loses would have taken longer than until its cancel.
func TestLosersPullTheDelayUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, hedge.Config{Delay: time.Millisecond, Quantile: 0.5, Budget: budget(t, 1e6, 1e6)})
		for range 64 {
			_, _ = r.do(t.Context(), script{takes: time.Minute}, script{takes: time.Second})
		}
		if got := r.hedger.Delay(); got < time.Second {
			t.Errorf("Delay = %v, want at least what the losers had run", got)
		}
	})
}

func TestManyRaceAndNothingIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, hedge.Config{Delay: time.Millisecond, Quantile: 0.5, Budget: budget(t, 1e6, 1e6)})
		var wg sync.WaitGroup
		var calls atomic.Int64
		for i := range 20 {
			wg.Go(func() {
				for j := range 50 {
					want := i*1000 + j
					got, err := hedge.Do(t.Context(), r.hedger, r.client, op, func(ctx context.Context, _ int) (int, error) {
						select {
						case <-time.After(time.Duration(calls.Add(1)%7) * time.Millisecond):
							return want, nil
						case <-ctx.Done():
							return 0, ctx.Err()
						}
					})
					if got != want || err != nil {
						t.Errorf("Do = %d, %v, want %d", got, err, want)
					}
				}
			})
		}
		wg.Wait()
		s := r.hedger.Stats()
		if s.Operations != 1000 || s.Hedged == 0 || s.Won == 0 || s.Won > s.Hedged || r.source.Out() != 0 {
			t.Errorf("Stats = %+v, %d leases out", s, r.source.Out())
		}
	})
}

func TestNewNamesAllThatIsWrong(t *testing.T) {
	for _, row := range []struct {
		cfg  hedge.Config
		want []string
	}{
		{hedge.Config{Delay: -1, Quantile: 1}, []string{"Delay is -1ns, want 0", "Quantile is 1, want"}},
		{hedge.Config{Quantile: -0.5}, []string{"Quantile is -0.5"}},
		{hedge.Config{Quantile: math.NaN()}, []string{"Quantile is NaN"}},
	} {
		h, err := hedge.New(row.cfg)
		if _, same := row.cfg.Effective(); err == nil || h != nil || same == nil || same.Error() != err.Error() {
			t.Errorf("New(%+v) = %v, Effective = %v; want the same error", row.cfg, err, same)
			continue
		}
		for _, want := range append(row.want, "hedge: ") {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("New(%+v) = %q, want %q in it", row.cfg, err, want)
			}
		}
	}
	if h, err := hedge.New(hedge.Config{}); err != nil || h.Delay() != 100*time.Millisecond {
		t.Errorf("New = %v, want the default delay", err)
	}
}

// The extra cost is a context, a timer and a race. There is none if the deadline
// comes before the delay.
func TestAnOperationThatIsNotHedgedCostsLittle(t *testing.T) {
	r := newRig(t, hedge.Config{Delay: time.Hour, Quantile: 0.9})
	fn := func(context.Context, int) (int, error) { return 1, nil }
	alone := testing.AllocsPerRun(1000, func() { _, _ = core.Do(t.Context(), r.client, op, fn) })
	if got := testing.AllocsPerRun(1000, func() { _, _ = hedge.Do(t.Context(), r.hedger, r.client, op, fn) }); got > alone+5 {
		t.Errorf("an operation costs %v allocations, want at most %v", got, alone+5)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if got := testing.AllocsPerRun(1000, func() { _, _ = hedge.Do(ctx, r.hedger, r.client, op, fn) }); got > alone {
		t.Errorf("an operation costs %v allocations, want %v", got, alone)
	}
}
