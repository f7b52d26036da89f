// SPDX-License-Identifier: Apache-2.0

package fxgraph

import (
	"fmt"
	"slices"
	"strings"
)

// Choice says which name to give instead of one that none of names is. one begins the
// sentence about the names, such as "name"; none says what stands for an empty name.
func Choice(names []string, one, none string) string {
	var all []string
	for _, name := range names {
		if name != "" {
			all = append(all, fmt.Sprintf("%q", name))
		}
	}
	slices.Sort(all) // fx shuffles groups
	all = slices.Compact(all)
	switch {
	case len(all) == 0:
		return none
	case slices.Contains(names, ""):
		return fmt.Sprintf("%s one of %s, or %s", one, strings.Join(all, ", "), none)
	default:
		return fmt.Sprintf("%s one of %s", one, strings.Join(all, ", "))
	}
}
