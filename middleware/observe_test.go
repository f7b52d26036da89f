// SPDX-License-Identifier: Apache-2.0

package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/bulkhead"
	"github.com/penstock-go/penstock/middleware/health"
	"github.com/penstock-go/penstock/middleware/ratelimit"
	"github.com/penstock-go/penstock/middleware/retry"
)

// observed is what the stages of a chain were seen to do.
type observed struct {
	cfg   middleware.Config
	chain *middleware.Chain
	lines map[string]string // what Describe has to say of each stage

	breaker, keyed         seenBreaker
	retries                int
	firstWait, lastWait    time.Duration
	jitter, budget         string
	attempt                time.Duration // limit of an attempt
	interval, probeTimeout time.Duration // of health probes
	recovery               time.Duration // between health probes while the backend is away
	faults                 int           // of chaos
}

func (o *observed) line(name string) string {
	if line, ours := o.lines[name]; ours {
		return line
	}
	return "a stage of your own"
}

// observe tries each stage of Penstock's that the chain of cfg has.
func observe(t *testing.T, cfg middleware.Config, chain *middleware.Chain) *observed {
	t.Helper()
	o := &observed{cfg: cfg, chain: chain, lines: map[string]string{}}
	in := wanted(cfg)
	if slices.Contains(in, "retry") { // a budget saves up while time passes
		o.budget = seeBudget(t, only(cfg, "retry"))
	}
	see := map[string]func(*testing.T, middleware.Config) string{
		"trace": o.seeTrace, "breaker": o.seeBreaker, "keyed_breaker": o.seeKeyedBreaker, "bulkhead": o.seeBulkhead, "ratelimit": o.seeRateLimit,
		"retry": o.seeRetry, "timeout": o.seeTimeout, "health": o.seeHealth, "chaos": o.seeChaos,
	}
	for _, name := range in {
		o.lines[name] = see[name](t, only(cfg, name))
	}
	return o
}

// only returns cfg with the named stages alone.
func only(cfg middleware.Config, names ...string) middleware.Config {
	cfg.Order, cfg.Stages, cfg.Ops, cfg.OperationTimeout = nil, nil, nil, 0
	return leaveOut(cfg, slices.DeleteFunc(middleware.DefaultOrder(), func(name string) bool { return slices.Contains(names, name) })...)
}

// solo is a client of a chain, on a backend that does what the test says.
type solo struct {
	*middleware.Chain
	client   *core.Client[int]
	recorder *coretest.Recorder
}

// alone returns a client of a chain that was built.
func alone(t *testing.T, chain *middleware.Chain) *solo {
	t.Helper()
	s := &solo{Chain: chain, recorder: &coretest.Recorder{}}
	client, err := core.NewClient(core.ClientConfig[int]{
		Source: &coretest.Source[int]{}, Middleware: chain.Middleware, Observer: s.recorder, Classifier: classify,
	})
	if err != nil {
		t.Fatal(err)
	}
	s.client = client
	return s
}

func built(t *testing.T, cfg middleware.Config) *solo {
	t.Helper()
	chain, err := middleware.Build(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return alone(t, chain)
}

// do runs an operation that may be repeated.
func (s *solo) do(ctx context.Context, name string, work func(context.Context) error) error {
	return s.doOp(ctx, core.Op{Name: name, Safety: core.ReadOnly}, work)
}

func (s *solo) doOp(ctx context.Context, op core.Op, work func(context.Context) error) error {
	_, err := core.Do(ctx, s.client, op, func(ctx context.Context, _ int) (int, error) {
		return 0, work(ctx)
	})
	return err
}

// untilDone returns when the context ends.
func untilDone(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }

func (o *observed) seeTrace(t *testing.T, cfg middleware.Config) string {
	s := built(t, cfg)
	for range 3 {
		_ = s.do(t.Context(), "Search", without(nil))
	}
	if got := slices.DeleteFunc(s.recorder.Lines(), func(line string) bool { return !strings.HasPrefix(line, "begin operation") }); len(got) != 3 {
		return fmt.Sprintf("%d scopes for 3 operations", len(got))
	}
	return "one scope for each operation"
}

func (o *observed) seeBulkhead(t *testing.T, cfg middleware.Config) string {
	s := built(t, cfg)
	var mu sync.Mutex
	var running, refused, gaveUp int
	var wait time.Duration
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	start := time.Now()
	const operations = 20
	for range operations {
		wg.Go(func() {
			err := s.do(ctx, "Search", func(ctx context.Context) error {
				mu.Lock()
				running++
				mu.Unlock()
				return untilDone(ctx)
			})
			mu.Lock()
			defer mu.Unlock()
			if full, ok := errors.AsType[*bulkhead.FullError](err); ok && ctx.Err() == nil {
				if took := time.Since(start); took > 0 {
					gaveUp, wait = gaveUp+1, took
				} else {
					refused++
				}
				if full.Name != labelOf(cfg, "bulkhead") {
					t.Errorf("the bulkhead is called %q", full.Name)
				}
			}
		})
	}
	synctest.Wait()
	mu.Lock()
	waiting := operations - running - refused
	mu.Unlock()
	time.Sleep(24 * time.Hour)
	cancel()
	wg.Wait()
	text := counted(running, "operation") + " at once; "
	switch {
	case waiting == 0:
		return text + "the rest are refused"
	case gaveUp == 0:
		return text + fmt.Sprintf("%d wait, as long as their context lasts", waiting)
	case gaveUp != waiting:
		return text + fmt.Sprintf("%d of %d waiters gave up", gaveUp, waiting)
	}
	return text + fmt.Sprintf("%d wait, for %v at most", waiting, wait)
}

func (o *observed) seeRateLimit(t *testing.T, cfg middleware.Config) string {
	s := built(t, cfg)
	var mu sync.Mutex
	var waits []time.Duration // of the operations that were admitted
	var next time.Duration    // when a refused operation may come back
	var rate float64
	var wg sync.WaitGroup
	start := time.Now()
	for range 50 {
		wg.Go(func() {
			err := s.do(t.Context(), "Search", without(nil))
			mu.Lock()
			defer mu.Unlock()
			if limited, ok := errors.AsType[*ratelimit.LimitedError](err); ok {
				next, rate = limited.RetryAfter, limited.Rate
				if limited.Name != labelOf(cfg, "ratelimit") {
					t.Errorf("the limiter is called %q", limited.Name)
				}
				return
			}
			waits = append(waits, time.Since(start))
		})
	}
	wg.Wait()
	slices.Sort(waits)
	burst, longest := 0, waits[len(waits)-1]
	for burst < len(waits) && waits[burst] == 0 {
		burst++
	}
	between := next - longest // two tokens
	if got := 1 / between.Seconds(); math.Abs(got-rate) > 1e-6 {
		t.Errorf("a token comes every %v, but the error says %v a second", between, rate)
	}
	text := fmt.Sprintf("%g operations per second, %d at once; ", rate, burst)
	limit := cfg.RateLimit.MaxWait
	switch {
	case limit == 0 && longest == 0:
		return text + "the rest are refused"
	case longest > limit || limit >= next:
		return text + fmt.Sprintf("the rest wait, for %v to %v at most", longest, next)
	}
	return text + fmt.Sprintf("the rest wait, for %v at most", limit)
}

func (o *observed) seeRetry(t *testing.T, cfg middleware.Config) string {
	jitter := cfg.Retry.Jitter
	cfg.Retry.Budget, cfg.Retry.Jitter = unlimited(), retry.NoJitter
	waits := built(t, cfg).waits(t)
	if o.retries = len(waits); len(waits) == 0 {
		return "never"
	}
	first, last := waits[0], waits[len(waits)-1]
	for n, wait := range waits {
		if want := min(first<<n, last); wait != want {
			t.Errorf("wait %d is %v, want %v", n+1, wait, want)
		}
	}
	cfg.Retry.Jitter = jitter
	s := built(t, cfg)
	low, high := 1.0, 0.0 // share of the full wait
	for range 40 {
		for n, wait := range s.waits(t) {
			share := float64(wait) / float64(waits[n])
			low, high = min(low, share), max(high, share)
		}
	}
	switch {
	case low == 1 && high == 1:
		o.jitter = "no"
	case low >= 0.49 && high <= 1: // half a nanosecond is rounded
		o.jitter = "equal"
	case high <= 1:
		o.jitter = "full"
	}
	o.firstWait, o.lastWait = first, last
	text := fmt.Sprintf("%s; waits of up to %v", counted(len(waits), "further attempt"), first)
	if last > first {
		text += fmt.Sprintf(", doubled up to %v", last)
	}
	return fmt.Sprintf("%s, %s jitter; budget %s", text, o.jitter, o.budget)
}

// waits returns the waits before the further attempts of an operation that fails.
func (s *solo) waits(t *testing.T) (waits []time.Duration) {
	t.Helper()
	var last time.Time
	_ = s.do(t.Context(), "Search", func(context.Context) error {
		if !last.IsZero() {
			waits = append(waits, time.Since(last))
		}
		last = time.Now()
		return unavailable
	})
	return waits
}

// seeBudget returns what the budget of retries grants: a second's worth of its
// minimum at first, and a share of an attempt for each operation.
func seeBudget(t *testing.T, cfg middleware.Config) string {
	t.Helper()
	const operations, plenty = 20, 30
	cfg.Retry.MaxRetries, cfg.Retry.Interval, cfg.Retry.MaxInterval = plenty, 1, 1
	s := built(t, cfg)
	first := len(s.waits(t))
	if first == plenty {
		return "unlimited"
	}
	rest := 0
	for range operations - 1 {
		rest += len(s.waits(t))
	}
	return fmt.Sprintf("%d %% + %d/s", 100*rest/operations, first)
}

func (o *observed) seeTimeout(t *testing.T, cfg middleware.Config) string {
	start := time.Now()
	err := built(t, cfg).do(t.Context(), "Search", untilDone)
	o.attempt = time.Since(start)
	if limit, ok := errors.AsType[*core.TimeoutError](err); !ok || limit.Limit != o.attempt || limit.Operation {
		t.Errorf("an attempt that hangs ends with %v after %v", err, o.attempt)
	}
	// Beside retry, a second attempt is made unless the limit holds for all attempts.
	if slices.Contains(wanted(o.cfg), "retry") {
		pair := only(o.cfg, "retry", "timeout")
		pair.Retry = retry.Config{MaxRetries: 1, Budget: unlimited()}
		for _, name := range o.chain.Names {
			if name == "retry" || name == "timeout" {
				pair.Order = append(pair.Order, name)
			}
		}
		attempts := 0
		_ = built(t, pair).do(t.Context(), "Search", func(ctx context.Context) error { attempts++; return untilDone(ctx) })
		if attempts == 1 {
			return fmt.Sprintf("%v for all attempts together", o.attempt)
		}
	}
	return fmt.Sprintf("%v for each attempt", o.attempt)
}

func (o *observed) seeHealth(t *testing.T, cfg middleware.Config) string {
	var mu sync.Mutex
	var times []time.Time
	var outcome error
	probing := *cfg.Health
	probing.Probe = func(ctx context.Context) error {
		mu.Lock()
		defer mu.Unlock()
		times = append(times, time.Now())
		deadline, _ := ctx.Deadline()
		o.probeTimeout = time.Until(deadline)
		return outcome
	}
	cfg.Health = &probing
	background := func(s *solo) {
		times = nil
		s.Monitor.Start()
		enough := func() bool {
			mu.Lock()
			defer mu.Unlock()
			return len(times) > 200
		}
		for step := time.Millisecond; !enough(); step *= 2 {
			time.Sleep(step)
		}
		if err := s.Monitor.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
	s := built(t, cfg)
	background(s)
	o.interval = interval(times, documented(cfg.Health.Interval, 10*time.Second))
	limit := o.probeTimeout
	outcome = unavailable
	away := built(t, cfg)
	for away.Monitor.Up() {
		_ = away.Monitor.Check(t.Context())
	}
	background(away)
	o.recovery = interval(times, documented(cfg.Health.RecoveryInterval, min(time.Second, o.interval)))
	o.probeTimeout = limit
	down, up := 0, 0
	for outcome = unavailable; s.Monitor.Up(); down++ {
		_ = s.Monitor.Check(t.Context())
	}
	if err := s.do(t.Context(), "Search", without(nil)); !errors.Is(err, health.ErrUnhealthy) {
		t.Errorf("Do = %v while the gate is shut", err)
	}
	for outcome = nil; !s.Monitor.Up(); up++ {
		_ = s.Monitor.Check(t.Context())
	}
	return fmt.Sprintf("probes every %v, for %v at most; every %v while the backend is away; shut after %d failed in a row, open after %d", o.interval, o.probeTimeout, o.recovery, down, up)
}

// interval returns want if the times are as far apart, spread by a fifth either
// way, else what lies between the shortest and the longest gap.
func interval(times []time.Time, want time.Duration) time.Duration {
	shortest, longest := time.Duration(math.MaxInt64), time.Duration(0)
	for i := range times[1:] {
		gap := times[i+1].Sub(times[i])
		shortest, longest = min(shortest, gap), max(longest, gap)
	}
	low, high := float64(shortest)/float64(want), float64(longest)/float64(want)
	if 0.8 <= low && low < 0.9 && 1.1 < high && high <= 1.2 {
		return want
	}
	return (shortest + longest) / 2
}

func (o *observed) seeChaos(t *testing.T, cfg middleware.Config) string {
	s := built(t, cfg)
	strike := func() (struck int) {
		for n := range 5 {
			if err := s.do(t.Context(), fmt.Sprint("fault", n), without(nil)); err != nil {
				struck++
			}
		}
		return struck
	}
	before := strike()
	s.Chaos.On()
	o.faults = strike()
	switch {
	case before == 0 && cfg.Chaos.StartOff: // without faults nothing shows
		return counted(o.faults, "fault") + ", off until switched on"
	case before == o.faults:
		return counted(o.faults, "fault")
	}
	return fmt.Sprintf("%d faults, and %d after they were switched on", before, o.faults)
}

// counted writes a number of things.
func counted(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

// documented returns the value of a field whose comment says a default.
func documented[T comparable](value, byDefault T) T {
	var zero T
	if value == zero {
		return byDefault
	}
	return value
}

// labelOf returns the name of a stage in errors and telemetry: its own is never
// set here.
func labelOf(cfg middleware.Config, stage string) string { return documented(cfg.Name, stage) }
