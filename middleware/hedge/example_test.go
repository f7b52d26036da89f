// SPDX-License-Identifier: Apache-2.0

package hedge_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/middleware/hedge"
)

func Example() {
	hedger, err := hedge.New(hedge.Config{Delay: time.Millisecond})
	if err != nil {
		panic(err)
	}
	client, err := core.NewClient(core.ClientConfig[string]{Source: &coretest.Source[string]{Conn: "a connection"}})
	if err != nil {
		panic(err)
	}
	search := core.Op{Name: "Search", Target: "docs", Safety: core.ReadOnly}
	var calls atomic.Int64
	hits, err := hedge.Do(context.Background(), hedger, client, search, func(ctx context.Context, _ string) (string, error) {
		if calls.Add(1) == 1 { // this run has met a bad server
			<-ctx.Done()
			return "", ctx.Err()
		}
		return "a hit", nil
	})
	fmt.Println(hits, err)
	stats := hedger.Stats()
	fmt.Println(stats.Operations, stats.Hedged)

	_, err = hedge.Do(context.Background(), hedger, client, core.Op{Name: "Insert"}, func(context.Context, string) (int, error) {
		return 0, nil
	})
	fmt.Println(err)
	// Output:
	// a hit <nil>
	// 1 1
	// Insert: only ReadOnly operations may be hedged: this one is unsafe
}
