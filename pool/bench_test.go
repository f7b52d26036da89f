// SPDX-License-Identifier: Apache-2.0

package pool_test

import (
	"context"
	"testing"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/pool"
)

// The package's benchmarks beside other pools are in internal/bench.

func BenchmarkAcquire(b *testing.B) {
	for _, bc := range []struct {
		name    string
		cfg     pool.Config
		perProc int
		work    time.Duration
	}{
		{"exclusive/1 per processor", pool.Config{MaxSize: 8}, 1, 0},
		{"exclusive/16 per processor, 64 conns", pool.Config{MaxSize: 64}, 16, 0},
		{"exclusive/64 per processor, 8 conns", pool.Config{MaxSize: 8}, 64, 0},
		{"exclusive/exhausted", pool.Config{MaxSize: 4}, 16, 20 * time.Microsecond},
		{"exclusive/OnUse", pool.Config{MaxSize: 8, OnUse: func(time.Duration) {}}, 1, 0},
		{"exclusive/LeakAfter", pool.Config{MaxSize: 8, LeakAfter: time.Hour, OnLeak: func(pool.LeakInfo) {}}, 1, 0},
		{"exclusive/Observer", pool.Config{MaxSize: 8, Observer: &coretest.Recorder{}}, 1, 0},
		{"shared/1 per processor", pool.Config{Mode: pool.Shared}, 1, 0},
		{"shared/64 per processor", pool.Config{Mode: pool.Shared}, 64, 0},
		{"shared/32 conns", pool.Config{Mode: pool.Shared, MaxSize: 32}, 16, 0},
		{"shared/exhausted", pool.Config{Mode: pool.Shared, MaxSize: 2, TargetSharing: 2, MaxSharing: 2}, 16, 20 * time.Microsecond},
	} {
		b.Run(bc.name, func(b *testing.B) {
			bc.cfg.MinSize = max(bc.cfg.MaxSize, 1)
			p, err := pool.New(numbers{}, bc.cfg)
			if err != nil {
				b.Fatal(err)
			}
			defer p.Close(context.Background())
			if err := p.Start(b.Context()); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			b.SetParallelism(bc.perProc)
			b.RunParallel(func(pb *testing.PB) {
				ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
				defer cancel()
				for pb.Next() {
					lease, err := p.Acquire(ctx)
					if err != nil {
						b.Error(err)
						return
					}
					if bc.work > 0 {
						time.Sleep(bc.work)
					}
					lease.Release()
				}
			})
		})
	}
}

// silent is an observer that does nothing, and is asked for no reference.
type silent struct{ core.Observer }

func (silent) Begin(ctx context.Context, _ core.Scope) context.Context { return ctx }
func (silent) End(context.Context, core.Scope, error)                  {}
func (silent) Event(context.Context, core.Event)                       {}

// BenchmarkDo shows what it costs an operation that the pool knows its holders.
func BenchmarkDo(b *testing.B) {
	for name, o := range map[string]core.Observer{"observed": silent{}, "not observed": nil} {
		b.Run(name, func(b *testing.B) {
			p, err := pool.New(numbers{}, pool.Config{Observer: o})
			if err != nil {
				b.Fatal(err)
			}
			defer p.Close(context.Background())
			c, err := core.NewClient(core.ClientConfig[int]{Source: p, Observer: o})
			if err != nil {
				b.Fatal(err)
			}
			op := core.Op{Name: "Get", Target: "docs"}
			ctx := b.Context()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := core.Do(ctx, c, op, func(context.Context, int) (int, error) { return 0, nil }); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

type aliveNumbers struct{ numbers }

func (aliveNumbers) Alive(int) bool { return true }

func BenchmarkAskAlways(b *testing.B) {
	for _, mode := range []pool.Mode{pool.Exclusive, pool.Shared} {
		b.Run(mode.String(), func(b *testing.B) {
			p, err := pool.New(aliveNumbers{}, pool.Config{Mode: mode})
			if err != nil {
				b.Fatal(err)
			}
			defer p.Close(context.Background())
			for b.Loop() {
				lease, err := p.Acquire(b.Context())
				if err != nil {
					b.Fatal(err)
				}
				lease.Release()
			}
		})
	}
}
