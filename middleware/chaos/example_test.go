// SPDX-License-Identifier: Apache-2.0

package chaos_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/middleware/chaos"
)

func Example() {
	storm, err := chaos.New(chaos.Config{
		Seed: 3,
		Faults: []chaos.Fault{
			{Share: 1, Ops: []string{"Insert"}, Err: errors.New("read only")},
			{Share: 0.5, Err: core.ErrUnavailable},
		},
	})
	if err != nil {
		panic(err)
	}
	client, err := core.NewClient(core.ClientConfig[string]{
		Source:     &coretest.Source[string]{Conn: "a connection"},
		Middleware: storm.Middleware, // innermost of all stages
	})
	if err != nil {
		panic(err)
	}
	run := func(name string) {
		_, err := core.Do(context.Background(), client, core.Op{Name: name}, func(context.Context, string) (int, error) {
			return 0, nil
		})
		fmt.Println(name, err)
	}
	run("Insert")
	for range 4 {
		run("Search")
	}
	storm.Off()
	run("Insert")
	// Output:
	// Insert Insert: injected by chaos: read only
	// Search <nil>
	// Search <nil>
	// Search Search: injected by chaos: backend unavailable
	// Search <nil>
	// Insert <nil>
}
