// SPDX-License-Identifier: Apache-2.0

package ratelimit_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/middleware/ratelimit"
)

func Example() {
	limiter, err := ratelimit.New(ratelimit.Config{Rate: 0.001, Burst: 2})
	if err != nil {
		panic(err)
	}
	client, err := core.NewClient(core.ClientConfig[string]{
		Source:     &coretest.Source[string]{Conn: "a connection"},
		Middleware: limiter.Middleware,
	})
	if err != nil {
		panic(err)
	}
	for range 3 {
		_, err := core.Do(context.Background(), client, core.Op{Name: "Search"}, func(context.Context, string) (int, error) {
			return 0, nil
		})
		fmt.Println(err == nil, errors.Is(err, ratelimit.ErrLimited))
	}
	// Output:
	// true false
	// true false
	// false true
}
