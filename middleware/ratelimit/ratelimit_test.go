// SPDX-License-Identifier: Apache-2.0

package ratelimit_test

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
	"github.com/penstock-go/penstock/internal/stage/stagetest"
	"github.com/penstock-go/penstock/middleware/ratelimit"
)

var op = core.Op{Name: "op", Safety: core.ReadOnly}

// rig is a client whose chain is a limiter, and how its last outcome counts.
type rig struct {
	limiter  *ratelimit.Limiter
	client   *core.Client[int]
	recorder coretest.Recorder
	rate     float64

	mu      sync.Mutex
	verdict core.Verdict
}

func newRig(t testing.TB, cfg ratelimit.Config) *rig {
	t.Helper()
	r := &rig{rate: cfg.Rate}
	var err error
	if r.limiter, err = ratelimit.New(cfg); err != nil {
		t.Fatal(err)
	}
	judge := func(next core.Handler) core.Handler {
		return func(ctx context.Context, call *core.Call) error {
			mark := call.Mark()
			err := next(ctx, call)
			if err != nil {
				r.mu.Lock()
				r.verdict = call.Since(mark, err).Verdict
				r.mu.Unlock()
			}
			return err
		}
	}
	r.client, err = core.NewClient(core.ClientConfig[int]{
		Source: &coretest.Source[int]{}, Middleware: core.Compose(judge, r.limiter.Middleware), Observer: &r.recorder,
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *rig) do(ctx context.Context) error {
	_, err := core.Do(ctx, r.client, op, func(context.Context, int) (int, error) { return 0, nil })
	return err
}

func (r *rig) check(t *testing.T, want ratelimit.Stats) {
	t.Helper()
	got := r.limiter.Stats()
	if want.Rate = r.rate; got != want {
		t.Errorf("Stats = %+v, want %+v", got, want)
	}
}

func TestWithoutATokenAnOperationIsRefusedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, ratelimit.Config{Name: "quota", Rate: 2, Burst: 3})
		began := time.Now()
		for range 3 {
			if err := r.do(t.Context()); err != nil {
				t.Errorf("Do = %v within the burst", err)
			}
		}
		for range 10 { // refusals spend nothing
			err := r.do(t.Context())
			if !errors.Is(err, ratelimit.ErrLimited) || !errors.Is(err, core.ErrRejected) || core.ErrorType(err) != errtype.LocalLimit {
				t.Fatalf("Do = %v (%s), want ErrLimited", err, core.ErrorType(err))
			}
			if e, ok := errors.AsType[*ratelimit.LimitedError](err); !ok || e.Name != "quota" || e.Rate != 2 || e.RetryAfter != 500*time.Millisecond {
				t.Errorf("Do = %+v, want a LimitedError of quota that says 500ms", e)
			}
		}
		if r.verdict != core.Neutral || time.Since(began) != 0 {
			t.Errorf("refused as %v after %v, want neutral at once", r.verdict, time.Since(began))
		}
		events := r.recorder.Events(core.EventReject)
		if len(events) != 10 || events[0].Name != "quota" || events[0].Delay != 500*time.Millisecond {
			t.Errorf("events %+v, want ten refusals", events)
		}
		time.Sleep(500 * time.Millisecond)
		if err := r.do(t.Context()); err != nil {
			t.Errorf("Do = %v when the token has come", err)
		}
		r.check(t, ratelimit.Stats{Admitted: 4, Rejected: 10})
	})
}

func TestWaitersGetTheirTokensInTheOrderTheyCame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, ratelimit.Config{Rate: 1, Burst: 1, MaxWait: 5 * time.Second})
		began := time.Now()
		var (
			wg    sync.WaitGroup
			mu    sync.Mutex
			order []int
			times []time.Duration
		)
		for i := range 6 {
			wg.Go(func() {
				if err := r.do(t.Context()); err != nil {
					t.Errorf("Do = %v", err)
				}
				mu.Lock()
				order, times = append(order, i), append(times, time.Since(began))
				mu.Unlock()
			})
			synctest.Wait()
		}
		r.check(t, ratelimit.Stats{Waiting: 5, Admitted: 1})
		if err := r.do(t.Context()); !errors.Is(err, ratelimit.ErrLimited) || time.Since(began) != 0 {
			t.Errorf("Do = %v after %v, want ErrLimited at once: the wait would be 6s", err, time.Since(began))
		}
		wg.Wait()
		want := []time.Duration{0, time.Second, 2 * time.Second, 3 * time.Second, 4 * time.Second, 5 * time.Second}
		if !slices.Equal(order, []int{0, 1, 2, 3, 4, 5}) || !slices.Equal(times, want) {
			t.Errorf("ran %v at %v, want in order, one a second", order, times)
		}
		r.check(t, ratelimit.Stats{Admitted: 6, Rejected: 1})
	})
}

func TestNoOperationWaitsPastItsDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, ratelimit.Config{Rate: 1, Burst: 1, MaxWait: time.Minute})
		_ = r.do(t.Context())
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 900*time.Millisecond)
		defer cancel()
		err := r.do(ctx)
		if !errors.Is(err, ratelimit.ErrLimited) || !errors.Is(err, context.DeadlineExceeded) || core.ErrorType(err) != errtype.LocalLimit {
			t.Errorf("Do = %v (%s), want ErrLimited and the deadline", err, core.ErrorType(err))
		}
		if time.Since(began) != 0 || r.verdict != core.Neutral {
			t.Errorf("refused as %v after %v, want neutral at once", r.verdict, time.Since(began))
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if err := r.do(ended); !errors.Is(err, context.Canceled) || core.ErrorType(err) != errtype.Canceled {
			t.Errorf("Do = %v with a context that has ended, want its error", err)
		}
		// None of them took the next token.
		if err := r.do(t.Context()); err != nil || time.Since(began) != time.Second {
			t.Errorf("Do = %v after %v, want the token after 1s", err, time.Since(began))
		}
	})
}

// An operation that gives up gives its turn back, wherever in the queue it is.
func TestACanceledWaitIsRefunded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for gone := range 4 {
			r := newRig(t, ratelimit.Config{Rate: 1, Burst: 1, MaxWait: time.Minute})
			_ = r.do(t.Context())
			began := time.Now()
			var (
				wg    sync.WaitGroup
				mu    sync.Mutex
				times []time.Duration
			)
			for i := range 4 {
				ctx, cancel := context.WithCancel(t.Context())
				if i == gone {
					time.AfterFunc(time.Second/2, cancel)
				} else {
					defer cancel()
				}
				wg.Go(func() {
					err := r.do(ctx)
					if i == gone {
						if !errors.Is(err, ratelimit.ErrLimited) || core.ErrorType(err) != errtype.Canceled || r.verdict != core.Neutral {
							t.Errorf("Do = %v (%s, %v), want the cancel", err, core.ErrorType(err), r.verdict)
						}
						return
					}
					mu.Lock()
					times = append(times, time.Since(began))
					mu.Unlock()
				})
				synctest.Wait()
			}
			wg.Wait()
			if want := []time.Duration{time.Second, 2 * time.Second, 3 * time.Second}; !slices.Equal(times, want) {
				t.Errorf("without number %d tokens came at %v, want %v", gone, times, want)
			}
			// The one that came too late for all is there for the next.
			if err := r.do(t.Context()); err != nil || time.Since(began) != 4*time.Second {
				t.Errorf("Do = %v after %v, want a token after 4s", err, time.Since(began))
			}
		}
	})
}

func TestAStageFurtherOutIsAskedAgainAfterAWait(t *testing.T) {
	stagetest.AsksAgain(t, func(t *testing.T) core.Middleware {
		l, err := ratelimit.New(ratelimit.Config{Rate: 1, MaxWait: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		return l.Middleware
	})
}

func TestTheRateHoldsUnderContentionAndCancels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const callers, perCaller = 20, 50
		r := newRig(t, ratelimit.Config{Rate: 100, Burst: 1, MaxWait: time.Minute})
		began := time.Now()
		var (
			wg sync.WaitGroup
			mu sync.Mutex
			ok int
		)
		for i := range callers {
			wg.Go(func() {
				for j := range perCaller {
					ctx, cancel := context.WithCancel(t.Context())
					if (i+j)%2 == 0 {
						time.AfterFunc(time.Duration(i*j%97)*time.Millisecond, cancel)
					}
					if r.do(ctx) == nil {
						mu.Lock()
						ok++
						mu.Unlock()
					}
					cancel()
				}
			})
		}
		wg.Wait()
		s := r.limiter.Stats()
		if s.Waiting != 0 || int(s.Admitted) != ok || s.Admitted+s.Rejected != callers*perCaller {
			t.Errorf("Stats = %+v after %d successes, want %d in all", s, ok, callers*perCaller)
		}
		// At most the rate, and not much less: an operation that gives up costs nothing.
		took := time.Since(began).Seconds()
		if most := took*100 + 1.001; float64(ok) > most || float64(ok) < most-callers {
			t.Errorf("%d operations in %vs, want about %v", ok, took, most)
		}
	})
}

func TestNewNamesAllThatIsWrong(t *testing.T) {
	for _, row := range []struct {
		cfg  ratelimit.Config
		want []string
	}{
		{ratelimit.Config{}, []string{"Rate is 0, want above 0"}},
		{ratelimit.Config{Rate: -1, Burst: -2, MaxWait: -3}, []string{"Rate is -1", "Burst is -2, want 0", "MaxWait is -3ns, want 0"}},
		{ratelimit.Config{Rate: math.NaN()}, []string{"Rate is NaN"}},
		{ratelimit.Config{Rate: math.Inf(1)}, []string{"Rate is +Inf"}},
	} {
		l, err := ratelimit.New(row.cfg)
		if _, same := row.cfg.Effective(); err == nil || l != nil || same == nil || same.Error() != err.Error() {
			t.Errorf("New(%+v) = %v, Effective = %v; want the same error", row.cfg, err, same)
			continue
		}
		for _, want := range append(row.want, "ratelimit: ") {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("New(%+v) = %q, want %q in it", row.cfg, err, want)
			}
		}
	}
}

func TestTheDefaultBurstIsOneSecondsWorth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, row := range []struct {
			rate float64
			want int
		}{{0.5, 1}, {1, 1}, {2.5, 3}, {20, 20}} {
			r := newRig(t, ratelimit.Config{Rate: row.rate})
			n := 0
			for ; r.do(t.Context()) == nil; n++ {
			}
			if n != row.want {
				t.Errorf("Rate %v: %d operations at once, want %d", row.rate, n, row.want)
			}
		}
	})
}

func TestTheStageCostsNoAllocation(t *testing.T) {
	l, err := ratelimit.New(ratelimit.Config{Rate: 1e9})
	if err != nil {
		t.Fatal(err)
	}
	handler := l.Middleware(func(context.Context, *core.Call) error { return nil })
	call := new(core.Call)
	if allocs := testing.AllocsPerRun(1000, func() {
		if err := handler(t.Context(), call); err != nil {
			t.Error(err)
		}
	}); allocs != 0 {
		t.Errorf("the stage costs %v allocations, want none", allocs)
	}
}

func TestCloseEndsTheWait(t *testing.T) {
	stagetest.HeedsClose(t, func(t *testing.T) core.Middleware {
		stage, err := ratelimit.New(ratelimit.Config{Rate: 0.01, Burst: 1, MaxWait: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		return stage.Middleware
	})
}
