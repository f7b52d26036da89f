// SPDX-License-Identifier: Apache-2.0

package milvustest

import (
	"fmt"
	"strings"
)

// likePattern returns the function that reports whether a string matches a pattern:
// % stands for any text, _ for one byte, and a backslash takes their meaning away.
func likePattern(pattern string, as release) (func(string) bool, error) {
	if as.before(since24) {
		return prefixPattern(pattern)
	}
	if as.before(since26) {
		// Until 2.6, wildcards at the end are one %: "a_" is "a%", and "" is "%".
		head := strings.TrimRight(pattern, "_%")
		if tail := pattern[len(head):]; strings.HasSuffix(head, `\`) && tail != "" {
			head += tail[:1]
		}
		if head == "" {
			pattern = "%"
		} else if len(head) < len(pattern) && !hasWildcard(head) {
			pattern = head + "%"
		}
	}
	parts := patternParts(pattern)
	return func(s string) bool { return matchParts(s, parts) }, nil
}

// prefixPattern is likePattern for Milvus 2.3, which has % alone, at the end alone, and
// for which a backslash stands for itself.
func prefixPattern(pattern string) (func(string) bool, error) {
	head := strings.TrimRight(pattern, "%")
	if len(head) < len(pattern) && strings.HasSuffix(head, `\`) {
		head += "%"
	}
	for i := range len(head) {
		if head[i] == '%' && (i == 0 || head[i-1] != '\\') {
			return nil, fmt.Errorf("unsupported pattern: %s, only prefix pattern match like ab%% and equal match like ab(no wildcards) are supported", pattern)
		}
	}
	if pattern == "" || len(head) < len(pattern) {
		return func(s string) bool { return strings.HasPrefix(s, head) }, nil
	}
	return func(s string) bool { return s == head }, nil
}

func isWildcard(c byte) bool { return c == '_' || c == '%' }

// hasWildcard reports whether a pattern has a wildcard without a backslash before it.
func hasWildcard(pattern string) bool {
	for i := range len(pattern) {
		if isWildcard(pattern[i]) && (i == 0 || pattern[i-1] != '\\') {
			return true
		}
	}
	return false
}

// patternByte is a byte of a pattern, or _, which stands for any byte.
type patternByte struct {
	c   byte
	any bool
}

// patternParts splits a pattern at its %.
func patternParts(pattern string) [][]patternByte {
	parts := [][]patternByte{nil}
	for i := 0; i < len(pattern); i++ {
		last := len(parts) - 1
		switch c := pattern[i]; {
		case c == '\\' && i+1 < len(pattern) && isWildcard(pattern[i+1]):
			i++
			parts[last] = append(parts[last], patternByte{c: pattern[i]})
		case c == '%':
			parts = append(parts, nil)
		default:
			parts[last] = append(parts[last], patternByte{c: c, any: c == '_'})
		}
	}
	return parts
}

func hasPrefix(s string, part []patternByte) bool {
	if len(s) < len(part) {
		return false
	}
	for i, b := range part {
		if !b.any && s[i] != b.c {
			return false
		}
	}
	return true
}

// matchParts reports whether s consists of parts, with any text between two parts.
func matchParts(s string, parts [][]patternByte) bool {
	first, last := parts[0], parts[len(parts)-1]
	if !hasPrefix(s, first) {
		return false
	}
	s = s[len(first):]
	if len(parts) == 1 {
		return s == ""
	}
	if len(s) < len(last) || !hasPrefix(s[len(s)-len(last):], last) {
		return false
	}
	s = s[:len(s)-len(last)]
	for _, part := range parts[1 : len(parts)-1] {
		for !hasPrefix(s, part) {
			if s == "" {
				return false
			}
			s = s[1:]
		}
		s = s[len(part):]
	}
	return true
}
