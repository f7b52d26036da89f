// SPDX-License-Identifier: Apache-2.0

package breaker_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/middleware/breaker"
)

func Example() {
	b, err := breaker.New(breaker.Config{
		Name:             "search",
		FailureThreshold: 2,
		OnTransition: func(name string, from, to breaker.State) {
			fmt.Printf("%s: %v > %v\n", name, from, to)
		},
	})
	if err != nil {
		panic(err)
	}
	client, err := core.NewClient(core.ClientConfig[string]{
		Source:     &coretest.Source[string]{Conn: "a connection"},
		Middleware: b.Middleware,
	})
	if err != nil {
		panic(err)
	}

	search := core.Op{Name: "Search", Safety: core.ReadOnly}
	for range 3 {
		_, err := core.Do(context.Background(), client, search, func(context.Context, string) (int, error) {
			return 0, errors.New("no route to host")
		})
		fmt.Println(errors.Is(err, breaker.ErrOpen), err)
	}
	fmt.Println(b.State(), b.Snapshot().Counters.TotalFastFailures)
	// Output:
	// false Search: no route to host
	// search: closed > open
	// false Search: no route to host
	// true Search: circuit breaker "search" is open for another 30s, opened just now by no route to host
	// open 1
}
