// SPDX-License-Identifier: Apache-2.0

package config

import (
	"regexp"
	"strings"

	"github.com/agnivade/levenshtein"
)

// mostNear is how many names a suggestion has.
const mostNear = 3

// nearest returns the names, three at most, that somebody who wrote name may have meant.
func nearest(name string, names []string) []string {
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
	same := within(0, names, func(n string) int { return levenshtein.ComputeDistance(last(name), last(n)) })
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
	d := levenshtein.ComputeDistance(a, b)
	if d >= min(len(a), len(b)) {
		return 1 << 10
	}
	return d
}

// within returns the names of the least distance, if that is not more than most or 1.
func within(most int, names []string, distance func(string) int) []string {
	var near []string
	least := max(most, 1) + 1
	for _, n := range names {
		switch d := distance(n); {
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
