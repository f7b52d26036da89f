// SPDX-License-Identifier: Apache-2.0

package timeout_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/middleware/timeout"
)

func Example() {
	stage, err := timeout.New(timeout.Config{Attempt: 10 * time.Millisecond})
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
	wait := func(ctx context.Context, _ string) (int, error) {
		<-ctx.Done()
		return 0, ctx.Err()
	}
	_, err = core.Do(context.Background(), client, core.Op{Name: "Search"}, wait)
	fmt.Println(errors.Is(err, timeout.ErrExceeded), err)

	// An operation may have a limit of its own.
	_, err = core.Do(context.Background(), client, core.Op{Name: "Load", Timeout: 20 * time.Millisecond}, wait)
	fmt.Println(errors.Is(err, timeout.ErrExceeded), err)
	// Output:
	// true Search: attempt timed out after 10ms
	// true Load: attempt timed out after 20ms
}
