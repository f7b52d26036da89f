// SPDX-License-Identifier: Apache-2.0

package fallback_test

import (
	"context"
	"fmt"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/middleware/fallback"
)

func Example() {
	client, err := core.NewClient(core.ClientConfig[string]{Source: &coretest.Source[string]{Conn: "a connection"}})
	if err != nil {
		panic(err)
	}
	search := core.Op{Name: "Search", Target: "docs", Safety: core.ReadOnly}
	find := func(context.Context, string) ([]string, error) { return nil, core.ErrUnavailable }
	cached := func(_ context.Context, err error) ([]string, error) {
		fmt.Println("from the cache, because of", err)
		return []string{"yesterday's hit"}, nil
	}

	hits, err := fallback.Do(context.Background(), client, search, find, cached)
	fmt.Println(hits, err)

	// A plan tells the caller, too.
	result, err := fallback.DoPlan(context.Background(), client, search, find, fallback.Plan[[]string]{Instead: cached})
	fmt.Println(result.Value, result.Cause != nil, err)
	// Output:
	// from the cache, because of Search docs: backend unavailable
	// [yesterday's hit] <nil>
	// from the cache, because of Search docs: backend unavailable
	// [yesterday's hit] true <nil>
}
