// SPDX-License-Identifier: Apache-2.0

package milvustest

import (
	"fmt"
	"math"
	"slices"

	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
)

// condition is a filter, or a part of one, that holds for a row or does not.
type condition interface {
	// compile returns the condition as a function. The error is one that Milvus
	// notices only when it reads the rows.
	compile(as release) (predicate, error)
}

type (
	notCondition     struct{ inner condition }
	logicalCondition struct {
		isAnd    bool
		operands []condition
	}
	compareCondition struct {
		field *fieldRef
		sign  tokenKind
		value value
	}
	fieldsCondition struct {
		left, right *fieldRef
		sign        tokenKind
	}
	rangeCondition struct {
		field                    *fieldRef
		low, high                value
		includesLow, includesTop bool
	}
	inCondition struct {
		field  *fieldRef
		values []value
	}
	arithmeticCondition struct {
		field      *fieldRef
		arithmetic tokenKind
		operand    value
		sign       tokenKind
		value      value
	}
	existsCondition struct{ field *fieldRef }
	nullCondition   struct{ field *fieldRef }
	likeCondition   struct {
		field   *fieldRef
		matches func(string) bool
	}
)

// constantCondition is a computation of literals such as 1 < 2, which Milvus parses and
// cannot evaluate.
type constantCondition struct{ holds bool }

func (c constantCondition) compile(release) (predicate, error) {
	return nil, unsupported("unsupported expr proto node: value_expr {\n  value {\n    bool_val: %t\n  }\n}\n", c.holds)
}

func (c notCondition) compile(as release) (predicate, error) {
	inner, err := c.inner.compile(as)
	if err != nil {
		return nil, err
	}
	return func(row int) bool { return !inner(row) }, nil
}

func (c logicalCondition) compile(as release) (predicate, error) {
	operands := make([]predicate, len(c.operands))
	for i, o := range c.operands {
		var err error
		if operands[i], err = o.compile(as); err != nil {
			return nil, err
		}
	}
	return func(row int) bool {
		for _, o := range operands {
			if o(row) != c.isAnd {
				return !c.isAnd
			}
		}
		return c.isAnd
	}, nil
}

// compare reports whether a comparison holds between a value of a row and a
// literal. A JSON value that is missing or of another type is unequal to it.
func compare(v value, sign tokenKind, literal value) bool {
	order, ok := v.compare(literal)
	if !ok {
		return sign == unequalToken
	}
	return holds(sign, order)
}

func (c compareCondition) compile(as release) (predicate, error) {
	if c.value.kind == arrayKind {
		return c.compileList(as)
	}
	at, sign, literal := c.field.reader(), c.sign, c.field.literal(c.value)
	if c.field.isElement() { // An array without that element is neither equal nor unequal.
		return func(row int) bool {
			v := at(row)
			return v.kind != noKind && compare(v, sign, literal)
		}, nil
	}
	return func(row int) bool { return compare(at(row), sign, literal) }, nil
}

// compileList compiles a comparison with a list. A JSON value that is no list is
// neither equal to it nor unequal.
func (c compareCondition) compileList(as release) (predicate, error) {
	list := c.value.list
	if slices.ContainsFunc(list, func(v value) bool { return v.kind == arrayKind }) {
		return nil, unsupported("unsupported data type kArrayVal")
	}
	if c.sign != equalToken && c.sign != unequalToken { // of JSON; the checker refuses it for an array
		return func(int) bool { return false }, nil
	}
	if as.before(since24) && c.field.dataType == schemapb.DataType_Array {
		list = misread(list, c.field.elementType)
	}
	at := c.field.reader()
	return func(row int) bool {
		v := at(row)
		return v.kind == arrayKind && slices.EqualFunc(list, v.list, value.contained) == (c.sign == equalToken)
	}, nil
}

// misread returns a list as Milvus 2.3 reads it for an array: a number of the other
// kind, a float for an integer array, is 0.
func misread(list []value, elementType schemapb.DataType) []value {
	list = slices.Clone(list)
	for i, v := range list {
		switch {
		case isInteger(elementType) && v.kind == floatKind:
			list[i] = intValue(0)
		case isFloat(elementType) && v.kind == intKind:
			list[i] = floatValue(0)
		}
	}
	return list
}

func (c fieldsCondition) compile(release) (predicate, error) {
	l, r := c.left.dataType, c.right.dataType
	for _, t := range []schemapb.DataType{schemapb.DataType_JSON, schemapb.DataType_Array} {
		name := map[schemapb.DataType]string{schemapb.DataType_JSON: "JSON", schemapb.DataType_Array: "ARRAY"}[t]
		switch {
		case l != t && r != t:
		case isString(l) || isString(r):
			return nil, unsupported("unsupported data type %s", name)
		default:
			return nil, unsupported("unsupported right datatype %s of compare expr", name)
		}
	}
	left, right := c.left.reader(), c.right.reader()
	single := l == schemapb.DataType_Float && isInteger(r) || isInteger(l) && r == schemapb.DataType_Float
	return func(row int) bool {
		a, b := left(row), right(row)
		if single { // As C++ compares an integer with a float.
			a, b = floatValue(float64(float32(a.float()))), floatValue(float64(float32(b.float())))
		}
		return compare(a, c.sign, b)
	}, nil
}

func (c rangeCondition) compile(release) (predicate, error) {
	low, high := c.field.literal(c.low), c.field.literal(c.high)
	if low.kind != high.kind {
		return nil, wrongKind(low)
	}
	if low.kind == boolKind {
		return nil, unsupported("unsupported value type kBoolVal in expression")
	}
	above, below := greaterToken, lessToken
	if c.includesLow {
		above = greaterEqualToken
	}
	if c.includesTop {
		below = lessEqualToken
	}
	at := c.field.reader()
	return func(row int) bool {
		v := at(row)
		return compare(v, above, low) && compare(v, below, high)
	}, nil
}

// scalar is a value without lists, so that it can be the key of a map. A number is
// the same key as an integer and as a float.
type scalar struct {
	kind kind
	n    int64
	f    float64
	s    string
}

func (v value) scalar() scalar {
	if v.kind == floatKind && v.f == math.Trunc(v.f) && math.Abs(v.f) < 1<<53 {
		return scalar{kind: intKind, n: int64(v.f)}
	}
	return scalar{v.kind, v.n, v.f, v.s}
}

func (c inCondition) compile(release) (predicate, error) {
	set := make(map[scalar]bool, len(c.values))
	for _, v := range c.values {
		if v.kind == arrayKind {
			return nil, unsupported("unknown data type: kArrayVal in expression")
		}
		if v.kind != c.values[0].kind {
			return nil, wrongKind(c.values[0])
		}
		set[c.field.literal(v).scalar()] = true
	}
	at := c.field.reader()
	return func(row int) bool { return set[at(row).scalar()] }, nil
}

func (c likeCondition) compile(release) (predicate, error) {
	at := c.field.reader()
	return func(row int) bool {
		v := at(row)
		return v.kind == stringKind && c.matches(v.s)
	}, nil
}

func (c arithmeticCondition) compile(release) (predicate, error) {
	at, single := c.field.reader(), c.field.scalarType() == schemapb.DataType_Float && !c.field.isElement()
	literal, operand, integers := c.field.literal(c.value), c.field.literal(c.operand), c.value.kind == intKind
	missing := c.sign == unequalToken && !c.field.isElement()
	return func(row int) bool {
		v := at(row)
		switch {
		case !v.isNumber():
			return missing
		case c.arithmetic == moduloToken && integers:
			// Milvus computes it with floats, so large numbers lose their last digits.
			v = intValue(toInt64(math.Mod(v.float(), operand.float())))
		case v.kind == intKind && operand.kind == intKind:
			v = intValue(integerArithmetic(c.arithmetic, v.n, operand.n))
		default:
			v = floatValue(floatArithmetic(c.arithmetic, v.float(), operand.float()))
			if single {
				v.f = float64(float32(v.f))
			}
		}
		return compare(v, c.sign, literal)
	}, nil
}

func (c existsCondition) compile(release) (predicate, error) {
	return func(row int) bool {
		_, ok := find(c.field.column.value(row).raw, c.field.path)
		return ok
	}, nil
}

// unsupported is the error of an expression that Milvus parses and cannot evaluate.
func unsupported(format string, args ...any) error {
	return fmt.Errorf(" => "+format, args...)
}

// wrongKind is the error of a list or a range whose values are not all of the kind of
// the first one.
func wrongKind(first value) error {
	name := map[kind]string{boolKind: "kBoolVal", intKind: "kInt64Val", floatKind: "kFloatVal", stringKind: "kStringVal"}[first.kind]
	return fmt.Errorf("Assert \"(value_proto.val_case() == planpb::GenericValue::%s)\" at internal/core/src/query/PlanProto.cpp\n", name)
}

// A field that is not JSON is never null: the protocol of this server has no
// nullable fields.
func (c nullCondition) compile(release) (predicate, error) {
	return func(row int) bool {
		if c.field.dataType != schemapb.DataType_JSON {
			return false
		}
		raw, ok := find(c.field.column.value(row).raw, c.field.path)
		return !ok || string(raw) == "null"
	}, nil
}

// isElement reports whether f is an element of a field of type Array.
func (f *fieldRef) isElement() bool {
	return f.dataType == schemapb.DataType_Array && len(f.path) > 0
}

// literal returns a literal as Milvus compares it with the values of f: in float32
// with those of a Float field, so that 0.1 is equal to a value that was 0.1.
func (f *fieldRef) literal(v value) value {
	if f.dataType == schemapb.DataType_Float && v.isNumber() {
		return floatValue(float64(float32(v.float())))
	}
	return v
}
