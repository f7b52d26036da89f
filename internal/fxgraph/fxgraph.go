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
		if k, ok := parse(quoted); ok {
			keys = append(keys, k)
		}
	}
	return keys
}

// Taken returns the keys of all values that a constructor takes, needed or optional, and
// that are not value groups. What a function for fx.Invoke takes is not in the graph.
func Taken(g fx.DotGraph) map[Key]bool {
	keys := map[Key]bool{}
	for line := range strings.Lines(string(g)) {
		// A line of a parameter is its constructor, an arrow, and the key in quotes.
		constructor, rest, _ := strings.Cut(strings.TrimLeft(line, "\t"), " -> ")
		quoted, err := strconv.QuotedPrefix(rest)
		if err != nil || !strings.HasPrefix(constructor, "constructor_") {
			continue
		}
		if k, ok := parse(quoted); ok {
			keys[k] = true
		}
	}
	return keys
}

// parse reads a key as the graph has it. It refuses value groups.
func parse(quoted string) (Key, bool) {
	key, err := strconv.Unquote(quoted)
	if err != nil || strings.Contains(key, "[group=") || strings.HasPrefix(key, "[type=") {
		return Key{}, false
	}
	if at := strings.LastIndex(key, "[name="); at >= 0 {
		return Key{key[:at], strings.TrimSuffix(key[at+len("[name="):], "]")}, true
	}
	return Key{Type: key}, true
}
