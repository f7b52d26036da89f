// SPDX-License-Identifier: Apache-2.0

package health_test

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/middleware/health"
)

// fleet is the replicas of one program, and when they probe.
type fleet struct {
	mu     sync.Mutex // guards the fields below
	probes []time.Time
	err    error
}

func (f *fleet) probe(context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.probes = append(f.probes, time.Now())
	return f.err
}

// made returns when probes were made.
func (f *fleet) made() []time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.probes)
}

func (f *fleet) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
}

// most returns the largest number of probes within any second.
func most(probes []time.Time) (n int) {
	slices.SortFunc(probes, time.Time.Compare)
	first := 0
	for i, at := range probes {
		for at.Sub(probes[first]) >= time.Second {
			first++
		}
		n = max(n, i-first+1)
	}
	return n
}

// start starts a monitor for each replica, at the same moment. Its random numbers depend
// on its number alone.
func (f *fleet) start(t *testing.T, cfg health.Config, waits func(replica int) health.Waiter) (begins []func(), end func()) {
	t.Helper()
	cfg.Probe = f.probe
	monitors := make([]*health.Monitor, cfg.Replicas)
	for i := range monitors {
		m, err := health.NewMonitor(cfg)
		if err != nil {
			t.Fatal(err)
		}
		m.Randomly(rand.New(rand.NewPCG(7, uint64(i))).Float64)
		if waits != nil {
			begins = append(begins, m.Serve(waits(i)))
		}
		m.Start()
		monitors[i] = m
	}
	return begins, func() {
		for _, m := range monitors {
			if err := m.Close(t.Context()); err != nil {
				t.Errorf("Close = %v", err)
			}
		}
	}
}

// All replicas start at one moment, and see the outage begin at one moment.
func TestReplicasTogetherKeepTheirRate(t *testing.T) {
	for _, row := range []struct {
		replicas, rate int
		least          int // probes in the ten minutes of the outage
	}{
		{1000, 100, 30_000},
		{1000, 30, 5_000},
		{300, 200, 60_000},
		{100, 100, 50_000},
		{20, 100, 11_000}, // RecoveryInterval allows no more
		{3, 1, 0},
		{1, 1, 480},
	} {
		synctest.Test(t, func(t *testing.T) {
			f := &fleet{}
			waiters := make([]*waiter, row.replicas)
			begins, end := f.start(t, health.Config{MaxRate: row.rate, Replicas: row.replicas}, func(i int) health.Waiter {
				waiters[i] = &waiter{}
				return waiters[i]
			})
			time.Sleep(2 * time.Minute)
			f.fail(errDown)
			before := len(f.made())
			for i, w := range waiters {
				w.set(0, true)
				begins[i]()
			}
			time.Sleep(10 * time.Minute)
			end()
			if n := len(f.made()) - before; n < row.least {
				t.Errorf("%d replicas made %d probes in ten minutes, want %d at least", row.replicas, n, row.least)
			}
			if n := most(f.made()); n > row.rate {
				t.Errorf("%d probes of %d replicas in one second, want %d at most", n, row.replicas, row.rate)
			}
		})
	}
}

// Replicas whose breakers open again and again draw a random moment each time, which must
// not make any of them probe more often.
func TestReplicasThatBeginToWaitOverAndOverKeepTheirRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const replicas, rate = 500, 100
		f := &fleet{}
		begins, end := f.start(t, health.Config{MaxRate: rate, Replicas: replicas}, func(int) health.Waiter { return &waiter{awaits: true} })
		for range 200 {
			time.Sleep(time.Second)
			for _, begin := range begins {
				begin()
			}
		}
		end()
		if n := most(f.made()); n > rate {
			t.Errorf("%d probes in one second, want %d at most", n, rate)
		}
		if n := len(f.made()); n > 200*rate*7/10 {
			t.Errorf("%d probes in 200 s, where 57 are expected in each", n)
		}
	})
}

// The documentation of MaxRate names these figures.
func TestTheExpectedRateIsThatOfTheDocumentation(t *testing.T) {
	for most, want := range map[int]float64{10: 1.3, 50: 22, 100: 57, 1000: 843} {
		if got := health.Expected(most); math.Abs(got-want) > want/50 {
			t.Errorf("%v probes are expected with a MaxRate of %d, want %v", got, most, want)
		}
	}
	for most := 1; most <= 200; most++ { // the real probability, by Poisson
		m := health.Expected(most)
		p, sum := math.Exp(-m), 0.0
		for n := range most + 1 {
			sum += p
			p *= m / float64(n+1)
		}
		if rest := 1 - sum; rest > 1.0001e-6 {
			t.Errorf("more than %d probes with a probability of %v, want one in a million at most", most, rest)
		}
	}
}

func TestAShareOfCenturiesDoesNotOverflow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fleet{}
		for _, cfg := range []health.Config{
			{MaxRate: 1, Replicas: 1},
			{MaxRate: math.MaxInt, Replicas: 1},
			{MaxRate: math.MaxInt, Replicas: math.MaxInt},
			{MaxRate: 1, Replicas: math.MaxInt},
		} {
			cfg.Probe = f.probe
			m, err := health.NewMonitor(cfg)
			if err != nil {
				t.Fatal(err)
			}
			m.Start()
			before := len(f.made())
			time.Sleep(time.Minute)
			if err := m.Close(t.Context()); err != nil {
				t.Errorf("Close = %v", err)
			}
			if n, one := len(f.made())-before, cfg.MaxRate == 1 && cfg.Replicas > 1; n > 8 || one && n > 0 || !one && n < 4 {
				t.Errorf("%d probes in a minute with %+v", n, cfg)
			}
		}
	})
}
