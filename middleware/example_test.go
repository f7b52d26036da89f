// SPDX-License-Identifier: Apache-2.0

package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/retry"
)

// A stage of one's own says which stage it stands before or after. Outside of
// retry it sees each operation once, inside of it each attempt.
func ExampleBuild() {
	tell := func(name string) core.Middleware {
		return func(next core.Handler) core.Handler {
			return func(ctx context.Context, call *core.Call) error {
				fmt.Printf("%s: begin attempt %d\n", name, call.Attempt())
				err := next(ctx, call)
				fmt.Printf("%s: %v\n", name, err)
				return err
			}
		}
	}
	chain, err := middleware.Build(middleware.Config{
		Retry: retry.Config{Interval: time.Millisecond},
		Stages: []middleware.Stage{
			{Name: "inner", Middleware: tell("inner"), After: "retry"},
			{Name: "outer", Middleware: tell("outer"), Before: "retry"},
		},
	})
	if err != nil {
		panic(err)
	}
	fmt.Println(chain)

	client, err := core.NewClient(core.ClientConfig[string]{
		Source:     &coretest.Source[string]{Conn: "a connection"},
		Middleware: chain.Middleware,
	})
	if err != nil {
		panic(err)
	}
	n := 0
	_, _ = core.Do(context.Background(), client, core.Op{Name: "Search", Safety: core.ReadOnly}, func(context.Context, string) (int, error) {
		if n++; n == 1 {
			return 0, errors.New("connection reset")
		}
		return n, nil
	})
	// Output:
	// trace > breaker > outer > retry > inner > timeout
	// outer: begin attempt 1
	// inner: begin attempt 1
	// inner: connection reset
	// inner: begin attempt 2
	// inner: <nil>
	// outer: <nil>
}
