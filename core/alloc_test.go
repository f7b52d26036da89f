// SPDX-License-Identifier: Apache-2.0

package core_test

import (
	"context"
	"testing"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
)

func through(next core.Handler) core.Handler {
	return func(ctx context.Context, call *core.Call) error { return next(ctx, call) }
}

// judge measures what is within, and asks what it came to.
func judge(next core.Handler) core.Handler {
	return func(ctx context.Context, call *core.Call) error {
		call.Measure()
		mark := call.Mark()
		err := next(ctx, call)
		if o := call.Since(mark, err); !o.Judged || o != call.LastSince(mark, err) {
			return core.ErrPanic
		}
		return err
	}
}

// calm is a guard that is shared by all calls, as a breaker's is.
type calm struct{ core.NopGuard }

func attach(g core.Guard) core.Middleware {
	return func(next core.Handler) core.Handler {
		return func(ctx context.Context, call *core.Call) error {
			call.Attach(g)
			return next(ctx, call)
		}
	}
}

func ping(_ context.Context, conn string) (int, error) { return len(conn), nil }

func TestAnOperationCostsOneAllocation(t *testing.T) {
	tests := []struct {
		name  string
		stage core.Middleware
	}{
		{"no stage", nil},
		{"five stages", core.Compose(through, through, through, through, through)},
		{"five stages and two guards", core.Compose(through, attach(new(calm)), through, attach(new(calm)), through)},
		{"five stages, measured and judged", core.Compose(judge, through, through, through, judge)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			client := newClient(t, core.ClientConfig[string]{
				Source: &coretest.Source[string]{Conn: "conn"}, Middleware: test.stage, OperationTimeout: time.Minute,
			})
			// Tighter than the client's timeout, or that must make a context.
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			for name, runner := range map[string]core.Runner[string]{"the client": client, "a type around it": &library{client, "A"}} {
				allocs := testing.AllocsPerRun(1000, func() {
					if n, err := core.Do(ctx, runner, search, ping); n != 4 || err != nil {
						t.Errorf("Do = %d, %v, want 4", n, err)
					}
				})
				if allocs > 1 {
					t.Errorf("an operation of %s costs %v allocations, want at most 1", name, allocs)
				}
			}
		})
	}
}

func BenchmarkDo(b *testing.B) {
	client, err := core.NewClient(core.ClientConfig[string]{
		Source: &coretest.Source[string]{Conn: "conn"}, Middleware: core.Compose(through, through, through, through, through),
	})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := core.Do(b.Context(), client, search, ping); err != nil {
			b.Fatal(err)
		}
	}
}
