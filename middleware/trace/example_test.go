// SPDX-License-Identifier: Apache-2.0

package trace_test

import (
	"context"
	"fmt"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/middleware/trace"
)

func Example() {
	recorder := &coretest.Recorder{} // an observer that writes down what it is told
	client, err := core.NewClient(core.ClientConfig[string]{
		Source:     &coretest.Source[string]{Conn: "a connection"},
		Middleware: trace.New(),
		Observer:   recorder,
	})
	if err != nil {
		panic(err)
	}
	search := core.Op{Name: "Search", Target: "docs"}
	_, _ = core.Do(context.Background(), client, search, func(context.Context, string) (int, error) {
		return 0, context.DeadlineExceeded
	})
	for _, line := range recorder.Lines() {
		fmt.Println(line)
	}
	// Output:
	// begin operation Search
	// end operation Search deadline_exceeded
}
