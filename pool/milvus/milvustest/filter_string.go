// SPDX-License-Identifier: Apache-2.0

package milvustest

import (
	"strconv"
	"strings"
)

// spanOfString returns the size of the string with quotes at the beginning of s, 0
// if it does not end or has an escape that the language does not have.
func spanOfString(s string) int {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case s[0]:
			return i + 1
		case '\r', '\n':
			return 0
		case '\\':
			n := spanOfEscape(s[i:])
			if n == 0 {
				return 0
			}
			i += n - 1
		}
	}
	return 0
}

// spanOfEscape returns the size of the escape at the beginning of s.
func spanOfEscape(s string) int {
	if len(s) < 2 {
		return 0
	}
	hex := func(digits int) int {
		if len(s) >= 2+digits && spanOf(s[2:2+digits], isHexDigit) == digits {
			return 2 + digits
		}
		return 0
	}
	switch c := s[1]; {
	case strings.IndexByte("'\"?abfnrtv\\", c) >= 0, '0' <= c && c <= '7', c == '\n':
		return 2
	case c == 'x':
		return hex(1)
	case c == 'u':
		return hex(4)
	case c == 'U':
		return hex(8)
	case strings.HasPrefix(s, "\\\r\n"):
		return 3
	default:
		return 0
	}
}

// unquote returns the text of a string of the language. Its escapes are those of
// Go, which are fewer than the language lets through: the others are errors.
func unquote(literal string) (string, error) {
	if !strings.ContainsAny(literal, `\"`) { // All but the quotes is the text.
		return literal[1 : len(literal)-1], nil
	}
	s := literal[1 : len(literal)-1]
	var text strings.Builder
	for s != "" {
		switch {
		case s[0] == '"':
			text.WriteByte('"')
			s = s[1:]
		case strings.HasPrefix(s, `\'`), strings.HasPrefix(s, `\"`):
			text.WriteByte(s[1])
			s = s[2:]
		default:
			r, multibyte, tail, err := strconv.UnquoteChar(s, 0)
			if err != nil {
				return "", strconv.ErrSyntax
			}
			if multibyte {
				text.WriteRune(r)
			} else {
				text.WriteByte(byte(r))
			}
			s = tail
		}
	}
	return text.String(), nil
}
