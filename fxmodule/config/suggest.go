// SPDX-License-Identifier: Apache-2.0

package config

import (
	"regexp"
	"strings"

	"github.com/agnivade/levenshtein"
)

// distance returns how many letters differ. Tests count its calls.
var distance = levenshtein.ComputeDistance

// mostNear is how many names a suggestion has.
const mostNear = 3

// longestName is more than any name has that a suggestion is made for. To compare a longer
// text, such as one of a file of another kind, takes long.
const longestName = 200

// nearest returns the names, three at most, that somebody who wrote name may have meant.
func nearest(name string, names []string) []string {
	if len(name) > longestName {
		return nil
	}
	last := func(key string) string { return key[strings.LastIndex(key, ".")+1:] }
	if near := within(len(name)/5, names, func(n string) int { return edits(name, n) }); len(near) > 0 {
		return near[:1]
	}
	// A word is missing, or the section: pool.size is pool.max_size or pool.min_size.
	given := wordsOf(name)
	if near := within(2, names, func(n string) int { return missing(given, wordsOf(n)) }); len(near) > 0 {
		return near
	}
	// Another section: connections.max_size is pool.max_size.
	same := within(0, names, func(n string) int { return distance(last(name), last(n)) })
	if len(same) == 1 && len(last(name)) > 4 {
		return same
	}
	if strings.Contains(name, ".") {
		return nil
	}
	return within(len(name)/5, names, func(n string) int { return edits(name, last(n)) })
}

// edits returns how many letters differ. It is a great number if all letters of one name do:
// such a name is not the other one misspelled.
func edits(a, b string) int {
	if more := len(a) - len(b); more > max(len(a)/5, 1) {
		return 1 << 10 // nearest wants less
	}
	d := distance(a, b)
	if d >= min(len(a), len(b)) {
		return 1 << 10
	}
	return d
}

// within returns the names of the least distance, if that is not more than most or 1.
func within(most int, names []string, from func(string) int) []string {
	var near []string
	least := max(most, 1) + 1
	for _, n := range names {
		switch d := from(n); {
		case d < least:
			near, least = []string{n}, d
		case d == least && len(near) > 0:
			near = append(near, n)
		}
	}
	if len(near) > mostNear {
		return nil // no help
	}
	return near
}

func wordsOf(name string) []string {
	return strings.FieldsFunc(name, func(r rune) bool { return r == '.' || r == '_' })
}

// missing returns how many words of the second list the first has not. It is a great
// number if the first has others, or none.
func missing(some, all []string) int {
	at := 0
	for _, word := range all {
		if at < len(some) && some[at] == word {
			at++
		}
	}
	if at < len(some) || at == 0 {
		return 1 << 10
	}
	return len(all) - at
}

// plain matches a key that can be shown: it has the form of a setting, and is no secret
// that stands in the wrong place.
var plain = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]{0,40}$`)

// shown returns a key for an error.
func shown(key string) string {
	if plain.MatchString(key) {
		return key
	}
	return "(a key that is no name)"
}

// meant says what to do about an unknown name. The prefix comes before each name.
func meant(prefix, name string, names []string) string {
	if near := nearest(name, names); len(near) > 0 {
		for i := range near {
			near[i] = prefix + near[i]
		}
		return "did you mean " + enumerate(near, "or") + "?"
	}
	return "docs/configuration.md lists all settings"
}

// enumerate returns names as a sentence has them.
func enumerate(names []string, last string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	at := len(names) - 1
	return strings.Join(names[:at], ", ") + " " + last + " " + names[at]
}
