// SPDX-License-Identifier: Apache-2.0

package milvustest

import (
	"errors"
	"fmt"

	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
)

// canCompare reports whether values of two types can be compared at all.
func canCompare(left, right schemapb.DataType) bool {
	const json = schemapb.DataType_JSON
	switch {
	case left == json:
		return true
	case left == schemapb.DataType_Bool:
		return right == schemapb.DataType_Bool || right == json
	case isNumeric(left):
		return isNumeric(right) || right == json
	case isString(left):
		return isString(right) || right == json
	default:
		return false
	}
}

// incomparable is the error of a comparison of operands whose types do not fit.
func incomparable(left, right *checked, as release) error {
	element := func(e *checked) schemapb.DataType {
		if e.dataType != schemapb.DataType_Array {
			return schemapb.DataType_None
		}
		return e.elementType()
	}
	if as.before(since24) {
		return fmt.Errorf("comparisons between %s, element_type: %s and %s elementType: %s are not supported",
			left.dataType, element(left), right.dataType, element(right))
	}
	name := func(e *checked) string {
		if e.dataType != schemapb.DataType_Array {
			return e.dataType.String()
		}
		return fmt.Sprintf("%s[%s]", e.dataType, e.elementType())
	}
	return fmt.Errorf("comparisons between %s and %s are not supported", name(left), name(right))
}

// reversed is the comparison with its operands exchanged.
func reversed(sign tokenKind) tokenKind {
	switch sign {
	case lessToken:
		return greaterToken
	case lessEqualToken:
		return greaterEqualToken
	case greaterToken:
		return lessToken
	case greaterEqualToken:
		return lessEqualToken
	default:
		return sign
	}
}

func (k *checker) comparison(n *node) (*checked, error) {
	left, err := k.check(n.operands[0])
	if err != nil {
		return nil, err
	}
	right, err := k.check(n.operands[1])
	if err != nil {
		return nil, err
	}
	if left.constant != nil && right.constant != nil {
		v, err := compareConstants(n.kind, *left.constant, *right.constant)
		return constantOf(v), err
	}
	for _, e := range []*checked{left, right} {
		isArray := e.dataType == schemapb.DataType_Array
		if err := wholeArray(e); err != nil && (!isArray || n.kind != equalToken && n.kind != unequalToken) {
			return nil, err
		}
	}
	if !canCompare(left.elementType(), right.elementType()) {
		return nil, incomparable(left, right, k.as)
	}
	switch {
	case left.constant != nil:
		return k.compareWith(right, reversed(n.kind), *left.constant)
	case right.constant != nil:
		return k.compareWith(left, n.kind, *right.constant)
	case left.field == nil || right.field == nil:
		return nil, errors.New("only comparison between two fields is supported")
	default:
		return conditionOf(fieldsCondition{left.field, right.field, n.kind}), nil
	}
}

// compareWith checks the comparison of e, which is no literal, with a literal.
func (k *checker) compareWith(e *checked, sign tokenKind, literal value) (*checked, error) {
	dataType := e.dataType
	if e.field != nil {
		dataType = e.field.scalarType()
	}
	v, err := cast(dataType, literal)
	if err != nil {
		return nil, err
	}
	switch {
	case e.field != nil:
		return conditionOf(compareCondition{e.field, sign, v}), nil
	case e.operation != nil:
		return e.operation.compareWith(sign, v, k.as)
	default:
		return nil, errors.New("not supported to combine multiple fields")
	}
}

// compareWith checks the comparison of an operation with a literal. Milvus computes
// with one field and one literal alone.
func (o *operation) compareWith(sign tokenKind, v value, as release) (*checked, error) {
	if err := onlyEquality(sign, as); err != nil {
		return nil, err
	}
	field, operand := o.left, o.right
	switch {
	case o.sign == lengthToken:
		return conditionOf(lengthCondition{field.field, sign, v}), nil
	case field.field != nil && operand.field != nil:
		return nil, errors.New("not supported to do arithmetic operations between multiple fields")
	case field.field != nil && operand.constant != nil:
	case field.constant != nil && operand.field != nil:
		if o.sign != plusToken && o.sign != timesToken {
			return nil, errors.New("module field is not yet supported")
		}
		field, operand = operand, field
	default:
		return nil, errors.New("complicated arithmetic operations are not supported")
	}
	right, err := cast(field.field.scalarType(), *operand.constant)
	if err != nil && as.before(since24) {
		return conditionOf(emptyCondition{}), nil
	}
	if err != nil {
		return nil, err
	}
	if right.isNumber() && right.float() == 0 {
		// Milvus 2.3 ends at the first row.
		switch o.sign {
		case divideToken:
			return nil, errDivideByZero
		case moduloToken:
			return nil, errModuloByZero
		}
	}
	return conditionOf(arithmeticCondition{field.field, o.sign, right, sign, v}), nil
}

// onlyEquality returns an error if a release computes == and != alone with the result
// of an operation.
func onlyEquality(sign tokenKind, as release) error {
	name, isOrder := map[tokenKind]string{
		lessToken: "LessThan", lessEqualToken: "LessEqual", greaterToken: "GreaterThan", greaterEqualToken: "GreaterEqual",
	}[sign]
	if isOrder && as.before(since24) {
		return fmt.Errorf("%s is not supported in execution backend", name)
	}
	return nil
}

// cast returns a literal as a value of a type.
func cast(t schemapb.DataType, v value) (value, error) {
	switch {
	case t == schemapb.DataType_JSON,
		t == schemapb.DataType_Array && v.kind == arrayKind,
		isString(t) && v.kind == stringKind,
		t == schemapb.DataType_Bool && v.kind == boolKind,
		isFloat(t) && v.kind == floatKind,
		isInteger(t) && v.kind == intKind:
		return v, nil
	case isFloat(t) && v.kind == intKind:
		return floatValue(float64(v.n)), nil
	default:
		return v, fmt.Errorf("cannot cast value to %s, value: %s ", t, v)
	}
}

func (k *checker) between(n *node) (*checked, error) {
	e, err := k.field(n.token)
	if err != nil {
		return nil, err
	}
	if err := wholeArray(e); err != nil {
		return nil, err
	}
	var bounds [2]value
	for i, o := range n.operands {
		bound, err := k.check(o)
		if err != nil {
			return nil, err
		}
		if bound.constant == nil {
			return nil, fmt.Errorf("%s cannot be a non-const expression: %s", []string{"lowerbound", "upperbound"}[i], k.source(o))
		}
		bounds[i] = *bound.constant
	}
	t := e.field.scalarType()
	reverse := n.kind == greaterToken || n.kind == greaterEqualToken
	if e.field.isElement() && reverse { // Milvus checks the other direction alone.
		t = schemapb.DataType_JSON
	}
	if t == schemapb.DataType_Bool {
		return nil, errors.New("invalid range operations on boolean expr")
	}
	for i := range bounds {
		if bounds[i], err = cast(t, bounds[i]); err != nil {
			return nil, errors.New("invalid range operations")
		}
	}
	c := rangeCondition{e.field, bounds[0], bounds[1], n.kind == lessEqualToken, n.second == lessEqualToken}
	if reverse {
		c = rangeCondition{e.field, bounds[1], bounds[0], n.second == greaterEqualToken, n.kind == greaterEqualToken}
	}
	return conditionOf(c), nil
}

func (k *checker) in(n *node) (*checked, error) {
	e, err := k.check(n.operands[0])
	if err != nil {
		return nil, err
	}
	source := k.source(n.operands[0])
	if e.constant != nil {
		return nil, fmt.Errorf("'term' can only be used on non-const expression, but got: %s", source)
	}
	if e.field == nil {
		return nil, fmt.Errorf("'term' can only be used on single field, but got: %s", source)
	}
	list, err := k.elements(n.operands[1])
	if err != nil {
		return nil, err
	}
	if list.constant == nil || list.constant.kind != arrayKind {
		return nil, fmt.Errorf("the right-hand side of 'in' must be a list, but got: %s", k.source(n.operands[1]))
	}
	values := list.constant.list
	for i, v := range values {
		if values[i], err = cast(e.field.scalarType(), v); err != nil {
			return nil, fmt.Errorf("value '%s' in list cannot be casted to %s", k.source(n.operands[1].operands[i]), e.field.scalarType())
		}
	}
	var c condition = inCondition{e.field, values}
	if n.negated {
		c = notCondition{c}
	}
	return conditionOf(c), nil
}

// elements checks the operand after "in".
func (k *checker) elements(n *node) (*checked, error) {
	if n.kind == listNode && k.as.before(since25) {
		return k.list(n, "value '%s' in list cannot be a non-const expression")
	}
	return k.check(n)
}

func (k *checker) like(n *node) (*checked, error) {
	e, err := k.check(n.operands[0])
	if err != nil {
		return nil, err
	}
	if e.field == nil {
		return nil, errors.New("like operation on complicated expr is unsupported")
	}
	if err := wholeArray(e); err != nil {
		return nil, err
	}
	if t := e.field.scalarType(); !isString(t) && t != schemapb.DataType_JSON {
		return nil, errors.New("like operation on non-string or no-json field is unsupported")
	}
	pattern, err := unquote(k.text(n.operands[1].token))
	if err != nil {
		return nil, err
	}
	matches, err := likePattern(pattern, k.as)
	if err != nil {
		return nil, err
	}
	return conditionOf(likeCondition{e.field, matches}), nil
}

func (k *checker) exists(n *node) (*checked, error) {
	e, err := k.check(n.operands[0])
	if err != nil {
		return nil, err
	}
	operations := "operations"
	if k.as.before(since24) {
		operations = "oerations"
	}
	switch {
	case e.field == nil:
		return nil, fmt.Errorf("exists operations are only supported on single fields now, got: %s", k.source(n.operands[0]))
	case e.dataType != schemapb.DataType_JSON:
		return nil, fmt.Errorf("exists %s are only supportted on json field, got:%s", operations, e.dataType)
	case len(e.field.path) == 0:
		return nil, errors.New("exists operations are only supportted on json key")
	}
	return conditionOf(existsCondition{e.field}), nil
}

func (k *checker) isNull(n *node) (*checked, error) {
	e, err := k.check(n.operands[0])
	if err != nil {
		return nil, err
	}
	var c condition = nullCondition{e.field}
	if n.kind == isNotNullToken {
		c = notCondition{c}
	}
	return conditionOf(c), nil
}

func (k *checker) length(n *node) (*checked, error) {
	e, err := k.check(n.operands[0])
	if err != nil {
		return nil, err
	}
	if e.dataType != schemapb.DataType_JSON && e.dataType != schemapb.DataType_Array {
		return nil, fmt.Errorf("array_length operation are only supported on json or array fields now, got: %s", k.source(n))
	}
	return &checked{dataType: schemapb.DataType_Int64, operation: &operation{sign: lengthToken, left: e}}, nil
}

var containsNames = map[tokenKind]string{containsToken: "contains", containsAllToken: "contains_all", containsAnyToken: "contains_any"}

func (k *checker) contains(n *node) (*checked, error) {
	name := containsNames[n.kind]
	e, err := k.check(n.operands[0])
	if err != nil {
		return nil, err
	}
	if e.field == nil || e.dataType != schemapb.DataType_JSON && e.dataType != schemapb.DataType_Array {
		return nil, fmt.Errorf("%s operation are only supported on json or array fields now, got: %s", name, k.source(n.operands[0]))
	}
	element, err := k.check(n.operands[1])
	if err != nil {
		return nil, err
	}
	if element.constant == nil {
		return nil, fmt.Errorf("%s operation are only supported explicitly specified element, got: %s", name, k.source(n.operands[1]))
	}
	wanted := []value{*element.constant}
	if n.kind != containsToken {
		if element.constant.kind != arrayKind {
			return nil, fmt.Errorf("%s operation element must be an array", name)
		}
		wanted = element.constant.list
	}
	if e.dataType == schemapb.DataType_Array {
		for _, v := range wanted {
			if w := constantOf(v); !canCompare(e.elementType(), w.elementType()) {
				return nil, fmt.Errorf("%s operation can't compare between array element type: %s and %s", name, e.field.elementType, w.dataType)
			}
		}
	}
	return conditionOf(containsCondition{e.field, n.kind, wanted}), nil
}
