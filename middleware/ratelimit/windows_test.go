// SPDX-License-Identifier: Apache-2.0

package ratelimit_test

import (
	"context"
	"errors"
	"flag"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/middleware/ratelimit"
)

// go test ./middleware/ratelimit -run Soak -soak 60s, with and without -race.
var soak = flag.Duration("soak", 0, "how long each soak test runs in real time")

// passage is an operation that was let through at some time between two readings
// of the test's own clock.
type passage struct{ asked, passed time.Duration }

// callers calls do for a while, each caller with contexts that end soon, and
// returns what was let through.
func callers(t *testing.T, r *rig, n int, lasts time.Duration, seed uint64, patience func(*rand.Rand) time.Duration) []passage {
	began := time.Now()
	through := make([][]passage, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(seed, uint64(i)))
			for time.Since(began) < lasts {
				ctx, cancel := context.WithTimeout(t.Context(), patience(random))
				if random.IntN(4) == 0 { // a cancel is not foreseen, unlike a deadline
					time.AfterFunc(patience(random), cancel)
				}
				asked := time.Since(began)
				_, err := core.Do(ctx, r.client, op, func(context.Context, int) (int, error) {
					through[i] = append(through[i], passage{asked, time.Since(began)})
					return 0, nil
				})
				if err != nil && !errors.Is(err, ratelimit.ErrLimited) {
					t.Errorf("Do = %v", err)
				}
				<-ctx.Done() // the caller comes back when its time is over
				cancel()
			}
		})
	}
	wg.Wait()
	var all []passage
	for _, some := range through {
		all = append(all, some...)
	}
	return all
}

// checkWindows checks that in no window more operations were let through than the
// rate allows. An operation counts in a window if it was let through within the
// window for certain.
func checkWindows(t *testing.T, all []passage, rate float64, burst int) {
	t.Helper()
	var end time.Duration
	for _, p := range all {
		end = max(end, p.passed)
	}
	for _, length := range []time.Duration{
		time.Millisecond, 10 * time.Millisecond, 100 * time.Millisecond, time.Second, 10 * time.Second, end + 1,
	} {
		half := length / 2 // each window overlaps the window before it by one half
		counts := map[int64]int{}
		for _, p := range all {
			last := int64(p.asked / half)
			for w := max(last-1, 0); w <= last; w++ {
				if p.passed < time.Duration(w)*half+length {
					counts[w]++
				}
			}
		}
		most := float64(burst) + rate*length.Seconds() + 1e-3
		for w, n := range counts {
			if float64(n) > most {
				t.Errorf("%d operations were let through within %v from %v on, want at most %.3f",
					n, length, time.Duration(w)*half, most)
				break
			}
		}
	}
}

func TestNobodyIsLetThroughEarly(t *testing.T) {
	for seed := range uint64(40) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			rate := []float64{3, 7, 100, 999, 1000, 33333, 50000}[random.IntN(7)]
			burst := 1 + random.IntN(3)
			interval := float64(time.Second) / rate
			n := 2 + random.IntN(30)
			r := newRig(t, ratelimit.Config{Rate: rate, Burst: burst, MaxWait: time.Duration(interval * float64(1+random.IntN(50)))})
			lasts := time.Duration(interval * 300)
			all := callers(t, r, n, lasts, seed, func(random *rand.Rand) time.Duration {
				return time.Duration(interval * float64(n) * (0.1 + 2*random.Float64()))
			})
			checkWindows(t, all, rate, burst)
			t.Logf("seed %d rate %v burst %d n %d: %d let through", seed, rate, burst, n, len(all))
		})
	}
}

// soaked runs the same in real time, where timers are late and have no order.
func soaked(t *testing.T, cfg ratelimit.Config, n, busy int, shortest, longest time.Duration) {
	if *soak == 0 {
		t.Skip("takes long: set -soak")
	}
	var stop atomic.Bool
	defer stop.Store(true)
	for range busy {
		go func() {
			for !stop.Load() {
			}
		}()
	}
	r := newRig(t, cfg)
	all := callers(t, r, n, *soak, 1, func(random *rand.Rand) time.Duration {
		return shortest + rand.N(longest-shortest)
	})
	checkWindows(t, all, cfg.Rate, cfg.Burst)
	t.Logf("%d let through in %v, %+v", len(all), *soak, r.limiter.Stats())
}

func TestSoakOfShortWaits(t *testing.T) {
	soaked(t, ratelimit.Config{Rate: 50_000, Burst: 1, MaxWait: time.Second}, 8, 0, 30*time.Microsecond, 230*time.Microsecond)
}

func TestSoakOnBusyProcessors(t *testing.T) {
	soaked(t, ratelimit.Config{Rate: 1000, Burst: 10, MaxWait: 100 * time.Millisecond}, 32, 2, 5*time.Millisecond, 50*time.Millisecond)
}
