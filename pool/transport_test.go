// SPDX-License-Identifier: Apache-2.0

package pool_test

import (
	"runtime"
	"testing"

	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/pool"
)

// countingFactory counts what is below the pool.
type countingFactory struct {
	coretest.Factory[int]
	stats func() pool.TransportStats
}

func (f *countingFactory) TransportStats() pool.TransportStats { return f.stats() }

// countingPool returns a pool of a factory with these figures.
func countingPool(t *testing.T, stats func() pool.TransportStats) *pool.Pool[int] {
	t.Helper()
	p, err := pool.New(&countingFactory{stats: stats}, pool.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close(t.Context()) })
	return p
}

func TestStatsHaveTheFiguresOfTheTransport(t *testing.T) {
	p := countingPool(t, func() pool.TransportStats {
		return pool.TransportStats{Connects: 3, Failed: map[string]uint64{"refused": 2}}
	})
	if got := p.Stats().Transport; got == nil || got.Connects != 3 || got.Failed["refused"] != 2 {
		t.Errorf("Transport = %+v", got)
	}
	plain, err := pool.New(struct{ pool.Factory[int] }{&coretest.Factory[int]{}}, pool.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close(t.Context())
	if got := plain.Stats().Transport; got != nil {
		t.Errorf("a factory that does not count: Transport = %+v", got)
	}
}

func TestAPanicOfTransportStatsLosesTheirFiguresAlone(t *testing.T) {
	for name, fail := range map[string]func(){"panic": func() { panic("bad") }, "goexit": runtime.Goexit} {
		p := countingPool(t, func() pool.TransportStats { fail(); return pool.TransportStats{} })
		if s := p.Stats(); s.Transport != nil || s.Max == 0 {
			t.Errorf("%s: Stats = %+v", name, s)
		}
		if s := p.Stats(); s.Panics == 0 {
			t.Errorf("%s is not counted", name)
		}
	}
}
