// SPDX-License-Identifier: Apache-2.0

package milvustest

import (
	"fmt"
)

// maxDepth bounds the nesting of a filter, so that no filter exhausts the stack.
const maxDepth = 500

// expr is a parsed filter. bind resolves its names for a collection.
type expr interface {
	bind(c *collection) (predicate, error)
}

type (
	bothExpr   struct{ left, right expr }
	eitherExpr struct{ left, right expr }
	notExpr    struct{ inner expr }
	// trueExpr matches if a bool field or literal is true.
	trueExpr    struct{ operand operand }
	compareExpr struct {
		sign        string
		left, right operand
	}
	inExpr struct {
		operand operand
		list    []value
	}
	likeExpr struct {
		operand operand
		pattern string
	}
)

// operand is a literal, or a field, or a key in a JSON field.
type operand struct {
	field   string // empty for a literal
	path    []string
	literal value
}

type parser struct {
	tokens []token
	depth  int
}

// parseFilter parses a filter. It does not look at the schema.
func parseFilter(filter string) (expr, error) {
	tokens, err := lex(filter)
	if err != nil {
		return nil, err
	}
	p := &parser{tokens: tokens}
	e, err := p.either()
	if err != nil {
		return nil, err
	}
	if p.peek().kind != endToken {
		return nil, p.unexpected()
	}
	return e, nil
}

func (p *parser) peek() token { return p.tokens[0] }

func (p *parser) next() token {
	t := p.tokens[0]
	if t.kind != endToken {
		p.tokens = p.tokens[1:]
	}
	return t
}

// take consumes the next token if it is the sign.
func (p *parser) take(sign string) bool {
	if t := p.peek(); t.kind != signToken || t.text != sign {
		return false
	}
	p.next()
	return true
}

func (p *parser) expect(sign string) error {
	if !p.take(sign) {
		return fmt.Errorf("%w, want %q", p.unexpected(), sign)
	}
	return nil
}

func (p *parser) unexpected() error {
	switch t := p.peek(); t.kind {
	case endToken:
		return fmt.Errorf("at %d: unexpected end", t.at)
	case literalToken:
		return fmt.Errorf("at %d: unexpected literal", t.at)
	default:
		return fmt.Errorf("at %d: unexpected %q", t.at, t.text)
	}
}

func (p *parser) either() (expr, error) {
	left, err := p.both()
	for err == nil && p.take("||") {
		var right expr
		right, err = p.both()
		left = eitherExpr{left, right}
	}
	return left, err
}

func (p *parser) both() (expr, error) {
	left, err := p.not()
	for err == nil && p.take("&&") {
		var right expr
		right, err = p.not()
		left = bothExpr{left, right}
	}
	return left, err
}

func (p *parser) not() (expr, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, fmt.Errorf("nested deeper than %d", maxDepth)
	}
	defer func() { p.depth-- }()
	if p.take("!") {
		inner, err := p.not()
		return notExpr{inner}, err
	}
	if p.take("(") {
		inner, err := p.either()
		if err != nil {
			return nil, err
		}
		return inner, p.expect(")")
	}
	return p.claim()
}

// claim parses one condition on a field.
func (p *parser) claim() (expr, error) {
	left, err := p.operand()
	if err != nil {
		return nil, err
	}
	if p.take("like") {
		t := p.next()
		if t.kind != literalToken || t.literal.kind != stringKind {
			return nil, fmt.Errorf("at %d: like wants a string", t.at)
		}
		return likeExpr{left, t.literal.s}, nil
	}
	if p.take("in") {
		list, err := p.list()
		return inExpr{left, list}, err
	}
	if p.take("!") {
		if err := p.expect("in"); err != nil {
			return nil, err
		}
		list, err := p.list()
		return notExpr{inExpr{left, list}}, err
	}
	return p.chain(left)
}

// chain parses the comparisons after left: none, one, or several as in 1 < a < 5.
func (p *parser) chain(left operand) (expr, error) {
	var all expr
	for {
		t := p.peek()
		if t.kind != signToken || !isComparison(t.text) {
			break
		}
		p.next()
		right, err := p.operand()
		if err != nil {
			return nil, err
		}
		var one expr = compareExpr{t.text, left, right}
		if all != nil {
			one = bothExpr{all, one}
		}
		all, left = one, right
	}
	if all == nil {
		return trueExpr{left}, nil
	}
	return all, nil
}

func isComparison(sign string) bool {
	switch sign {
	case "==", "!=", "<", "<=", ">", ">=":
		return true
	default:
		return false
	}
}

func (p *parser) operand() (operand, error) {
	if p.peek().kind == nameToken {
		field := operand{field: p.next().text}
		for p.take("[") {
			key := p.next()
			if key.kind != literalToken || key.literal.kind != stringKind {
				return operand{}, fmt.Errorf("at %d: a key in brackets must be a string", key.at)
			}
			field.path = append(field.path, key.literal.s)
			if err := p.expect("]"); err != nil {
				return operand{}, err
			}
		}
		return field, nil
	}
	literal, err := p.literal()
	return operand{literal: literal}, err
}

func (p *parser) literal() (value, error) {
	negative := p.take("-")
	signed := negative || p.take("+")
	t := p.peek()
	if t.kind != literalToken || signed && !t.literal.isNumber() {
		return value{}, p.unexpected()
	}
	p.next()
	if negative {
		t.literal.n, t.literal.f = -t.literal.n, -t.literal.f
	}
	return t.literal, nil
}

func (p *parser) list() ([]value, error) {
	list := []value{}
	if err := p.expect("["); err != nil {
		return nil, err
	}
	if p.take("]") {
		return list, nil
	}
	for {
		literal, err := p.literal()
		if err != nil {
			return nil, err
		}
		list = append(list, literal)
		if p.take("]") {
			return list, nil
		}
		if err := p.expect(","); err != nil {
			return nil, err
		}
	}
}
