// SPDX-License-Identifier: Apache-2.0

package retry_test

import (
	"context"
	"errors"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/middleware/retry"
)

func TestBackoff(t *testing.T) {
	const (
		s    = time.Second
		ever = time.Duration(math.MaxInt64)
		all  = 1 - 1.0/(1<<53) // the largest random number
	)
	cfg := func(interval, limit time.Duration, jitter retry.Jitter) retry.Config {
		return retry.Config{Interval: interval, MaxInterval: limit, Jitter: jitter}
	}
	for _, row := range []struct {
		name   string
		cfg    retry.Config
		n      int
		random float64
		want   time.Duration
	}{
		{"default, lowest", retry.Config{}, 1, 0, 0},
		{"default, middle", retry.Config{}, 1, 0.5, s / 2},
		{"default, highest", retry.Config{}, 1, all, s - 1},
		{"default, third", retry.Config{}, 3, 0.5, 2 * s},
		{"default, capped", retry.Config{}, 6, 0.5, 10 * s},
		{"none, first", cfg(s, 20*s, retry.NoJitter), 1, 0.7, s},
		{"none, second", cfg(s, 20*s, retry.NoJitter), 2, 0.7, 2 * s},
		{"none, fifth", cfg(s, 20*s, retry.NoJitter), 5, 0.7, 16 * s},
		{"none, capped", cfg(s, 20*s, retry.NoJitter), 6, 0.7, 20 * s},
		{"none, no number", cfg(s, 20*s, retry.NoJitter), 0, 0.7, s},
		{"equal, lowest", cfg(s, 20*s, retry.EqualJitter), 2, 0, s},
		{"equal, middle", cfg(s, 20*s, retry.EqualJitter), 2, 0.5, s + s/2},
		{"equal, highest", cfg(s, 20*s, retry.EqualJitter), 2, all, 2*s - 1},
		{"equal, odd", cfg(3, 20*s, retry.EqualJitter), 1, 0, 1},
		{"interval is the cap", cfg(s, s, retry.NoJitter), 9, 0, s},
		{"odd cap", cfg(2, 5, retry.NoJitter), 3, 0, 5},
		{"huge n", cfg(s, 20*s, retry.NoJitter), math.MaxInt, 0, 20 * s},
		{"no cap", cfg(s, ever, retry.NoJitter), 34, 0, 1 << 33 * s},
		{"no cap, about to overflow", cfg(s, ever, retry.NoJitter), 35, 0, ever},
		{"no cap, huge n", cfg(s, ever, retry.NoJitter), math.MaxInt, 0, ever},
		{"no cap, huge n, half of it", cfg(s, ever, retry.FullJitter), math.MaxInt, 0.5, ever/2 + 1},
		{"no cap, huge n, highest", cfg(s, ever, retry.FullJitter), math.MaxInt, all, ever - 1023},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := row.cfg.Backoff(row.n, row.random); got != row.want {
				t.Errorf("wait %v, want %v", got, row.want)
			}
		})
	}
}

func TestFullJitterSpreadsTheWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := steady(t)
		cfg.Jitter = retry.FullJitter
		cfg.MaxRetries = 1
		r := newRig(t, cfg)
		const rounds = 1000
		var tenths [10]int
		for range rounds {
			_ = r.do(t.Context(), core.ReadOnly, errDown)
			wait := r.attempts[1]
			if wait < 0 || wait >= time.Second {
				t.Fatalf("waited %v, want 0 to 1 s", wait)
			}
			tenths[wait*10/time.Second]++
		}
		for n, count := range tenths { // 100 are expected; 50 is 5 standard deviations off
			if count < 50 || count > 150 {
				t.Errorf("%d of %d waits in tenth %d", count, rounds, n)
			}
		}
	})
}

func TestTheServersHintIsObeyedWhereItIsLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, steady(t))
		_ = r.do(t.Context(), core.Unsafe, &limited{10 * time.Second}, &limited{time.Millisecond}, &limited{}, nil)
		r.at(t, 0, 10*time.Second, 12*time.Second, 16*time.Second)
	})
}

// at checks when the attempts were made.
func (r *rig) at(t *testing.T, want ...time.Duration) {
	t.Helper()
	same := len(want) == len(r.attempts)
	for n := 0; same && n < len(want); n++ {
		same = want[n] == r.attempts[n]
	}
	if !same {
		t.Errorf("attempts at %v, want %v", r.attempts, want)
	}
}

func TestAHintForEverIsNotShortenedByJitter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := steady(t)
		cfg.Jitter, cfg.MaxInterval = retry.FullJitter, math.MaxInt64
		r := newRig(t, cfg)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Hour, cancel)
		if err := r.do(ctx, core.Unsafe, &limited{math.MaxInt64}, nil); !errors.Is(err, context.Canceled) {
			t.Errorf("Do = %v, want %v", err, context.Canceled)
		}
		r.at(t, 0)
	})
}
