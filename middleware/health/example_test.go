// SPDX-License-Identifier: Apache-2.0

package health_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/middleware/health"
)

func Example() {
	alive := errors.New("connection refused")
	monitor, err := health.NewMonitor(health.Config{
		Probe: func(context.Context) error { return alive },
	})
	if err != nil {
		panic(err)
	}
	monitor.Start() // probes in the background, every ten seconds or so
	defer func() { _ = monitor.Close(context.Background()) }()

	client, err := core.NewClient(core.ClientConfig[string]{
		Source:     &coretest.Source[string]{Conn: "a connection"},
		Middleware: monitor.Middleware,
	})
	if err != nil {
		panic(err)
	}
	search := func() {
		_, err := core.Do(context.Background(), client, core.Op{Name: "Search"}, func(context.Context, string) (int, error) {
			return 0, nil
		})
		fmt.Println(monitor.Up(), err)
	}

	search()
	for range 3 { // the DownThreshold
		_ = monitor.Check(context.Background()) // probes now
	}
	search()
	alive = nil
	_ = monitor.Check(context.Background())
	search()
	// Output:
	// true <nil>
	// false Search: backend is down, by its health probes, shut just now by connection refused
	// true <nil>
}
