// SPDX-License-Identifier: Apache-2.0

package milvustest

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// expectedOperand names, in the words of Milvus, the tokens an operand begins with.
const expectedOperand = "{'(', '[', EXISTS, '+', '-', '~', NOT, JSONContains, JSONContainsAll, JSONContainsAny, ArrayContains, " +
	"ArrayContainsAll, ArrayContainsAny, ArrayLength, BooleanConstant, IntegerConstant, FloatingConstant, Identifier, StringLiteral, JSONIdentifier}"

// beginsOperand reports whether an operand begins with a token of this kind.
func beginsOperand(kind tokenKind) bool {
	switch kind {
	case openToken, openListToken, existsToken, plusToken, minusToken, bitNotToken, notToken, containsToken, containsAllToken, containsAnyToken,
		lengthToken, boolToken, integerToken, floatToken, nameToken, stringToken, pathToken:
		return true
	default:
		return false
	}
}

// place is how Milvus names a position: the line from 1 and the column from 0.
func place(filter string, at int32) string {
	before := filter[:at]
	start := strings.LastIndexByte(before, '\n') + 1
	return fmt.Sprintf("line %d:%d", strings.Count(before, "\n")+1, utf8.RuneCountInString(before[start:]))
}

// syntaxError is the error of the next token, with the position.
func (p *parser) syntaxError(format string, args ...any) error {
	return fmt.Errorf("%s %s", place(p.filter, p.tokens[p.at].at), fmt.Sprintf(format, args...))
}

// unexpected is the error of a token that is none of those that are expected. Milvus
// calls it extraneous if the token after it would do.
func (p *parser) unexpected(expected string, wouldDo func(tokenKind) bool) error {
	word := "mismatched"
	if wouldDo(p.ahead(1)) && p.peek() != endToken {
		word = "extraneous"
	}
	return p.syntaxError("%s input '%s' expecting %s", word, p.text(p.tokens[p.at]), expected)
}

// noOperand is the error of a token that begins no operand. The operator before it is
// part of the error if Milvus has two rules for that operator.
func (p *parser) noOperand() error {
	if p.at > 0 {
		switch before := p.tokens[p.at-1]; before.kind {
		case lessToken, lessEqualToken, greaterToken, greaterEqualToken:
			return p.noWay()
		}
	}
	return p.unexpected(expectedOperand, beginsOperand)
}

// noWay is the error of a token after which no rule can go on.
func (p *parser) noWay() error {
	next := ""
	if t := p.tokens[p.at]; t.kind != endToken {
		next = p.text(t)
	}
	return p.syntaxError("no viable alternative at input '%s%s'", p.text(p.tokens[p.at-1]), next)
}

// expect consumes the next token, which must be of this kind. Milvus calls the token
// missing if the next token can come after it.
func (p *parser) expect(kind tokenKind) error {
	if p.take(kind) {
		return nil
	}
	name := map[tokenKind]string{openToken: "'('", closeToken: "')'", commaToken: "','", closeListToken: "{',', ']'}"}[kind]
	next := p.peek()
	_, isOperator := precedences[next]
	switch {
	case p.ahead(1) == kind && next != endToken:
	case kind == closeToken && (next == endToken || isOperator), kind == commaToken && beginsOperand(next):
		return p.syntaxError("missing %s at '%s'", name, p.text(p.tokens[p.at]))
	}
	return p.unexpected(name, func(k tokenKind) bool { return k == kind || kind == closeListToken && k == commaToken })
}

// unread returns the error of the last text without a token that Milvus has met: it
// reads one token further than it parses.
func (p *parser) unread() error {
	for _, g := range slices.Backward(p.gaps) {
		if g.before <= p.at {
			return fmt.Errorf("%s token recognition error at: '%s'", place(p.filter, g.at), p.filter[g.at:g.end])
		}
	}
	return nil
}
