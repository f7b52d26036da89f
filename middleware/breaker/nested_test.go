// SPDX-License-Identifier: Apache-2.0

package breaker_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/middleware/breaker"
)

// nest runs operations within each other, as many as there are ways to run them.
// The work of the innermost returns err.
func nest(ctx context.Context, err error, ways ...func(context.Context, func(context.Context) error) error) error {
	if len(ways) == 0 {
		return err
	}
	return ways[0](ctx, func(ctx context.Context) error { return nest(ctx, err, ways[1:]...) })
}

// async is rig.do by core.Go.
func (r *rig) async(ctx context.Context, fn func(context.Context) error) error {
	_, err := core.Go(ctx, r.client, core.Op{Name: "op"}, func(ctx context.Context, _ int) (int, error) {
		return 0, fn(ctx)
	}).Await(ctx)
	return err
}

func TestOperationsWithinEachOtherCloseTheBreaker(t *testing.T) {
	type ways = []func(context.Context, func(context.Context) error) error
	for name, row := range map[string]struct {
		cfg  breaker.Config
		ways func(r *rig) ways
	}{
		"three levels":                {breaker.Config{}, func(r *rig) ways { return ways{r.do, r.do, r.do} }},
		"two levels on one place":     {breaker.Config{MaxHalfOpenRequests: 1}, func(r *rig) ways { return ways{r.do, r.do} }},
		"by Go":                       {breaker.Config{MaxHalfOpenRequests: 1}, func(r *rig) ways { return ways{r.do, r.async, r.do} }},
		"by Go, outermost":            {breaker.Config{MaxHalfOpenRequests: 1}, func(r *rig) ways { return ways{r.async, r.async} }},
		"counting attempts":           {breaker.Config{MaxHalfOpenRequests: 1, CountAttempts: true}, func(r *rig) ways { return ways{r.do, r.do} }},
		"watching for slow ones":      {breaker.Config{MaxHalfOpenRequests: 1, SlowCallRate: 1}, func(r *rig) ways { return ways{r.do, r.do} }},
		"with another breaker's work": {breaker.Config{MaxHalfOpenRequests: 1}, func(r *rig) ways { return ways{r.do, newSister(r).do, r.do} }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, row.cfg)
				ways := row.ways(r)
				r.halfOpen(t)
				before := r.Snapshot().Counters
				operations := 0
				for range 3 {
					r.is(t, breaker.HalfOpen)
					if err := nest(t.Context(), nil, ways...); err != nil {
						t.Errorf("Do = %v", err)
					}
					operations++
				}
				r.is(t, breaker.Closed)
				after := r.Snapshot()
				if c := after.Counters; c.TotalSuccesses-before.TotalSuccesses != c.TotalRequests-before.TotalRequests ||
					int(c.TotalRequests-before.TotalRequests) < 2*operations || int(c.TotalRequests-before.TotalRequests) > len(ways)*operations {
					t.Errorf("counters %+v, then %+v; want each operation once, as a success", before, c)
				}
				if after.Current.HalfOpenRequests != 0 {
					t.Errorf("%d places taken, want 0", after.Current.HalfOpenRequests)
				}
			})
		})
	}
}

// sister is a client of the same backend, with a sibling of the breaker of a rig.
type sister struct {
	*breaker.Breaker
	client *core.Client[int]
}

func newSister(r *rig) *sister {
	s := &sister{Breaker: r.Sibling("sister")}
	var err error
	if s.client, err = core.NewClient(core.ClientConfig[int]{Source: &coretest.Source[int]{}, Middleware: s.Middleware}); err != nil {
		panic(err)
	}
	return s
}

func (s *sister) do(ctx context.Context, fn func(context.Context) error) error {
	_, err := core.Do(ctx, s.client, core.Op{Name: "sister"}, func(ctx context.Context, _ int) (int, error) { return 0, fn(ctx) })
	return err
}

func TestSiblingsWithinEachOtherBothClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, breaker.Config{FailureThreshold: 1, MaxHalfOpenRequests: 1})
		s := newSister(r)
		_ = nest(t.Context(), errDown, r.do, s.do)
		r.is(t, breaker.Open)
		if s.State() != breaker.Open {
			t.Fatalf("the sister is %v, want open", s.State())
		}
		r.recover(t)
		for range 3 {
			if err := nest(t.Context(), nil, r.do, s.do, r.do, s.do); err != nil {
				t.Errorf("Do = %v", err)
			}
		}
		r.is(t, breaker.Closed)
		if s.State() != breaker.Closed {
			t.Errorf("the sister is %v, want closed", s.State())
		}
	})
}

// The outermost operation is the probe: its outcome alone counts.
func TestTheOutcomeOfTheProbeCountsAndNotThatOfItsParts(t *testing.T) {
	for name, row := range map[string]struct {
		inner, outer error
		want         breaker.State
		counted      breaker.Counters // what the two operations add to the totals
	}{
		"both fail":                  {errDown, errDown, breaker.Open, breaker.Counters{TotalFailures: 2}},
		"a failure is ignored":       {errDown, nil, breaker.HalfOpen, breaker.Counters{TotalFailures: 1, TotalSuccesses: 1, SuccessCount: 1}},
		"the outer fails by itself":  {nil, errDown, breaker.Open, breaker.Counters{TotalSuccesses: 1, TotalFailures: 1}},
		"both succeed":               {nil, nil, breaker.HalfOpen, breaker.Counters{TotalSuccesses: 2, SuccessCount: 1}},
		"both neutral":               {errLimited, errLimited, breaker.HalfOpen, breaker.Counters{TotalNeutral: 2}},
		"a neutral part is ignored":  {errLimited, nil, breaker.HalfOpen, breaker.Counters{TotalNeutral: 1, TotalSuccesses: 1, SuccessCount: 1}},
		"the part's answer is wrong": {errStatement, errStatement, breaker.HalfOpen, breaker.Counters{TotalSuccesses: 2, SuccessCount: 1}},
	} {
		for _, attempts := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					r := newRig(t, breaker.Config{CountAttempts: attempts})
					r.halfOpen(t)
					before := r.Snapshot().Counters
					_ = r.do(t.Context(), func(ctx context.Context) error {
						_ = r.do(ctx, func(context.Context) error { return row.inner })
						return row.outer
					})
					r.is(t, row.want)
					c := r.Snapshot().Counters
					if c.TotalFailures-before.TotalFailures != row.counted.TotalFailures || c.TotalSuccesses-before.TotalSuccesses != row.counted.TotalSuccesses ||
						c.TotalNeutral-before.TotalNeutral != row.counted.TotalNeutral || c.SuccessCount != row.counted.SuccessCount ||
						c.TotalFastFailures != before.TotalFastFailures {
						t.Errorf("CountAttempts %v: counters %+v, then %+v; want %+v more", attempts, before, c, row.counted)
					}
				})
			})
		}
	}
}

func TestAPartOfAProbeHasOneAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		attempts := 0
		again := func(next core.Handler) core.Handler { // waits, then attempts an operation again while it may
			return func(ctx context.Context, call *core.Call) error {
				if err := call.AfterWait(); err != nil {
					t.Errorf("AfterWait = %v, want no objection to the only attempt", err)
				}
				for {
					err := next(ctx, call)
					if err == nil || call.AttemptsLeft() == 0 || call.BeforeAttempt() != nil || call.Attempt() == 10 {
						return err
					}
					call.NextAttempt()
				}
			}
		}
		r := newRig(t, breaker.Config{}, again)
		r.ForceOpen()
		r.Reset()
		_ = r.do(t.Context(), func(context.Context) error { attempts++; return errDown })
		if attempts != 10 {
			t.Fatalf("%d attempts of a closed breaker, want 10", attempts)
		}
		r.halfOpen(t)
		attempts = 0
		_ = r.do(t.Context(), func(ctx context.Context) error {
			return r.do(ctx, func(context.Context) error { attempts++; return errDown })
		})
		if attempts != 1 {
			t.Errorf("%d attempts within the work of a probe, want 1", attempts)
		}
	})
}

func TestWhatOutlivesAProbeBelongsToItNoMore(t *testing.T) {
	for name, next := range map[string]func(*testing.T, *rig){
		"the probe succeeded": func(*testing.T, *rig) {},
		"another half-open time": func(t *testing.T, r *rig) {
			r.end(t, 1, errDown)
			r.recover(t)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, breaker.Config{MaxHalfOpenRequests: 1})
				r.halfOpen(t)
				var wg sync.WaitGroup
				goOn := make(chan struct{})
				_ = r.do(t.Context(), func(ctx context.Context) error {
					wg.Go(func() {
						<-goOn
						if err := r.do(ctx, func(context.Context) error { t.Error("called"); return nil }); !errors.Is(err, breaker.ErrProbeLimit) {
							t.Errorf("Do = %v, want the probe limit", err)
						}
					})
					return nil
				})
				next(t, r)
				r.is(t, breaker.HalfOpen)
				_ = r.do(t.Context(), func(context.Context) error {
					close(goOn)
					wg.Wait()
					return nil
				})
			})
		})
	}
}

// The outer operation was a probe of the half-open time before.
func TestWhatAnOldProbeRunsTakesAPlaceOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, breaker.Config{MaxHalfOpenRequests: 2})
		r.halfOpen(t)
		_ = r.do(t.Context(), func(ctx context.Context) error {
			r.end(t, 1, errDown)
			r.recover(t)
			for range 3 {
				if err := r.do(ctx, func(context.Context) error {
					if got := r.Snapshot().Current.HalfOpenRequests; got != 1 {
						t.Errorf("%d places taken, want 1", got)
					}
					return nil
				}); err != nil {
					t.Errorf("Do = %v", err)
				}
			}
			return nil
		})
		r.is(t, breaker.Closed)
	})
}

// A probe whose work goes on after the breaker opened again, or after somebody
// forced it open, is over for the breaker.
func TestAPartOfAProbeIsRefusedOnceTheBreakerIsOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, breaker.Config{})
		r.halfOpen(t)
		before := r.Snapshot().Counters
		_ = r.do(t.Context(), func(ctx context.Context) error {
			r.end(t, 1, errDown) // another probe
			err := r.do(ctx, func(context.Context) error { t.Error("called"); return nil })
			if open, ok := errors.AsType[*breaker.OpenError](err); !ok || open.State != breaker.Open {
				t.Errorf("Do = %v, want a refusal of the open breaker", err)
			}
			return err
		})
		// The probe ran, and so was not refused itself.
		if c := r.Snapshot().Counters; c.TotalFastFailures-before.TotalFastFailures != 1 || c.TotalNeutral-before.TotalNeutral != 1 {
			t.Errorf("counters %+v, then %+v; want one refused and one neutral", before, c)
		}
		r.recover(t)
		_ = r.do(t.Context(), func(ctx context.Context) error {
			r.ForceOpen()
			if err := r.do(ctx, func(context.Context) error { return nil }); !errors.Is(err, breaker.ErrOpen) {
				t.Errorf("Do = %v, want a refusal", err)
			}
			return nil
		})
	})
}

func TestAPartOfAnOlderProbeStillBelongsToIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, breaker.Config{MaxHalfOpenRequests: 1})
		r.halfOpen(t)
		var wg sync.WaitGroup
		for range 2 { // the second takes the place of the first
			wg.Go(func() {
				err := r.do(t.Context(), func(ctx context.Context) error {
					time.Sleep(40 * time.Second)
					return r.do(ctx, func(context.Context) error { return nil })
				})
				if err != nil {
					t.Errorf("Do = %v", err)
				}
			})
			time.Sleep(30 * time.Second)
		}
		wg.Wait()
		if got := r.Snapshot().Counters.SuccessCount; got != 2 {
			t.Errorf("%d successes of probes, want 2", got)
		}
	})
}
