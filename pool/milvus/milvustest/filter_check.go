// SPDX-License-Identifier: Apache-2.0

package milvustest

import (
	"errors"
	"fmt"

	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
)

// checked is a node whose names and types were checked: a literal, a field, an
// operation on a field, or a condition. One of the pointers is set.
type checked struct {
	dataType  schemapb.DataType
	constant  *value
	field     *fieldRef
	operation *operation
	condition condition
}

// operation is an operator on a field that gives a number.
type operation struct {
	sign        tokenKind // lengthToken for array_length
	left, right *checked  // right is nil for array_length
}

// checker checks a parsed filter against a collection.
type checker struct {
	*parser
	c *collection
}

func isInteger(t schemapb.DataType) bool {
	return t == schemapb.DataType_Int8 || t == schemapb.DataType_Int16 || t == schemapb.DataType_Int32 || t == schemapb.DataType_Int64
}

func isFloat(t schemapb.DataType) bool {
	return t == schemapb.DataType_Float || t == schemapb.DataType_Double
}

func isNumeric(t schemapb.DataType) bool { return isInteger(t) || isFloat(t) }

func isString(t schemapb.DataType) bool {
	return t == schemapb.DataType_VarChar || t == schemapb.DataType_String
}

func constantOf(v value) *checked { return &checked{dataType: typeOf(v), constant: &v} }

func conditionOf(c condition) *checked {
	return &checked{dataType: schemapb.DataType_Bool, condition: c}
}

// isCondition reports whether e can stand alone. A field that is a bool cannot.
func (e *checked) isCondition() bool { return e.condition != nil }

// elementType returns the type of the elements of an array, and of anything else
// its own.
func (e *checked) elementType() schemapb.DataType {
	switch {
	case e.dataType != schemapb.DataType_Array:
		return e.dataType
	case e.field != nil:
		return e.field.elementType
	case e.constant != nil:
		return elementTypeOf(e.constant.list)
	default:
		return schemapb.DataType_None
	}
}

// wholeArray returns an error if e is a field of type Array without an index.
func wholeArray(e *checked) error {
	if e.field != nil && len(e.field.path) == 0 && e.dataType == schemapb.DataType_Array {
		return errors.New("can not comparisons array fields directly")
	}
	return nil
}

func (k *checker) check(n *node) (*checked, error) {
	switch n.kind {
	case integerToken, floatToken, boolToken, stringToken, emptyListToken:
		v, err := constant(n.kind, k.text(n.token))
		return constantOf(v), err
	case nameToken, pathToken:
		return k.field(n.token)
	case listNode:
		return k.list(n, "array element type must be generic value, but got: %s")
	case plusToken, minusToken, notToken, bitNotToken:
		if len(n.operands) == 1 {
			return k.unary(n)
		}
		return k.arithmetic(n)
	case timesToken, divideToken, moduloToken, powerToken:
		return k.arithmetic(n)
	case equalToken, unequalToken, lessToken, lessEqualToken, greaterToken, greaterEqualToken:
		if n.second != endToken {
			return k.between(n)
		}
		return k.comparison(n)
	case andToken, orToken:
		return k.logical(n)
	case likeToken:
		return k.like(n)
	case inToken:
		return k.in(n)
	case existsToken:
		return k.exists(n)
	case isNullToken, isNotNullToken:
		return k.isNull(n)
	case containsToken, containsAllToken, containsAnyToken:
		return k.contains(n)
	case lengthToken:
		return k.length(n)
	default:
		return nil, fmt.Errorf("%s is not supported: %s", map[tokenKind]string{
			shiftLeftToken: "shift", shiftRightToken: "shift", bitAndToken: "BitAnd", bitOrToken: "BitOr", bitXorToken: "BitXor",
		}[n.kind], k.source(n))
	}
}

// list checks a list of literals. The message is for an element that is none.
func (k *checker) list(n *node, message string) (*checked, error) {
	list := make([]value, len(n.operands))
	for i, o := range n.operands {
		e, err := k.check(o)
		if err != nil {
			return nil, err
		}
		if e.constant == nil {
			return nil, fmt.Errorf(message, k.source(o))
		}
		list[i] = *e.constant
	}
	return constantOf(arrayValue(list)), nil
}

func (k *checker) unary(n *node) (*checked, error) {
	e, err := k.check(n.operands[0])
	if err != nil {
		return nil, err
	}
	sign := k.text(n.token)
	if e.constant != nil {
		v, err := unaryConstant(n.kind, *e.constant, sign)
		return constantOf(v), err
	}
	if err := wholeArray(e); err != nil {
		return nil, err
	}
	switch n.kind {
	case plusToken:
		return e, nil
	case notToken:
		if !e.isCondition() {
			return nil, errors.New("not op can only be applied on boolean expression")
		}
		return conditionOf(notCondition{e.condition}), nil
	default:
		return nil, fmt.Errorf("unexpected op: %s", sign)
	}
}

func (k *checker) logical(n *node) (*checked, error) {
	name := map[tokenKind]string{andToken: "and", orToken: "or"}[n.kind]
	operands := make([]*checked, len(n.operands))
	constants := 0
	for i, o := range n.operands {
		var err error
		if operands[i], err = k.check(o); err != nil {
			return nil, err
		}
		if operands[i].constant != nil {
			constants++
		}
	}
	if constants == len(operands) {
		result := n.kind == andToken
		for _, o := range operands {
			if o.constant.kind != boolKind {
				return nil, fmt.Errorf("%s can only apply on boolean", name)
			}
			if b := o.constant.n == 1; n.kind == andToken {
				result = result && b
			} else {
				result = result || b
			}
		}
		return constantOf(boolValue(result)), nil
	}
	conditions := make([]condition, len(operands))
	for i, o := range operands {
		if !o.isCondition() {
			return nil, fmt.Errorf("'%s' can only be used between boolean expressions", name)
		}
		conditions[i] = o.condition
	}
	return conditionOf(logicalCondition{isAnd: n.kind == andToken, operands: conditions}), nil
}

var arithmeticNames = map[tokenKind]string{plusToken: "add", minusToken: "subtract", timesToken: "multiply", divideToken: "divide", moduloToken: "modulo"}

func (k *checker) arithmetic(n *node) (*checked, error) {
	left, err := k.check(n.operands[0])
	if err != nil {
		return nil, err
	}
	right, err := k.check(n.operands[1])
	if err != nil {
		return nil, err
	}
	if left.constant != nil && right.constant != nil {
		v, err := arithmetic(n.kind, *left.constant, *right.constant)
		return constantOf(v), err
	}
	if n.kind == powerToken {
		return nil, fmt.Errorf("power can only apply on constants: %s", k.source(n))
	}
	for _, e := range []*checked{left, right} {
		if err := wholeArray(e); err != nil {
			return nil, err
		}
	}
	l, r := left.elementType(), right.elementType()
	if !isNumeric(l) && l != schemapb.DataType_JSON || !isNumeric(r) && r != schemapb.DataType_JSON || left.isCondition() || right.isCondition() {
		return nil, fmt.Errorf("'%s' can only be used between integer or floating or json field expressions", arithmeticNames[n.kind])
	}
	if l == schemapb.DataType_JSON && r == schemapb.DataType_JSON {
		return nil, fmt.Errorf("'%s' can only be used between integer or floating or json field expressions", arithmeticNames[n.kind])
	}
	isInteger := func(e *checked) bool {
		return e.field != nil && (isInteger(e.elementType()) || e.dataType == schemapb.DataType_JSON)
	}
	if n.kind == moduloToken && !isInteger(left) && !isInteger(right) {
		return nil, errors.New("modulo can only apply on integer types")
	}
	return &checked{dataType: arithmeticType(left, right), operation: &operation{n.kind, left, right}}, nil
}

// arithmeticType returns the type of an operation: that of the number if the other
// operand is JSON, and a float if one operand is.
func arithmeticType(left, right *checked) schemapb.DataType {
	l, r := left.elementType(), right.elementType()
	if isFloat(l) || isFloat(r) {
		return schemapb.DataType_Double
	}
	return schemapb.DataType_Int64
}
