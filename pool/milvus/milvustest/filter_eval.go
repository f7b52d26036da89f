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
	// notices after the plan of the request, before the first row.
	compile(e *evaluation) (predicate, error)
}

// evaluation is a filter in use.
type evaluation struct {
	as     release
	nested bool  // the condition is a part of another one
	may    bool  // a condition may fail at a row
	failed error // the first failure at a row
}

// fails returns a condition that fails at the first row for which it is asked: the
// other operand of an "and" or an "or" may decide without it.
func (e *evaluation) fails(err error) predicate {
	e.may = true
	return func(int) bool { return e.fail(err) }
}

func (e *evaluation) fail(err error) bool {
	if e.failed == nil {
		e.failed = err
	}
	return false
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

// emptyCondition computes with a field and a literal that is none of its type, as in
// id * 2.5 == 5. Milvus 2.3 makes an empty plan of it, which no row matches.
type emptyCondition struct{}

func (emptyCondition) compile(e *evaluation) (predicate, error) {
	if e.nested {
		return nil, unsupported("unsupported expr proto node: ")
	}
	return func(int) bool { return false }, nil
}

// constantCondition is a computation of literals such as 1 < 2, which Milvus parses and
// cannot evaluate.
type constantCondition struct{ holds bool }

func (c constantCondition) compile(e *evaluation) (predicate, error) {
	return nil, unsupported("unsupported expr proto node: value_expr {\n  value {\n    bool_val: %t\n  }\n}\n", c.holds)
}

func (c notCondition) compile(e *evaluation) (predicate, error) {
	e.nested = true
	inner, err := c.inner.compile(e)
	if err != nil {
		return nil, err
	}
	return func(row int) bool { return !inner(row) }, nil
}

func (c logicalCondition) compile(e *evaluation) (predicate, error) {
	e.nested = true
	operands := make([]predicate, len(c.operands))
	for i, o := range c.operands {
		var err error
		if operands[i], err = o.compile(e); err != nil {
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
	return satisfies(sign, order)
}

func (c compareCondition) compile(e *evaluation) (predicate, error) {
	if c.value.kind == arrayKind {
		return c.compileList(e), nil
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
func (c compareCondition) compileList(e *evaluation) predicate {
	list := c.value.list
	if c.sign != equalToken && c.sign != unequalToken { // of JSON; the checker refuses it for an array
		return func(int) bool { return false }
	}
	if e.as.before(since24) && c.field.dataType == schemapb.DataType_Array {
		list = misread(list, c.field.elementType)
	}
	e.may = e.may || slices.ContainsFunc(list, func(v value) bool { return v.kind == arrayKind })
	equal := func(v, element value) bool {
		if v.kind == arrayKind {
			return e.fail(unsupported("unsupported data type kArrayVal"))
		}
		return v.contained(element)
	}
	at := c.field.reader()
	return func(row int) bool {
		v := at(row)
		return v.kind == arrayKind && slices.EqualFunc(list, v.list, equal) == (c.sign == equalToken)
	}
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

// jsonOrArray returns the name of a type if Milvus cannot compare two fields of which
// one has it.
func jsonOrArray(t schemapb.DataType) string {
	switch t {
	case schemapb.DataType_JSON:
		return "JSON"
	case schemapb.DataType_Array:
		return "ARRAY"
	default:
		return ""
	}
}

func (c fieldsCondition) compile(e *evaluation) (predicate, error) {
	l, r := c.left.dataType, c.right.dataType
	name, other := jsonOrArray(l), r
	if name == "" {
		name, other = jsonOrArray(r), l
	}
	switch {
	case name == "":
	case isString(other):
		return e.fails(unsupported("unsupported data type %s", name)), nil
	default:
		return e.fails(unsupported("unsupported right datatype %s of compare expr", name)), nil
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

func (c rangeCondition) compile(e *evaluation) (predicate, error) {
	low, high := c.field.literal(c.low), c.field.literal(c.high)
	if low.kind == boolKind && c.field.dataType == schemapb.DataType_Array {
		return nil, unsupported("unknown data type in expression ARRAY")
	}
	if low.kind != high.kind {
		return nil, wrongKind(low)
	}
	if low.kind == boolKind {
		return e.fails(unsupported("unsupported value type kBoolVal in expression")), nil
	}
	isNumber := low.isNumber()
	if c.field.isElement() && isString(c.field.elementType) == isNumber {
		e.may = true
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
		if c.field.isElement() && v.kind != noKind {
			if v.isNumber() != isNumber {
				return e.fail(unsupported("unsupported element type for array"))
			}
			v = v.readAs(low.kind)
		}
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

func (c inCondition) compile(e *evaluation) (predicate, error) {
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

func (c likeCondition) compile(e *evaluation) (predicate, error) {
	at := c.field.reader()
	return func(row int) bool {
		v := at(row)
		return v.kind == stringKind && c.matches(v.s)
	}, nil
}

func (c arithmeticCondition) compile(e *evaluation) (predicate, error) {
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
			v = intValue(modulo(v, operand))
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

func modulo(v, operand value) int64 {
	const exact = 1 << 53 // up to which a float has every integer
	if v.kind == intKind && operand.kind == intKind && -exact < v.n && v.n < exact && -exact < operand.n && operand.n < exact {
		return v.n % operand.n
	}
	return toInt64(math.Mod(v.float(), operand.float()))
}

func (c existsCondition) compile(e *evaluation) (predicate, error) {
	return func(row int) bool {
		_, ok := find(c.field.column.value(row).raw, c.field.path)
		return ok
	}, nil
}

// workerError is an error in the words of the part of Milvus that reads the rows.
type workerError string

func (e workerError) Error() string { return string(e) }

// unsupported is the error of an expression that Milvus parses and cannot evaluate.
func unsupported(format string, args ...any) error {
	return workerError(" => " + fmt.Sprintf(format, args...))
}

// wrongKind is the error of a list or a range whose values are not all of the kind of
// the first one.
func wrongKind(first value) error {
	name := map[kind]string{boolKind: "kBoolVal", intKind: "kInt64Val", floatKind: "kFloatVal", stringKind: "kStringVal"}[first.kind]
	return workerError("Assert \"(value_proto.val_case() == planpb::GenericValue::" + name + ")\" at internal/core/src/query/PlanProto.cpp\n")
}

// A field that is not JSON is never null: the protocol of this server has no
// nullable fields.
func (c nullCondition) compile(e *evaluation) (predicate, error) {
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
