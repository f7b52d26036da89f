// SPDX-License-Identifier: Apache-2.0

package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/middleware/retry"
	"github.com/penstock-go/penstock/middleware/timeout"
)

func TestABreakerInsideRetryCountsEachAttemptOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, middleware.Config{Order: []string{"trace", "retry", "breaker", "timeout"},
			Breaker: breaker.Config{CountAttempts: true, FailureThreshold: 100}, Retry: steady(t, time.Second)}, nil)
		r.backend.serve = with(unavailable)
		_ = r.do(t.Context(), core.ReadOnly)
		if got := r.verdicts(); got.failure != 4 {
			t.Errorf("%d attempts counted as %+v", r.acquires.Load(), got)
		}
	})
}

func waiting(next core.Handler) core.Handler { // as a rate limiter or bulkhead waits
	return func(ctx context.Context, call *core.Call) error {
		<-ctx.Done()
		return ctx.Err()
	}
}

func TestTheEndOfAContextInAUsersStageIsNeutral(t *testing.T) {
	for _, how := range []string{"cancel", "deadline", "attempt timeout"} {
		t.Run(how, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, middleware.Config{Retry: steady(t, time.Second), Timeout: timeout.Config{Attempt: 10 * time.Second},
					Stages: []middleware.Stage{{Name: "wait", Middleware: waiting, After: "timeout"}}}, nil)
				ctx, cancel := context.WithCancel(t.Context())
				switch how {
				case "cancel":
					time.AfterFunc(time.Second, cancel)
				case "deadline":
					ctx, cancel = context.WithTimeout(t.Context(), time.Second)
				}
				defer cancel()
				err := r.do(ctx, core.ReadOnly)
				if got := r.verdicts(); got.neutral != 1 {
					t.Errorf("%+v after %v", got, err)
				}
			})
		})
	}
}

type strict struct{}

func (strict) Error() string { return "result refused" }
func (strict) Class() core.Class {
	return core.Class{Verdict: core.Neutral, Retry: core.RetryAlways, Conn: core.Keep}
}

func TestAnUnsafeSuccessThatAStageRefusesIsNotRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, middleware.Config{Retry: steady(t, time.Second),
			Stages: []middleware.Stage{{Name: "check", After: "timeout", Middleware: func(next core.Handler) core.Handler {
				return func(ctx context.Context, call *core.Call) error {
					if err := next(ctx, call); err != nil {
						return err
					}
					return strict{}
				}
			}}}}, nil)
		err := r.do(t.Context(), core.Unsafe)
		if n := r.backend.calls.Load(); n != 1 {
			t.Errorf("an unsafe operation that succeeded was made %d times: %v", n, err)
		}
	})
}

func TestNobodyWhoWaitsForAConnectionReachesTheBackendAfterTheOpening(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var opened time.Time
		sem := make(chan struct{}, 1)
		r := newRig(t, middleware.Config{
			Breaker: breaker.Config{OnTransition: func(_ string, _, to breaker.State) {
				if to == breaker.Open {
					opened = time.Now()
				}
			}},
			Retry:   retry.Config{MaxRetries: retry.None},
			Timeout: timeout.Config{Attempt: time.Minute}}, func(_ *core.ClientConfig[*backend], s *coretest.Source[*backend]) {
			s.OnAcquire = func(context.Context) error { sem <- struct{}{}; return nil }
			s.OnReturn = func(core.ConnFate, error) bool { <-sem; return true }
		})
		r.backend.serve = func(context.Context, int) error { time.Sleep(time.Second); return unavailable }
		var wg sync.WaitGroup
		for range 30 {
			wg.Go(func() { _ = r.do(t.Context(), core.ReadOnly) })
		}
		wg.Wait()
		if n := r.backend.after(opened); n > 1 {
			t.Errorf("%d attempts reached the backend after the opening", n)
		}
		time.Sleep(30 * time.Second)
	})
}

func TestProbesThatNeverEndDoNotKeepTheBreakerHalfOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, middleware.Config{Retry: retry.Config{MaxRetries: retry.None}}, nil)
		wake := make(chan struct{})
		r.backend.serve = func(_ context.Context, n int) error {
			if n <= 5 {
				return unavailable
			}
			if n <= 7 {
				<-wake
			}
			return nil
		}
		for range 5 {
			_ = r.do(t.Context(), core.ReadOnly)
		}
		time.Sleep(30 * time.Second)
		synctest.Wait()
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() { _ = r.do(t.Context(), core.ReadOnly) })
		}
		synctest.Wait()
		time.Sleep(24 * time.Hour)
		if err := r.do(t.Context(), core.ReadOnly); err != nil {
			t.Errorf("a day later: %v", err)
		}
		close(wake)
		wg.Wait()
	})
}

func TestAnOperationTimeoutIsAnEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, middleware.Config{}, func(cfg *core.ClientConfig[*backend], _ *coretest.Source[*backend]) {
			cfg.OperationTimeout = time.Second
		})
		r.backend.serve = hang
		err := r.do(t.Context(), core.ReadOnly)
		if len(r.recorder.Events(core.EventTimeout)) != 1 {
			t.Errorf("no event for %v: %q", err, r.recorder.Lines())
		}
	})
}

func TestAHintBeyondTheCapEndsTheOperation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, middleware.Config{Retry: steady(t, time.Second)}, nil)
		r.backend.serve = with(&answer{"limited", core.Class{Verdict: core.Neutral, Retry: core.RetryAlways, Conn: core.Keep, RetryAfter: 24 * time.Hour}})
		start := time.Now()
		_ = r.do(t.Context(), core.ReadOnly)
		if took := time.Since(start); took > time.Hour {
			t.Errorf("slept %v", took)
		}
	})
}

func TestAPanicInALaterAttemptEndsTheRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, middleware.Config{Retry: steady(t, time.Second)}, nil)
		r.backend.serve = func(_ context.Context, n int) error {
			if n == 2 {
				panic("boom")
			}
			return unavailable
		}
		func() {
			defer func() { _ = recover() }()
			_ = r.do(t.Context(), core.ReadOnly)
		}()
		if len(r.recorder.Events(core.EventRetryEnd)) != 1 {
			t.Errorf("%q", r.recorder.Lines())
		}
	})
}

func TestAnOperationTimeoutInTheBackoffIsATimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, middleware.Config{Retry: steady(t, time.Second)}, func(cfg *core.ClientConfig[*backend], _ *coretest.Source[*backend]) {
			cfg.OperationTimeout = 500 * time.Millisecond
		})
		r.backend.serve = with(unavailable)
		err := r.do(t.Context(), core.ReadOnly)
		if !errors.Is(err, timeout.ErrExceeded) {
			t.Errorf("no ErrExceeded in %v", err)
		}
	})
}

func TestTimeoutsOnSharedConnectionsAllCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &shared{loans: map[uint64]loan{}}
		chain, _ := middleware.Build(middleware.Config{Breaker: breaker.Config{FailureThreshold: 1000}, Retry: retry.Config{MaxRetries: retry.None}})
		client, _ := core.NewClient(core.ClientConfig[int]{Source: source, Middleware: chain.Middleware})
		var wg sync.WaitGroup
		for range 128 {
			wg.Go(func() {
				_, _ = core.Do(t.Context(), client, core.Op{Name: "Insert"}, func(ctx context.Context, n int) (int, error) {
					<-ctx.Done()
					return 0, errors.New("rpc error: code = DeadlineExceeded")
				})
			})
		}
		wg.Wait()
		if c := chain.Breaker.Snapshot().Counters; c.TotalFailures != 128 {
			t.Errorf("128 attempt timeouts on 4 connections counted as %+v", c)
		}
	})
}

func TestADisabledStageCanBeReplaced(t *testing.T) {
	chain, err := middleware.Build(middleware.Config{Breaker: breaker.Config{Disabled: true}, Stages: []middleware.Stage{{Name: "breaker", Middleware: pass}}})
	if err != nil {
		t.Errorf("%v %v", chain, err)
	}
}

func TestALastAttemptThatIsNoNewsHidesNoFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		r := newRig(t, middleware.Config{Retry: steady(t, time.Second)}, func(_ *core.ClientConfig[*backend], s *coretest.Source[*backend]) {
			s.OnReturn = func(core.ConnFate, error) bool { n++; return n < 4 } // the last one is not news
		})
		r.backend.serve = with(unavailable)
		_ = r.do(t.Context(), core.ReadOnly)
		if got := r.verdicts(); got.failure != 1 {
			t.Errorf("four failed attempts are %+v", got)
		}
	})
}

func TestSlowAttemptsThatTheirCallersGaveUpCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, middleware.Config{Breaker: breaker.Config{SlowCallRate: 0.5, SlowCallWindow: 4}, Retry: retry.Config{MaxRetries: retry.None}}, nil)
		r.backend.serve = hang
		for range 100 { // users who give up after 9 s
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(9*time.Second, cancel)
			_ = r.do(ctx, core.ReadOnly)
		}
		if r.Breaker.State() != breaker.Open {
			t.Error("100 attempts of 9 s that their callers gave up left it closed")
		}
		time.Sleep(30 * time.Second) // the breaker's timer
	})
}

func TestNoMoreProbesRunThanMay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const most = 2
		var running, peak atomic.Int64
		r := newRig(t, middleware.Config{Breaker: breaker.Config{MaxHalfOpenRequests: most}, Retry: retry.Config{MaxRetries: retry.None}}, nil)
		probing := false
		r.backend.serve = func(context.Context, int) error {
			if probing {
				n := running.Add(1)
				defer running.Add(-1)
				if n > peak.Load() {
					peak.Store(n)
				}
				time.Sleep(time.Millisecond)
			}
			return unavailable
		}
		for r.Breaker.State() != breaker.Open {
			_ = r.do(t.Context(), core.ReadOnly)
		}
		probing = true
		for range 200 {
			time.Sleep(30 * time.Second)
			var wg sync.WaitGroup
			for range 16 {
				wg.Go(func() { _ = r.do(t.Context(), core.ReadOnly) })
			}
			wg.Wait()
		}
		if n := peak.Load(); n != most {
			t.Errorf("%d probes ran at once, want %d", n, most)
		}
		time.Sleep(30 * time.Second)
	})
}

func TestAStageThatSwallowsErrorsHidesNothingFromTheBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		swallow := func(next core.Handler) core.Handler {
			return func(ctx context.Context, call *core.Call) error {
				_ = next(ctx, call)
				return nil
			}
		}
		r := newRig(t, middleware.Config{Retry: retry.Config{MaxRetries: retry.None},
			Stages: []middleware.Stage{{Name: "swallow", Middleware: swallow, After: "breaker"}}}, nil)
		r.backend.serve = with(unavailable)
		for range threshold {
			if err := r.do(t.Context(), core.ReadOnly); err == nil {
				t.Error("an operation without a result succeeded")
			}
		}
		if r.Breaker.State() != breaker.Open {
			t.Errorf("breaker %v after failures that a stage swallowed", r.Breaker.State())
		}
		time.Sleep(30 * time.Second)
	})
}

func TestAnAnswerThatNoBackendGaveIsNoSuccess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		instead := func(core.Handler) core.Handler {
			return func(context.Context, *core.Call) error { return nil }
		}
		r := newRig(t, middleware.Config{Stages: []middleware.Stage{{Name: "instead", Middleware: instead, After: "timeout"}}}, nil)
		_ = r.do(t.Context(), core.ReadOnly)
		if got := r.verdicts(); got.neutral != 1 {
			t.Errorf("counted as %+v, want neutral", got)
		}
	})
}

func TestASourceThatSaysInItsOwnWordsThatTimeIsOverIsNotHeldAgainstTheBackend(t *testing.T) {
	for name, say := range map[string]func(context.Context) error{
		"wrapped": func(ctx context.Context) error { return fmt.Errorf("acquire: %w", ctx.Err()) },
		"cause":   context.Cause,
		"bare":    context.Context.Err,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, middleware.Config{Retry: retry.Config{MaxRetries: retry.None}, Timeout: timeout.Config{Attempt: time.Second}},
					func(_ *core.ClientConfig[*backend], s *coretest.Source[*backend]) {
						s.OnAcquire = func(ctx context.Context) error { <-ctx.Done(); return say(ctx) }
					})
				_ = r.do(t.Context(), core.ReadOnly)
				if got := r.verdicts(); got.neutral != 1 {
					t.Errorf("counted as %+v, want neutral", got)
				}
			})
		})
	}
}
