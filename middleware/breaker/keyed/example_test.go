// SPDX-License-Identifier: Apache-2.0

package keyed_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/middleware/breaker/keyed"
)

func Example() {
	k, err := keyed.New(keyed.Config{Each: breaker.Config{Name: "milvus", FailureThreshold: 2}})
	if err != nil {
		panic(err)
	}
	client, err := core.NewClient(core.ClientConfig[string]{
		Source:     &coretest.Source[string]{Conn: "a connection"},
		Middleware: k.Middleware,
	})
	if err != nil {
		panic(err)
	}

	for range 3 {
		for _, collection := range []string{"books", "songs"} {
			op := core.Op{Name: "Search", Target: collection, Safety: core.ReadOnly}
			_, err := core.Do(context.Background(), client, op, func(context.Context, string) (int, error) {
				if collection == "songs" {
					return 0, errors.New("segment lost")
				}
				return 1, nil
			})
			fmt.Println(collection, err)
		}
	}
	// Output:
	// books <nil>
	// songs Search songs: segment lost
	// books <nil>
	// songs Search songs: segment lost
	// books <nil>
	// songs Search songs: circuit breaker "milvus[songs]" is open for another 30s, opened just now by segment lost
}
