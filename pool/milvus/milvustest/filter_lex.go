// SPDX-License-Identifier: Apache-2.0

package milvustest

import (
	"strings"
	"unicode/utf8"
)

// since25 and since26 are releases that changed filters and the merging of a hybrid search.
var (
	since25 = release{2, 5}
	since26 = release{2, 6}
)

type tokenKind uint8

const (
	endToken tokenKind = iota
	integerToken
	floatToken
	boolToken
	stringToken
	nameToken
	pathToken      // a name and keys in brackets, without a space: meta["key"][0]
	emptyListToken // brackets with nothing but space between them
	openToken      // (
	closeToken     // )
	openListToken  // [
	closeListToken // ]
	commaToken
	braceToken // { or }
	lessToken
	lessEqualToken
	greaterToken
	greaterEqualToken
	equalToken
	unequalToken
	plusToken
	minusToken
	timesToken
	divideToken
	moduloToken
	powerToken
	shiftLeftToken
	shiftRightToken
	bitAndToken
	bitOrToken
	bitXorToken
	bitNotToken
	andToken
	orToken
	notToken
	inToken
	notInToken // one token before 2.5: exactly one space between the words
	likeToken
	existsToken
	isNullToken
	isNotNullToken
	containsToken
	containsAllToken
	containsAnyToken
	lengthToken
	newerToken // a function of a later Milvus that this server does not have
)

// token is a part of a filter.
type token struct {
	kind    tokenKind
	at, end int32 // offsets in the filter
}

// signs has a longer sign before its prefixes.
var signs = []struct {
	text string
	kind tokenKind
}{
	{"==", equalToken}, {"!=", unequalToken}, {"<=", lessEqualToken}, {">=", greaterEqualToken}, {"<<", shiftLeftToken},
	{">>", shiftRightToken}, {"&&", andToken}, {"||", orToken}, {"**", powerToken}, {"<", lessToken}, {">", greaterToken},
	{"!", notToken}, {"(", openToken}, {")", closeToken}, {"[", openListToken}, {"]", closeListToken}, {",", commaToken},
	{"-", minusToken}, {"+", plusToken}, {"*", timesToken}, {"/", divideToken}, {"%", moduloToken}, {"&", bitAndToken},
	{"|", bitOrToken}, {"^", bitXorToken}, {"~", bitNotToken},
}

// words are the words that are no names, since the release that is given.
var words = map[string]struct {
	kind  tokenKind
	since release
}{
	"and": {andToken, release{}}, "or": {orToken, release{}}, "not": {notToken, release{}}, "in": {inToken, release{}},
	"AND": {andToken, since24}, "OR": {orToken, since24}, "NOT": {notToken, since24}, "IN": {inToken, since24},
	"like": {likeToken, release{}}, "LIKE": {likeToken, release{}}, "exists": {existsToken, release{}}, "EXISTS": {existsToken, release{}},
	"true": {boolToken, release{}}, "True": {boolToken, release{}}, "TRUE": {boolToken, release{}},
	"false": {boolToken, release{}}, "False": {boolToken, release{}}, "FALSE": {boolToken, release{}},
	"json_contains": {containsToken, release{}}, "JSON_CONTAINS": {containsToken, release{}},
	"json_contains_all": {containsAllToken, release{}}, "JSON_CONTAINS_ALL": {containsAllToken, release{}},
	"json_contains_any": {containsAnyToken, release{}}, "JSON_CONTAINS_ANY": {containsAnyToken, release{}},
	"array_contains": {containsToken, release{}}, "ARRAY_CONTAINS": {containsToken, release{}},
	"array_contains_all": {containsAllToken, release{}}, "ARRAY_CONTAINS_ALL": {containsAllToken, release{}},
	"array_contains_any": {containsAnyToken, release{}}, "ARRAY_CONTAINS_ANY": {containsAnyToken, release{}},
	"array_length": {lengthToken, release{}}, "ARRAY_LENGTH": {lengthToken, release{}},
	"text_match": {newerToken, since25}, "TEXT_MATCH": {newerToken, since25},
	"phrase_match": {newerToken, since25}, "PHRASE_MATCH": {newerToken, since25},
	"random_sample": {newerToken, since26}, "RANDOM_SAMPLE": {newerToken, since26},
}

// phrases are tokens of several words with exactly one space between them.
var phrases = []struct {
	text         string
	kind         tokenKind
	since, until release
}{
	{"not in", notInToken, release{}, since25}, {"NOT IN", notInToken, since24, since25},
	{"is null", isNullToken, since25, release{99, 0}}, {"IS NULL", isNullToken, since25, release{99, 0}},
	{"is not null", isNotNullToken, since25, release{99, 0}}, {"IS NOT NULL", isNotNullToken, since25, release{99, 0}},
}

// gap is a text in a filter that no token has.
type gap struct {
	at, end int32
	before  int32 // the token that follows
}

// lex splits a filter into tokens. The last one is always endToken. The longest
// token wins, as in Milvus: "k in[1]" has the path in[1], and no list. Milvus goes on
// after a text that is no token, so gaps are no error yet.
func lex(filter string, as release) (tokens []token, gaps []gap) {
	for at := 0; ; {
		at += spanOf(filter[at:], isSpace)
		if at == len(filter) {
			return append(tokens, token{kind: endToken, at: int32(at), end: int32(at)}), gaps
		}
		kind, size := lexOne(filter[at:], as)
		if size == 0 {
			size = spanOfGap(filter[at:])
			gaps = append(gaps, gap{at: int32(at), end: int32(at + size), before: int32(len(tokens))})
		} else {
			tokens = append(tokens, token{kind: kind, at: int32(at), end: int32(at + size)})
		}
		at += size
	}
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

// spanOfGap returns the size of the text at the beginning of s that no token has: the
// beginning of a token and the first character that is wrong in it.
func spanOfGap(s string) int {
	right := 0
	switch c := s[0]; {
	case c == '"' || c == '\'':
		right = 1 + spanOf(s[1:], func(c byte) bool { return c != '\\' && c != '\r' && c != '\n' })
		for strings.HasPrefix(s[right:], "\\") {
			n := spanOfEscape(s[right:])
			if n == 0 {
				right++
				break
			}
			right += n
			right += spanOf(s[right:], func(c byte) bool { return c != '\\' && c != '\r' && c != '\n' })
		}
	case c == '=' || c == '.':
		right = 1
	case c == '$':
		for right < len(s) && right < len(dynamicField) && s[right] == dynamicField[right] {
			right++
		}
	}
	if right == len(s) {
		return right
	}
	_, size := utf8.DecodeRuneInString(s[right:])
	return right + size
}

// lexOne returns the kind and the size of the first token of s, which is not
// empty. The size is 0 if no token begins there.
func lexOne(s string, as release) (kind tokenKind, size int) {
	switch c := s[0]; {
	case isNameStart(c):
		return lexWord(s, as)
	case c == '$':
		if !strings.HasPrefix(s, dynamicField) {
			return 0, 0
		}
		return lexPath(s, len(dynamicField), nameToken)
	case isDigit(c) || c == '.':
		return lexNumber(s)
	case c == '"' || c == '\'':
		return stringToken, spanOfString(s)
	case c == '[':
		if space := spanOf(s[1:], isSpace); strings.HasPrefix(s[1+space:], "]") {
			return emptyListToken, space + 2
		}
	case (c == '{' || c == '}') && !as.before(since25):
		return braceToken, 1
	}
	for _, sign := range signs {
		if strings.HasPrefix(s, sign.text) {
			return sign.kind, len(sign.text)
		}
	}
	return 0, 0
}

func lexWord(s string, as release) (kind tokenKind, size int) {
	for _, p := range phrases {
		if strings.HasPrefix(s, p.text) && !as.before(p.since) && as.before(p.until) {
			return p.kind, len(p.text)
		}
	}
	for _, prefix := range []string{"u8", "u", "U", "L"} { // As in C; they have no meaning.
		if rest := s[min(len(prefix), len(s)):]; strings.HasPrefix(s, prefix) && rest != "" && (rest[0] == '"' || rest[0] == '\'') {
			if n := spanOfString(rest); n > 0 {
				return stringToken, len(prefix) + n
			}
		}
	}
	size = spanOf(s, func(c byte) bool { return isNameStart(c) || isDigit(c) })
	kind = nameToken
	if word, ok := words[s[:size]]; ok && !as.before(word.since) {
		kind = word.kind
	}
	return lexPath(s, size, kind)
}

// lexPath reads the keys in brackets that follow a name of the given size.
func lexPath(s string, size int, kind tokenKind) (tokenKind, int) {
	for strings.HasPrefix(s[size:], "[") {
		key := s[size+1:]
		n := 0
		switch {
		case key == "":
		case key[0] == '0':
			n = 1
		case isDigit(key[0]):
			n = spanOf(key, isDigit)
		case key[0] == '"' || key[0] == '\'':
			n = spanOfString(key)
		}
		if n == 0 || !strings.HasPrefix(key[n:], "]") {
			break
		}
		size += n + 2
		kind = pathToken
	}
	return kind, size
}

// lexNumber reads a number as C writes it: decimal, octal, 0x, 0b, with a
// fraction, with an exponent.
func lexNumber(s string) (kind tokenKind, size int) {
	prefixed := func(letter byte, digit func(byte) bool) int {
		if len(s) < 3 || s[0] != '0' || s[1]|0x20 != letter {
			return 0
		}
		return spanOf(s[2:], digit)
	}
	if n := prefixed('b', func(c byte) bool { return c == '0' || c == '1' }); n > 0 {
		return integerToken, 2 + n
	}
	if n := prefixed('x', isHexDigit); n > 0 {
		if m := spanOfFloat(s[2:], isHexDigit, 'p', true); m > 0 {
			return floatToken, 2 + m
		}
		return integerToken, 2 + n
	}
	if n := spanOfFloat(s, isDigit, 'e', false); n > 0 {
		return floatToken, n
	}
	switch {
	case s[0] == '0':
		return integerToken, spanOf(s, func(c byte) bool { return '0' <= c && c <= '7' })
	case isDigit(s[0]):
		return integerToken, spanOf(s, isDigit)
	default:
		return 0, 0
	}
}

// spanOfFloat returns the size of the number with a fraction or an exponent at the
// beginning of s, 0 if there is none.
func spanOfFloat(s string, digit func(byte) bool, exponent byte, mustHaveExponent bool) int {
	size := spanOf(s, digit)
	digits, point := size, false
	if strings.HasPrefix(s[size:], ".") {
		fraction := spanOf(s[size+1:], digit)
		digits += fraction
		point = true
		size += 1 + fraction
	}
	if digits == 0 {
		return 0
	}
	if size < len(s) && s[size]|0x20 == exponent {
		n := size + 1
		if n < len(s) && (s[n] == '+' || s[n] == '-') {
			n++
		}
		if more := spanOf(s[n:], isDigit); more > 0 {
			return n + more
		}
	}
	if mustHaveExponent || !point {
		return 0
	}
	return size
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

func isHexDigit(c byte) bool { return isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'f' }

func isNameStart(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' || c == '_' }
