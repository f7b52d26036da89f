// SPDX-License-Identifier: Apache-2.0

package milvustest

import (
	"errors"
	"fmt"
	"strings"
)

// maxDepth bounds the nesting of a filter, so that no filter exhausts the stack.
const maxDepth = 1000

// node is a part of a parsed filter: a literal, a name, or an operator with its
// operands. An "and" and an "or" have any number of operands.
type node struct {
	kind        tokenKind
	operands    []*node
	negated     bool  // of a list: not in
	token       token // its operator, or itself; of a range, the name in the middle of 1 < a < 5
	second      tokenKind
	first, last int32 // the tokens it consists of
	depth       int32
}

// listNode is the kind of a list of literals: [1, 2].
const listNode = openListToken

type parser struct {
	filter string
	as     release
	tokens []token
	gaps   []gap
	at     int32 // of the next token
	depth  int
}

// The precedences of the operators. The right operand of an operator binds
// tighter than the operator itself.
const (
	orPrecedence = iota + 1
	andPrecedence
	bitOrPrecedence
	bitXorPrecedence
	bitAndPrecedence
	equalPrecedence
	lessPrecedence
	reverseRangePrecedence
	rangePrecedence
	inPrecedence
	shiftPrecedence
	plusPrecedence
	timesPrecedence
	unaryPrecedence // binds tighter than a comparison: "not a > 3" is "(not a) > 3"
	powerPrecedence
	likePrecedence
	existsPrecedence // since 2.6; before, "exists" takes all that follows
)

var precedences = map[tokenKind]int{
	orToken: orPrecedence, andToken: andPrecedence, bitOrToken: bitOrPrecedence, bitXorToken: bitXorPrecedence, bitAndToken: bitAndPrecedence,
	equalToken: equalPrecedence, unequalToken: equalPrecedence,
	lessToken: lessPrecedence, lessEqualToken: lessPrecedence, greaterToken: lessPrecedence, greaterEqualToken: lessPrecedence,
	shiftLeftToken: shiftPrecedence, shiftRightToken: shiftPrecedence, plusToken: plusPrecedence, minusToken: plusPrecedence,
	timesToken: timesPrecedence, divideToken: timesPrecedence, moduloToken: timesPrecedence, powerToken: powerPrecedence,
}

var errTooDeep = fmt.Errorf("the filter is nested deeper than %d", maxDepth)

// parseFilter parses a filter as a release of Milvus does. It does not look at the
// schema.
func parseFilter(filter string, as release) (*parser, *node, error) {
	p := &parser{filter: filter, as: as}
	p.tokens, p.gaps = lex(filter, as)
	n, err := p.expression(0)
	if err == nil {
		err = p.unread()
	}
	if err != nil {
		return nil, nil, err
	}
	if p.peek() != endToken {
		return nil, nil, fmt.Errorf("invalid expression: %s", filter)
	}
	return p, n, nil
}

func (p *parser) peek() tokenKind { return p.tokens[p.at].kind }

// ahead returns the kind of the n-th token after the next one.
func (p *parser) ahead(n int32) tokenKind {
	return p.tokens[min(p.at+n, int32(len(p.tokens)-1))].kind
}

func (p *parser) next() token {
	t := p.tokens[p.at]
	if t.kind != endToken {
		p.at++
	}
	return t
}

// take consumes the next token if it is of this kind.
func (p *parser) take(kind tokenKind) bool {
	if p.peek() != kind {
		return false
	}
	p.next()
	return true
}

func (p *parser) text(t token) string {
	if t.kind == endToken {
		return "<EOF>"
	}
	return p.filter[t.at:t.end]
}

// source returns the text of a node without the space between its tokens.
func (p *parser) source(n *node) string {
	var text strings.Builder
	for _, t := range p.tokens[n.first : n.last+1] {
		text.WriteString(p.text(t))
	}
	return text.String()
}

// node makes a node that begins at the token first and ends before the next one.
func (p *parser) node(kind tokenKind, first int32, operands ...*node) *node {
	n := &node{kind: kind, operands: operands, first: first, last: p.at - 1}
	for _, o := range operands {
		n.depth = max(n.depth, o.depth+1)
	}
	return n
}

// expression parses operators whose precedence is at least this one.
func (p *parser) expression(precedence int) (*node, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, errTooDeep
	}
	defer func() { p.depth-- }()
	first := p.at
	left, err := p.primary()
	for err == nil {
		var n *node
		if n, err = p.operator(left, first, precedence); n == nil {
			break
		}
		if n.depth > maxDepth {
			return nil, errTooDeep
		}
		left = n
	}
	return left, err
}

// operator parses the operator after left and its right operand. It returns nil if
// there is none with at least this precedence.
func (p *parser) operator(left *node, first int32, precedence int) (*node, error) {
	kind := p.peek()
	switch kind {
	case likeToken:
		if precedence > likePrecedence {
			return nil, nil
		}
		p.next()
		if p.peek() != stringToken {
			return nil, p.unexpected("StringLiteral", func(kind tokenKind) bool { return kind == stringToken })
		}
		pattern := p.leaf()
		return p.node(likeToken, first, left, pattern), nil
	case inToken, notInToken, notToken:
		if precedence > inPrecedence || kind == notToken && (p.as.before(since25) || p.ahead(1) != inToken) {
			return nil, nil
		}
		return p.in(left, first)
	}
	if n, err := p.between(left, first, precedence); n != nil || err != nil {
		return n, err
	}
	own, ok := precedences[kind]
	if !ok || own < precedence {
		return nil, nil
	}
	p.next()
	right, err := p.expression(own + 1)
	if err != nil {
		return nil, err
	}
	if (kind == andToken || kind == orToken) && left.kind == kind {
		// "a and b and c" is one node, so that a filter of many is not deep.
		left.operands = append(left.operands, right)
		left.last, left.depth = p.at-1, max(left.depth, right.depth+1)
		return left, nil
	}
	return p.node(kind, first, left, right), nil
}

// between parses the end of a range: 1 < a < 5 or 5 > a > 1. It returns nil if there
// is none. Only a name can be in the middle.
func (p *parser) between(left *node, first int32, precedence int) (*node, error) {
	isLess := func(kind tokenKind) bool { return kind == lessToken || kind == lessEqualToken }
	isGreater := func(kind tokenKind) bool { return kind == greaterToken || kind == greaterEqualToken }
	var own int
	switch one, name, two := p.peek(), p.ahead(1), p.ahead(2); {
	case name != nameToken && name != pathToken:
		return nil, nil
	case isLess(one) && isLess(two):
		own = rangePrecedence
	case isGreater(one) && isGreater(two):
		own = reverseRangePrecedence
	default:
		return nil, nil
	}
	if own < precedence {
		return nil, nil
	}
	one, name := p.next(), p.next()
	two := p.next()
	right, err := p.expression(own + 1)
	if err != nil {
		return nil, err
	}
	n := p.node(one.kind, first, left, right)
	n.second, n.token = two.kind, name
	return n, nil
}

// in parses the end of "a in [1, 2]" or of "a not in [1, 2]".
func (p *parser) in(left *node, first int32) (*node, error) {
	negated := p.peek() != inToken
	if p.next().kind == notToken {
		p.next() // in
	}
	var list *node
	var err error
	switch {
	case !p.as.before(since25):
		list, err = p.expression(inPrecedence + 1)
	case p.peek() == emptyListToken:
		list = p.leaf()
	case p.peek() == openListToken:
		list, err = p.list()
	default:
		err = p.noWay()
	}
	if err != nil {
		return nil, err
	}
	n := p.node(inToken, first, left, list)
	n.negated = negated
	return n, nil
}

func (p *parser) leaf() *node {
	first := p.at
	t := p.next()
	n := p.node(t.kind, first)
	n.token = t
	return n
}

// primary parses what stands before an operator.
func (p *parser) primary() (*node, error) {
	first := p.at
	switch kind := p.peek(); kind {
	case integerToken, floatToken, boolToken, stringToken:
		return p.leaf(), nil
	case nameToken, pathToken:
		name := p.leaf()
		if next := p.peek(); next == isNullToken || next == isNotNullToken {
			p.next()
			return p.node(next, first, name), nil
		}
		if p.peek() == openToken && kind == nameToken && !p.as.before(since25) {
			return nil, fmt.Errorf("function %s is not supported", p.source(name))
		}
		return name, nil
	case openToken:
		p.next()
		inner, err := p.expression(0)
		if err != nil {
			return nil, err
		}
		if err := p.expect(closeToken); err != nil {
			return nil, err
		}
		inner.first, inner.last = first, p.at-1
		return inner, nil
	case openListToken:
		return p.list()
	case emptyListToken:
		if p.as.before(since25) {
			return nil, p.noOperand()
		}
		return p.leaf(), nil
	case plusToken, minusToken, bitNotToken, notToken, existsToken:
		return p.prefixed(kind)
	case containsToken, containsAllToken, containsAnyToken:
		return p.call(kind)
	case lengthToken:
		return p.length()
	case newerToken, braceToken:
		return nil, errors.New("this test server has no " + p.text(p.tokens[p.at]))
	default:
		return nil, p.noOperand()
	}
}

func (p *parser) prefixed(kind tokenKind) (*node, error) {
	first := p.at
	sign := p.next()
	precedence := unaryPrecedence
	if kind == existsToken {
		precedence = 0
		if !p.as.before(since26) {
			precedence = existsPrecedence
		}
	}
	operand, err := p.expression(precedence)
	if err != nil {
		return nil, err
	}
	n := p.node(kind, first, operand)
	n.token = sign
	return n, nil
}

// list parses a list of at least one element. A comma may follow the last one.
func (p *parser) list() (*node, error) {
	first := p.at
	p.next()
	var elements []*node
	for {
		element, err := p.expression(0)
		if err != nil {
			return nil, err
		}
		elements = append(elements, element)
		if p.take(commaToken) && p.peek() != closeListToken {
			if !beginsOperand(p.peek()) {
				return nil, p.noWay()
			}
			continue
		}
		if err := p.expect(closeListToken); err != nil {
			return nil, err
		}
		return p.node(listNode, first, elements...), nil
	}
}

// call parses a function of two arguments.
func (p *parser) call(kind tokenKind) (*node, error) {
	first := p.at
	p.next()
	if err := p.expect(openToken); err != nil {
		return nil, err
	}
	left, err := p.expression(0)
	if err != nil {
		return nil, err
	}
	if err := p.expect(commaToken); err != nil {
		return nil, err
	}
	right, err := p.expression(0)
	if err != nil {
		return nil, err
	}
	if err := p.expect(closeToken); err != nil {
		return nil, err
	}
	return p.node(kind, first, left, right), nil
}

// length parses array_length, whose argument is a name.
func (p *parser) length() (*node, error) {
	first := p.at
	p.next()
	if err := p.expect(openToken); err != nil {
		return nil, err
	}
	if kind := p.peek(); kind != nameToken && kind != pathToken {
		return nil, p.unexpected("{Identifier, JSONIdentifier}", func(kind tokenKind) bool { return kind == nameToken || kind == pathToken })
	}
	name := p.leaf()
	if err := p.expect(closeToken); err != nil {
		return nil, err
	}
	return p.node(lengthToken, first, name), nil
}
