// SPDX-License-Identifier: Apache-2.0

package milvustest

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

type tokenKind int

const (
	endToken tokenKind = iota
	nameToken
	literalToken
	signToken // an operator or a bracket; words such as "and" and "in" are signs too
)

type token struct {
	kind    tokenKind
	text    string // of a name or a sign; words are in lower case
	literal value
	at      int // offset in the filter, for errors
}

// signs has a longer sign before its prefixes.
var signs = []string{"==", "!=", "<=", ">=", "&&", "||", "<", ">", "!", "(", ")", "[", "]", ",", "-", "+"}

// words maps a sign that is spelled with letters to the sign it means.
var words = map[string]string{"and": "&&", "or": "||", "not": "!", "in": "in", "like": "like"}

// lex splits a filter into tokens. The last one is always endToken.
func lex(filter string) ([]token, error) {
	var tokens []token
	for at := 0; ; {
		at += len(filter[at:]) - len(strings.TrimLeft(filter[at:], " \t\r\n"))
		rest := filter[at:]
		if rest == "" {
			return append(tokens, token{kind: endToken, at: at}), nil
		}
		tok, size, err := lexOne(rest)
		if err != nil {
			return nil, fmt.Errorf("at %d: %w", at, err)
		}
		tok.at = at
		tokens = append(tokens, tok)
		at += size
	}
}

// lexOne reads the first token of s, which is not empty.
func lexOne(s string) (tok token, size int, err error) {
	switch c := s[0]; {
	case isNameStart(c):
		size = spanOf(s, func(c byte) bool { return isNameStart(c) || isDigit(c) })
		return nameOrWord(s[:size]), size, nil
	case isDigit(c) || c == '.':
		return lexNumber(s)
	case c == '"' || c == '\'':
		return lexString(s)
	}
	for _, sign := range signs {
		if strings.HasPrefix(s, sign) {
			return token{kind: signToken, text: sign}, len(sign), nil
		}
	}
	r, _ := utf8.DecodeRuneInString(s)
	return token{}, 0, fmt.Errorf("unexpected %q", r)
}

func nameOrWord(text string) token {
	lower := strings.ToLower(text)
	if sign, ok := words[lower]; ok {
		return token{kind: signToken, text: sign}
	}
	if lower == "true" || lower == "false" {
		return token{kind: literalToken, literal: boolValue(lower == "true")}
	}
	return token{kind: nameToken, text: text}
}

func lexNumber(s string) (token, int, error) {
	size := spanOf(s, func(c byte) bool { return isDigit(c) || c == '.' })
	if size < len(s) && (s[size] == 'e' || s[size] == 'E') {
		exponent := size + 1
		if exponent < len(s) && (s[exponent] == '+' || s[exponent] == '-') {
			exponent++
		}
		if digits := spanOf(s[exponent:], isDigit); digits > 0 {
			size = exponent + digits
		}
	}
	text := s[:size]
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return token{kind: literalToken, literal: intValue(n)}, size, nil
	} else if errors.Is(err, strconv.ErrRange) {
		return token{}, 0, fmt.Errorf("number %s is out of range", text)
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return token{}, 0, fmt.Errorf("%q is not a number", text)
	}
	return token{kind: literalToken, literal: floatValue(f)}, size, nil
}

func lexString(s string) (token, int, error) {
	var text strings.Builder
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == s[0]:
			return token{kind: literalToken, literal: stringValue(text.String())}, i + 1, nil
		case c == '\\' && i+1 < len(s):
			i++
			text.WriteByte(unescape(s[i]))
		default:
			text.WriteByte(c)
		}
	}
	return token{}, 0, errors.New("a string does not end")
}

func unescape(c byte) byte {
	switch c {
	case 'n':
		return '\n'
	case 't':
		return '\t'
	case 'r':
		return '\r'
	default:
		return c
	}
}

func spanOf(s string, in func(byte) bool) int {
	for i := range len(s) {
		if !in(s[i]) {
			return i
		}
	}
	return len(s)
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isNameStart(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' || c == '$'
}
