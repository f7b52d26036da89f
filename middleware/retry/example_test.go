// SPDX-License-Identifier: Apache-2.0

package retry_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/middleware/retry"
)

func Example() {
	stage, err := retry.New(retry.Config{MaxRetries: 2, Interval: time.Millisecond})
	if err != nil {
		panic(err)
	}
	client, err := core.NewClient(core.ClientConfig[string]{
		Source:     &coretest.Source[string]{Conn: "a connection"},
		Middleware: stage,
	})
	if err != nil {
		panic(err)
	}
	run := func(op core.Op) {
		n := 0
		_, err := core.Do(context.Background(), client, op, func(context.Context, string) (int, error) {
			n++
			return 0, fmt.Errorf("reset %d", n)
		})
		fmt.Println(errors.Is(err, retry.ErrExhausted), err)
	}
	run(core.Op{Name: "Search", Safety: core.ReadOnly})
	run(core.Op{Name: "Insert", Safety: core.Unsafe})
	// Output:
	// true Search: reset 3 (no further attempt: retries exhausted); also #1: reset 1, #2: reset 2 (after 3 attempts)
	// false Insert: reset 1 (no further attempt: the operation is unsafe to repeat, and the backend may have applied it)
}
