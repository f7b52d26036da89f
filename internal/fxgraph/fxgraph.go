// SPDX-License-Identifier: Apache-2.0

// Package fxgraph tells what the constructors of an fx application provide. fx ignores
// what nothing asks for: a module needs to know it to say that a value of the
// application's would be ignored.
//
// The package reads the text of fx.DotGraph. Of a text that it does not know it
// returns nothing.
package fxgraph

import (
	"strconv"
	"strings"

	"go.uber.org/fx"
)

// Key is what an application asks for a value by.
type Key struct {
	Type string // as reflect.Type.String writes it
	Name string // of the tag name:"..."; empty without one
}

// Provided returns the keys of all values that are not in a value group.
func Provided(g fx.DotGraph) []Key {
	var keys []Key
	for line := range strings.Lines(string(g)) {
		// A line of a value is its key in quotes, and its label.
		quoted, err := strconv.QuotedPrefix(strings.TrimLeft(line, "\t"))
		if err != nil || !strings.Contains(line, quoted+" [label=<") {
			continue
		}
		key, err := strconv.Unquote(quoted)
		if err != nil || strings.Contains(key, "[group=") {
			continue
		}
		k := Key{Type: key}
		if at := strings.LastIndex(key, "[name="); at >= 0 {
			k = Key{key[:at], strings.TrimSuffix(key[at+len("[name="):], "]")}
		}
		keys = append(keys, k)
	}
	return keys
}
