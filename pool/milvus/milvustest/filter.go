// SPDX-License-Identifier: Apache-2.0

package milvustest

import (
	"slices"
	"strings"

	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
)

// predicate reports whether a row matches a filter.
type predicate func(row int) bool

// filter parses a filter for the rows of c. It returns nil for an empty one,
// which every row matches.
func (c *collection) filter(text string) (predicate, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	e, err := parseFilter(text)
	if err == nil {
		var p predicate
		if p, err = e.bind(c); err == nil {
			return p, nil
		}
	}
	return nil, invalidf("failed to create query plan: cannot parse expression: %s, error: %v: invalid parameter", text, err)
}

func (e bothExpr) bind(c *collection) (predicate, error) {
	left, right, err := bindPair(c, e.left, e.right)
	return func(row int) bool { return left(row) && right(row) }, err
}

func (e eitherExpr) bind(c *collection) (predicate, error) {
	left, right, err := bindPair(c, e.left, e.right)
	return func(row int) bool { return left(row) || right(row) }, err
}

func bindPair(c *collection, left, right expr) (l, r predicate, err error) {
	if l, err = left.bind(c); err != nil {
		return nil, nil, err
	}
	r, err = right.bind(c)
	return l, r, err
}

func (e notExpr) bind(c *collection) (predicate, error) {
	inner, err := e.inner.bind(c)
	return func(row int) bool { return !inner(row) }, err
}

func (e trueExpr) bind(c *collection) (predicate, error) {
	o, err := e.operand.bind(c)
	if err != nil {
		return nil, err
	}
	if o.kind != boolKind && o.kind != jsonKind {
		return nil, invalidf("predicate is not a boolean expression: %s", e.operand.field)
	}
	return func(row int) bool { return o.at(row).equal(boolValue(true)) }, nil
}

func (e compareExpr) bind(c *collection) (predicate, error) {
	left, err := e.left.bind(c)
	if err != nil {
		return nil, err
	}
	right, err := e.right.bind(c)
	if err != nil {
		return nil, err
	}
	if left, err = left.as(right); err != nil {
		return nil, err
	}
	if right, err = right.as(left); err != nil {
		return nil, err
	}
	holds := map[string]func(order int) bool{
		"==": func(order int) bool { return order == 0 },
		"!=": func(order int) bool { return order != 0 },
		"<":  func(order int) bool { return order < 0 },
		"<=": func(order int) bool { return order <= 0 },
		">":  func(order int) bool { return order > 0 },
		">=": func(order int) bool { return order >= 0 },
	}[e.sign]
	if e.sign != "==" && e.sign != "!=" && (left.kind == boolKind || right.kind == boolKind) {
		return nil, invalidf("bool values have no order: %s", e.sign)
	}
	return func(row int) bool {
		order, ok := left.at(row).compare(right.at(row))
		return ok && holds(order)
	}, nil
}

func (e inExpr) bind(c *collection) (predicate, error) {
	o, err := e.operand.bind(c)
	if err != nil {
		return nil, err
	}
	if o.kind == jsonKind {
		return func(row int) bool { return slices.ContainsFunc(e.list, o.at(row).equal) }, nil
	}
	type scalar struct { // A value without raw, so that it can be the key of a map.
		n int64
		f float64
		s string
	}
	set := make(map[scalar]bool, len(e.list))
	for _, v := range e.list {
		if o.kind == intKind && v.kind == floatKind {
			return nil, invalidf("an integer field is not in a list of floats")
		}
		literal, err := bound{kind: v.kind, literal: v, isLiteral: true}.as(o)
		if err != nil {
			return nil, err
		}
		v = literal.literal
		if o.kind == floatKind {
			v = floatValue(v.float())
		}
		set[scalar{v.n, v.f, v.s}] = true
	}
	return func(row int) bool {
		v := o.at(row)
		return set[scalar{v.n, v.f, v.s}]
	}, nil
}

func (e likeExpr) bind(c *collection) (predicate, error) {
	o, err := e.operand.bind(c)
	if err != nil {
		return nil, err
	}
	if o.kind != stringKind && o.kind != jsonKind {
		return nil, invalidf("like operation on non-string field is unsupported: %s", e.operand.field)
	}
	parts := strings.Split(e.pattern, "%")
	return func(row int) bool {
		v := o.at(row)
		return v.kind == stringKind && like(v.s, parts)
	}, nil
}

// like reports whether s consists of parts, with any text between two parts.
func like(s string, parts []string) bool {
	first, last := parts[0], parts[len(parts)-1]
	if len(parts) == 1 {
		return s == first
	}
	if len(s) < len(first)+len(last) || !strings.HasPrefix(s, first) || !strings.HasSuffix(s, last) {
		return false
	}
	s = s[len(first) : len(s)-len(last)]
	for _, part := range parts[1 : len(parts)-1] {
		_, after, found := strings.Cut(s, part)
		if !found {
			return false
		}
		s = after
	}
	return true
}

// bound is an operand with the column of its collection.
type bound struct {
	kind      kind // jsonKind if it depends on the row
	isFloat32 bool
	isLiteral bool
	literal   value
	at        func(row int) value
}

func (o operand) bind(c *collection) (bound, error) {
	if o.field == "" {
		return bound{
			kind: o.literal.kind, literal: o.literal, isLiteral: true,
			at: func(int) value { return o.literal },
		}, nil
	}
	path := o.path
	col := c.column(o.field)
	if col == nil && c.schema.GetEnableDynamicField() {
		// A name that is not in the schema is a key of the dynamic field.
		col = c.column(dynamicField)
		path = append([]string{o.field}, path...)
	}
	if col == nil {
		return bound{}, failf(CodeFieldNotFound, "field %s not exist", o.field)
	}
	kinds := map[schemapb.DataType]kind{
		schemapb.DataType_Bool: boolKind, schemapb.DataType_VarChar: stringKind, schemapb.DataType_JSON: jsonKind,
		schemapb.DataType_Int8: intKind, schemapb.DataType_Int16: intKind, schemapb.DataType_Int32: intKind,
		schemapb.DataType_Int64: intKind, schemapb.DataType_Float: floatKind, schemapb.DataType_Double: floatKind,
	}
	dataType := col.schema().GetDataType()
	b := bound{kind: kinds[dataType], isFloat32: dataType == schemapb.DataType_Float, at: col.value}
	switch {
	case b.kind == noKind:
		return bound{}, invalidf("field %s of type %s cannot be filtered", o.field, dataType)
	case b.kind == jsonKind:
		b.at = func(row int) value { return lookUp(col.value(row).raw, path) }
	case len(path) > 0:
		return bound{}, invalidf("field %s is not JSON", o.field)
	}
	return b, nil
}

// as converts o so that it can be compared with other. The error says why it
// cannot.
func (o bound) as(other bound) (bound, error) {
	numbers := (o.kind == intKind || o.kind == floatKind) && (other.kind == intKind || other.kind == floatKind)
	if o.kind != other.kind && !numbers && o.kind != jsonKind && other.kind != jsonKind {
		return o, invalidf("comparisons between values of different types are not supported")
	}
	if o.isLiteral && other.isFloat32 {
		// Milvus compares in the type of the field: 0.1 is not the float32
		// nearest to it.
		o.literal = floatValue(float64(float32(o.literal.float())))
		o.kind = floatKind
		o.at = func(int) value { return o.literal }
	}
	return o, nil
}
