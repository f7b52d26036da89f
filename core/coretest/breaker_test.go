// SPDX-License-Identifier: Apache-2.0

package coretest_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/penstock-go/penstock/core/coretest"
)

// toy is a breaker that survives all faults, unless it is told to have one.
type toy struct {
	cfg   coretest.BreakerConfig
	fault string

	mu        sync.Mutex
	open      bool
	until     time.Time
	era       int // a new one with each transition
	failures  int
	successes int
	probes    int
	entered   time.Time // when the last probe did
	lost      int       // places that are never given back
}

func newToy(fault string) func(coretest.BreakerConfig) coretest.BreakerFunc {
	return func(cfg coretest.BreakerConfig) coretest.BreakerFunc {
		return (&toy{cfg: cfg, fault: fault}).do
	}
}

var errOpen = errors.New("open")

func (b *toy) do(ctx context.Context, work func(context.Context) error) error {
	b.mu.Lock()
	if b.open && b.probes >= b.cfg.Probes && time.Since(b.entered) >= b.cfg.Recovery && b.fault != "hang" {
		b.transition(true) // the calls under way may never end
	}
	if b.open && (time.Now().Before(b.until) || b.probes+b.lost >= b.cfg.Probes && b.fault != "burst") {
		b.mu.Unlock()
		return errOpen
	}
	era, probe := b.era, b.open
	if probe {
		b.probes++
		b.entered = time.Now()
	}
	b.mu.Unlock()

	returned := false
	var err error
	defer func() {
		gone := false // what the deferred function of a bad breaker does not see
		if v := recover(); v != nil {
			defer panic(v)
			gone = b.fault == "panic"
		} else if !returned {
			gone = b.fault == "goexit"
		}
		if gone {
			b.lose()
		} else {
			b.leave(era, probe, returned, err)
		}
	}()
	err = work(ctx)
	returned = true
	return err
}

// lose makes the place of a probe one that is lost.
func (b *toy) lose() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.probes--
	b.lost++
}

func (b *toy) leave(era int, probe, returned bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if era != b.era && b.fault != "straggler" && b.fault != "straggler's success" {
		return
	}
	probing := b.open
	canceled := errors.Is(err, context.Canceled)
	if b.fault == "straggler's success" && era != b.era && err != nil {
		return
	}
	switch {
	case b.fault == "excluded" && errors.Is(err, b.cfg.Excluded):
		return // with its place
	case probe && era == b.era:
		b.probes--
	}
	switch {
	case canceled && b.fault == "cancel fails", !returned:
		b.failed(probing)
	case canceled && b.fault != "cancel succeeds", errors.Is(err, b.cfg.Excluded):
	case err == nil || canceled:
		b.failures = 0
		if b.successes++; probing && b.successes >= b.cfg.Successes {
			b.transition(false)
		}
	default:
		b.failed(probing)
	}
}

func (b *toy) failed(probing bool) {
	if b.failures++; probing || b.failures >= b.cfg.Failures {
		b.transition(true)
		b.until = time.Now().Add(b.cfg.Recovery)
	}
}

func (b *toy) transition(open bool) {
	b.open, b.failures, b.successes = open, 0, 0
	b.era++
	b.probes = 0
}

func TestAGoodBreakerSurvives(t *testing.T) {
	coretest.TestBreaker(t, newToy(""))
}

func TestEachFaultOfABreakerIsFound(t *testing.T) {
	for _, test := range []struct {
		fault string
		want  string // what it does not survive
	}{
		{"burst", "burst"},
		{"panic", "panic"},
		{"goexit", "goexit"},
		{"cancel fails", "cancel"},
		{"cancel succeeds", "cancel"},
		{"straggler", "straggler"},
		{"straggler's success", "straggler"},
		{"excluded", "excluded"},
	} {
		t.Run(test.fault, func(t *testing.T) {
			var failed []string
			for _, r := range coretest.CheckBreaker(t, newToy(test.fault)) {
				if r.Err != nil {
					failed = append(failed, r.Fault)
				}
			}
			if !slices.Equal(failed, []string{test.want}) {
				t.Errorf("it does not survive %q, want %s alone", failed, test.want)
			}
		})
	}
}

func TestABreakerThatWaitsForAHungProbeIsFound(t *testing.T) {
	results := coretest.CheckBreaker(t, func(cfg coretest.BreakerConfig) coretest.BreakerFunc {
		cfg.Probes = 1
		return newToy("hang")(cfg)
	})
	for _, r := range results {
		if r.Fault == "hang" && r.Err == nil {
			t.Errorf("it survives a hang\n%s", r.Transcript)
		}
	}
}

func TestWhatIsNoBreakerSurvivesNothing(t *testing.T) {
	for name, run := range map[string]coretest.BreakerFunc{
		"never open":   func(ctx context.Context, work func(context.Context) error) error { return work(ctx) },
		"always open":  func(context.Context, func(context.Context) error) error { return errOpen },
		"says nothing": func(context.Context, func(context.Context) error) error { return nil },
		"waits":        func(ctx context.Context, _ func(context.Context) error) error { <-ctx.Done(); return ctx.Err() },
	} {
		for _, r := range coretest.CheckBreaker(t, func(coretest.BreakerConfig) coretest.BreakerFunc { return run }) {
			if r.Err == nil {
				t.Errorf("%s: survives %s", name, r.Fault)
			}
		}
	}
}
