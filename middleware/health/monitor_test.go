// SPDX-License-Identifier: Apache-2.0

package health_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/middleware/health"
)

func TestTheMonitorProbesAtIntervalsThatAreSpread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, health.Config{})
		r.Start()
		r.Start()
		time.Sleep(1000 * 10 * time.Second)
		if err := r.Close(t.Context()); err != nil {
			t.Errorf("Close = %v", err)
		}
		if n := len(r.probes); n < 950 || n > 1050 {
			t.Errorf("%d probes in 1000 intervals", n)
		}
		var last time.Duration
		lowest, highest := time.Hour, time.Duration(0)
		for _, at := range r.probes {
			lowest, highest = min(lowest, at-last), max(highest, at-last)
			last = at
		}
		if lowest < 8*time.Second || lowest > 8200*time.Millisecond || highest > 12*time.Second || highest < 11800*time.Millisecond {
			t.Errorf("intervals of %v to %v, want 8 s to 12 s", lowest, highest)
		}
		if err := r.recorder.Check(); err != nil {
			t.Error(err)
		}
	})
}

func TestAnIntervalOfCenturiesDoesNotOverflow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for range 20 { // half of the intervals are longer than the longest duration
			r := newRig(t, health.Config{Interval: math.MaxInt64})
			r.Start()
			time.Sleep(24 * time.Hour)
			if err := r.Close(t.Context()); err != nil || len(r.probes) != 0 {
				t.Errorf("%d probes in a day, Close = %v", len(r.probes), err)
			}
		}
	})
}

func TestTheMonitorSeesAnOutageAndItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, health.Config{})
		set := func(err error) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.probe = err
		}
		r.Start()
		time.Sleep(time.Minute)
		r.up(t, true)
		set(errDown)
		time.Sleep(37 * time.Second) // three probes, at most 12 s apart
		r.up(t, false)
		set(nil)
		time.Sleep(13 * time.Second)
		r.up(t, true)
		if err := r.Close(t.Context()); err != nil {
			t.Errorf("Close = %v", err)
		}
	})
}

func TestStartAndCloseMayBeRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // which fails if a goroutine is left
		r := newRig(t, health.Config{})
		r.Start()
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(r.Start)
			wg.Go(func() {
				if err := r.Close(t.Context()); err != nil {
					t.Errorf("Close = %v", err)
				}
			})
		}
		wg.Wait()
		n := len(r.probes)
		r.Start()
		time.Sleep(time.Hour)
		if len(r.probes) != n {
			t.Errorf("%d probes after Close", len(r.probes)-n)
		}
	})
	t.Run("without a start", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, health.Config{})
			if err := r.Close(t.Context()); err != nil {
				t.Errorf("Close = %v", err)
			}
			r.Start()
			time.Sleep(time.Hour)
			if len(r.probes) != 0 {
				t.Errorf("%d probes after Close", len(r.probes))
			}
		})
	})
}

func TestCloseEndsTheProbeUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, health.Config{DownThreshold: 1, Timeout: time.Hour, Probe: func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		}})
		r.Start()
		time.Sleep(13 * time.Second)
		start := time.Now()
		if err := r.Close(t.Context()); err != nil || time.Since(start) != 0 {
			t.Errorf("Close = %v after %v", err, time.Since(start))
		}
		r.up(t, true) // a probe that was cut short says nothing
	})
}

func TestAProbeIsLimited(t *testing.T) {
	for _, row := range []struct {
		cfg  health.Config
		want time.Duration
	}{
		{health.Config{}, 5 * time.Second},
		{health.Config{Interval: time.Second}, time.Second},
		{health.Config{Timeout: 7 * time.Second}, 7 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			row.cfg.DownThreshold = 1
			row.cfg.Probe = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
			r := newRig(t, row.cfg)
			start := time.Now()
			err := r.Check(t.Context())
			if took := time.Since(start); took != row.want || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("Check = %v after %v, want a timeout after %v", err, took, row.want)
			}
			r.up(t, false)
			if !errors.Is(r.Last(), context.DeadlineExceeded) {
				t.Errorf("Last = %v", r.Last())
			}
		})
	}
}

func TestACheckThatItsCallerCutsShortSaysNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, health.Config{DownThreshold: 1, Probe: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := r.Check(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Check = %v", err)
		}
		r.up(t, true)
	})
}

func TestAProbeIsAScope(t *testing.T) {
	r := newRig(t, health.Config{Name: "milvus"})
	r.probed(t, 1, nil)
	r.probed(t, 1, errDown)
	want := []string{"begin probe", "end probe", "begin probe", "end probe _OTHER"}
	if got := r.recorder.Lines(); !slices.Equal(got, want) {
		t.Errorf("observed %q, want %q", got, want)
	}
}
