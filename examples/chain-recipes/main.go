// SPDX-License-Identifier: Apache-2.0

// Chain-recipes prints the chains that docs/chain.md recommends, each with its worst
// case and its warnings.
//
//	go run ./examples/chain-recipes
package main

import (
	"fmt"
	"os"

	"github.com/penstock-go/penstock/middleware"
)

func main() {
	readers, writers, archive := Backends()
	for _, recipe := range []struct {
		name string
		cfg  middleware.Config
	}{
		{"reads", Reads()},
		{"writes", Writes()},
		{"batch", Batch()},
		{"strict latency", StrictLatency()},
		{"readers of one backend", readers},
		{"writers of the same backend", writers},
		{"another backend", archive},
		{"a chain for tests", Rough()},
	} {
		chain, err := middleware.Build(recipe.cfg)
		if err != nil {
			fmt.Fprintf(os.Stderr, "chain-recipes: %s: %v\n", recipe.name, err)
			os.Exit(1)
		}
		fmt.Printf("%s:\n\n%s\n", recipe.name, chain.Describe())
	}
}
