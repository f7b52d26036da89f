// SPDX-License-Identifier: Apache-2.0

package bulkhead_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/middleware/bulkhead"
)

func Example() {
	b, err := bulkhead.New(bulkhead.Config{Name: "docs", MaxConcurrent: 1})
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
	_, err = core.Do(context.Background(), client, search, func(ctx context.Context, _ string) (int, error) {
		// The only slot is taken while this runs.
		_, err := core.Do(ctx, client, search, func(context.Context, string) (int, error) { return 0, nil })
		fmt.Println(errors.Is(err, bulkhead.ErrFull), err)
		return 0, nil
	})
	fmt.Println(err, b.Stats())
	// Output:
	// true Search: bulkhead "docs" is full with 1 running
	// <nil> {1 0 0 1 1}
}
