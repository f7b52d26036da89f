// SPDX-License-Identifier: Apache-2.0

package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/breaker"
)

// seenBreaker is what a breaker is configured to do, as its snapshot says and its
// behaviour confirms.
type seenBreaker struct {
	breaker.Configuration
	attempts bool // attempts count
	fairRun  time.Duration
}

func seconds(s float64) time.Duration { return time.Duration(s*1e9 + 0.5) }

func (o *observed) seeBreaker(t *testing.T, cfg middleware.Config) string {
	cfg.Stages = []middleware.Stage{{Name: "again", Middleware: again, After: "breaker"}}
	o.breaker = seeBreaker(t, func() *trial {
		s := built(t, cfg)
		return &trial{solo: s, t: t, b: s.Breaker}
	}, cfg.Breaker.FairRun)
	if got := o.chain.Breaker.Snapshot(); got.Configuration != o.breaker.Configuration || got.Name != labelOf(cfg, "breaker") {
		t.Errorf("the breaker of the chain is %+v, alone it is %+v", got, o.breaker)
	}
	return o.breaker.String()
}

func (o *observed) seeKeyedBreaker(t *testing.T, cfg middleware.Config) string {
	cfg.Stages = []middleware.Stage{{Name: "again", Middleware: again, After: "keyed_breaker"}}
	target := "target"
	o.keyed = seeBreaker(t, func() *trial {
		s := built(t, cfg)
		_ = s.doOp(t.Context(), search, without(badSchema)) // so that there is a breaker
		key := "docs"
		if cfg.KeyedBreaker.Key != nil {
			key, target = "Search", "key"
		}
		b, ok := s.KeyedBreaker.Breaker(key)
		if !ok {
			t.Fatalf("no breaker for %q", key)
		}
		return &trial{solo: s, t: t, b: b, before: 1}
	}, cfg.KeyedBreaker.Each.FairRun)
	snapshot := o.chain.KeyedBreaker.Snapshot()
	name := "keyed_breaker"
	if cfg.Name != "" {
		name = cfg.Name + ".keyed"
	}
	if snapshot.Name != name {
		t.Errorf("the keyed breakers are called %q, want %q", snapshot.Name, name)
	}
	if snapshot.MaxKeys < 20 { // else it takes long
		s := built(t, cfg)
		for n := range 20 {
			key := fmt.Sprint(n)
			_ = s.doOp(t.Context(), core.Op{Name: key, Target: key}, without(nil))
		}
		if got := len(s.KeyedBreaker.Snapshot().Keys); got != snapshot.MaxKeys {
			t.Errorf("%d keys have a breaker, want %d", got, snapshot.MaxKeys)
		}
	}
	return fmt.Sprintf("a breaker for each %s, %d at most: each %s", target, snapshot.MaxKeys, o.keyed)
}

// String returns what Describe has to say of the breaker.
func (s seenBreaker) String() string {
	what := "operation"
	if s.attempts {
		what = "attempt"
	}
	var opens []string
	if s.FailureThreshold > 0 {
		opens = append(opens, "after "+counted(s.FailureThreshold, "failed "+what)+" in a row")
	}
	if s.FailureRate > 0 {
		window := "the last " + counted(s.FailureWindow, what)
		if s.FailureWindowTime > 0 {
			window = fmt.Sprintf("the %ss of the last %v", what, seconds(s.FailureWindowTime))
		}
		opens = append(opens, fmt.Sprintf("at %.4g %% failures of %s (at least %d)", 100*s.FailureRate, window, s.MinimumCalls))
	}
	if s.SlowCallRate > 0 {
		opens = append(opens, fmt.Sprintf("when %.4g %% of %s take %v", 100*s.SlowCallRate, counted(s.SlowCallWindow, "attempt"), seconds(s.SlowCallThreshold)))
	}
	return fmt.Sprintf("opens %s; probes after %v, %d at once; closes after %s",
		strings.Join(opens, ", or "), seconds(s.RecoveryTimeout), s.MaxHalfOpenRequests, counted(s.HalfOpenSuccesses, "good one"))
}

// trial tries a breaker that was built.
type trial struct {
	*solo
	t      *testing.T
	b      *breaker.Breaker
	before int // successes so far
}

// search is the operation of a trial, with the key of its breaker.
var search = core.Op{Name: "Search", Target: "docs", Safety: core.ReadOnly}

// attempt makes an operation of one attempt that runs for a time.
func (tr *trial) attempt(ctx context.Context, runs time.Duration, err error) error {
	return tr.doOp(ctx, search, func(ctx context.Context) error {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(runs):
			return err
		}
	})
}

// again is a stage that makes two attempts of an operation that is idempotent.
func again(next core.Handler) core.Handler {
	return func(ctx context.Context, call *core.Call) error {
		if err := next(ctx, call); err != nil || call.Op.Safety != core.Idempotent {
			return err
		}
		call.NextAttempt()
		return next(ctx, call)
	}
}

// seeBreaker checks what the snapshot says against what the breakers of begin do.
func seeBreaker(t *testing.T, begin func() *trial, fairRun time.Duration) seenBreaker {
	t.Helper()
	seen := seenBreaker{Configuration: begin().b.Snapshot().Configuration}
	begin().failures(&seen)
	if seen.SlowCallRate > 0 {
		begin().slow(&seen)
	}
	begin().recovery(&seen)
	begin().counting(&seen)
	seen.fairRun = documented(fairRun, 100*time.Millisecond)
	begin().fairness(&seen, 1)
	begin().fairness(&seen, 0)
	return seen
}

// failures makes operations fail at random until the breaker opens.
func (tr *trial) failures(c *seenBreaker) {
	var window []bool
	for range tr.before {
		window = append(window, false)
	}
	random, row := rand.New(rand.NewPCG(uint64(c.MinimumCalls), uint64(c.FailureThreshold))), 0
	for n := range 300 {
		var err error
		row++
		if n < 100 && random.IntN(3) == 0 {
			row = 0
		} else {
			err = unavailable
		}
		window = append(window, err != nil)
		if c.FailureWindow > 0 {
			window = window[max(len(window)-c.FailureWindow, 0):]
		}
		failed := 0
		for _, bad := range window {
			if bad {
				failed++
			}
		}
		want := c.FailureThreshold > 0 && row >= c.FailureThreshold ||
			c.FailureRate > 0 && len(window) >= c.MinimumCalls && float64(failed)/float64(len(window)) >= c.FailureRate
		_ = tr.doOp(tr.t.Context(), search, without(err))
		if got := tr.b.State() == breaker.Open; got != want {
			tr.t.Fatalf("open after %d operations, %d failed in a row and %d of %d: %v, want %v of %+v", n+1, row, failed, len(window), got, want, c)
		}
		if want {
			return
		}
	}
	tr.t.Fatalf("200 failures in a row do not open the breaker of %+v", c)
}

// slow makes operations slow at random until the breaker opens.
func (tr *trial) slow(c *seenBreaker) {
	var window []bool
	for range tr.before {
		window = append(window, false)
	}
	random := rand.New(rand.NewPCG(uint64(c.SlowCallWindow), 1))
	for n := range 200 {
		slow := n >= 100 || random.IntN(2) == 0
		runs := seconds(c.SlowCallThreshold)
		if !slow {
			runs--
		}
		window = append(window, slow)
		window = window[max(len(window)-c.SlowCallWindow, 0):]
		late := 0
		for _, slow := range window {
			if slow {
				late++
			}
		}
		want := len(window) == c.SlowCallWindow && float64(late)/float64(len(window)) >= c.SlowCallRate
		_ = tr.attempt(tr.t.Context(), runs, nil)
		if got := tr.b.State() == breaker.Open; got != want {
			tr.t.Fatalf("open after %d operations, %d of %d slow: %v, want %v of %+v", n+1, late, len(window), got, want, c)
		}
		if want {
			return
		}
	}
	tr.t.Fatalf("slow attempts do not open the breaker of %+v", c)
}

// recovery opens the breaker and lets it recover.
func (tr *trial) recovery(c *seenBreaker) {
	for tr.b.State() == breaker.Closed {
		_ = tr.attempt(tr.t.Context(), 0, unavailable)
	}
	time.Sleep(seconds(c.RecoveryTimeout) - 1)
	if state := tr.b.State(); state != breaker.Open {
		tr.t.Errorf("the breaker is %v before the recovery timeout of %+v", state, c)
	}
	time.Sleep(time.Nanosecond)
	synctest.Wait()
	if state := tr.b.State(); state != breaker.HalfOpen {
		tr.t.Errorf("the breaker is %v after the recovery timeout of %+v", state, c)
	}
	ctx, cancel := context.WithCancel(tr.t.Context())
	defer cancel()
	const operations = 10
	refusals := make(chan error, operations)
	for range operations {
		go func() {
			err := tr.attempt(ctx, time.Hour, nil)
			if errors.Is(err, breaker.ErrOpen) {
				refusals <- err
			}
		}()
	}
	synctest.Wait()
	if got := operations - len(refusals); got != c.MaxHalfOpenRequests {
		tr.t.Errorf("%d probes run at once, want %d", got, c.MaxHalfOpenRequests)
	}
	cancel() // which says nothing about the backend
	synctest.Wait()
	successes := 0
	for ; tr.b.State() == breaker.HalfOpen && successes < operations; successes++ {
		_ = tr.attempt(tr.t.Context(), 0, nil)
	}
	if successes != c.HalfOpenSuccesses || tr.b.State() != breaker.Closed {
		tr.t.Errorf("the breaker is %v after %d good probes, want closed after %d", tr.b.State(), successes, c.HalfOpenSuccesses)
	}
}

// counting finds out whether the breaker counts attempts.
func (tr *trial) counting(c *seenBreaker) {
	before := tr.b.Snapshot().Counters.TotalSuccesses
	op := search
	op.Safety = core.Idempotent
	_ = tr.doOp(tr.t.Context(), op, without(nil))
	switch counted := tr.b.Snapshot().Counters.TotalSuccesses - before; counted {
	case 1, 2:
		c.attempts = counted == 2
	default:
		tr.t.Errorf("two attempts of an operation count as %d", counted)
	}
}

// fairness checks from which run on a deadline is the backend's failure.
func (tr *trial) fairness(c *seenBreaker, early time.Duration) {
	ctx, cancel := context.WithTimeout(tr.t.Context(), c.fairRun-early)
	defer cancel()
	_ = tr.attempt(ctx, time.Hour*1000, nil)
	if got := tr.b.Snapshot().Counters.TotalFailures; got != uint64(1-early) {
		tr.t.Errorf("a deadline %v before FairRun %v counts as %d failures", early, c.fairRun, got)
	}
}
