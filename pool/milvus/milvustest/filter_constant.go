// SPDX-License-Identifier: Apache-2.0

package milvustest

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
)

var (
	errDivideByZero = errors.New("cannot divide by zero")
	errModuloByZero = errors.New("cannot modulo by zero")

	// errNothing is the error of a computation of literals that has no result. Milvus
	// names no cause for it, and some releases break down.
	errNothing = errors.New("incompatible operands")
)

// constant returns the value of a literal that is a single token.
func constant(kind tokenKind, text string) (value, error) {
	switch kind {
	case integerToken:
		n, err := strconv.ParseInt(text, 0, 64)
		return intValue(n), err
	case floatToken:
		f, err := strconv.ParseFloat(text, 64)
		return floatValue(f), err
	case boolToken:
		b, err := strconv.ParseBool(text)
		return boolValue(b), err
	case stringToken:
		s, err := unquote(text)
		return stringValue(s), err
	default:
		return arrayValue(nil), nil // the empty list
	}
}

// typeOf returns the type that Milvus gives to a literal.
func typeOf(v value) schemapb.DataType {
	switch v.kind {
	case boolKind:
		return schemapb.DataType_Bool
	case intKind:
		return schemapb.DataType_Int64
	case floatKind:
		return schemapb.DataType_Double
	case stringKind:
		return schemapb.DataType_VarChar
	case arrayKind:
		return schemapb.DataType_Array
	default:
		return schemapb.DataType_None
	}
}

// elementTypeOf returns the type that all elements of a list have, None if they
// differ.
func elementTypeOf(list []value) schemapb.DataType {
	if len(list) == 0 || slices.ContainsFunc(list, func(v value) bool { return v.kind != list[0].kind }) {
		return schemapb.DataType_None
	}
	return typeOf(list[0])
}

// arithmetic computes an operator on two literals, as Milvus does before it looks
// at a row. Integers wrap around.
func arithmetic(sign tokenKind, a, b value) (value, error) {
	if !a.isNumber() || !b.isNumber() {
		return value{}, errNothing
	}
	integers := a.kind == intKind && b.kind == intKind
	switch sign {
	case divideToken:
		if b.float() == 0 {
			return value{}, errDivideByZero
		}
	case moduloToken:
		if !integers {
			return value{}, errors.New("modulo can only apply on integer")
		}
		if b.n == 0 {
			return value{}, errModuloByZero
		}
	case powerToken:
		return floatValue(math.Pow(a.float(), b.float())), nil
	}
	if integers {
		return intValue(integerArithmetic(sign, a.n, b.n)), nil
	}
	return floatValue(floatArithmetic(sign, a.float(), b.float())), nil
}

// toInt64 truncates a number as the processors do for which Milvus is built: a number
// that does not fit becomes the least integer.
func toInt64(f float64) int64 {
	if !(f >= -(1<<63) && f < 1<<63) {
		return math.MinInt64
	}
	return int64(f)
}

func integerArithmetic(sign tokenKind, a, b int64) int64 {
	switch sign {
	case plusToken:
		return a + b
	case minusToken:
		return a - b
	case timesToken:
		return a * b
	case divideToken:
		return a / b // Go, as C++, rounds towards zero; the least integer by -1 is itself.
	default:
		return a % b
	}
}

func floatArithmetic(sign tokenKind, a, b float64) float64 {
	switch sign {
	case plusToken:
		return a + b
	case minusToken:
		return a - b
	case timesToken:
		return a * b
	case divideToken:
		return a / b
	default:
		return math.Mod(a, b)
	}
}

// compareConstants computes a comparison of two literals.
func compareConstants(sign tokenKind, a, b value) (value, error) {
	order, ok := a.compare(b)
	if !ok || a.kind == boolKind && sign != equalToken && sign != unequalToken {
		return value{}, errNothing
	}
	return boolValue(satisfies(sign, order)), nil
}

// satisfies reports whether a comparison holds between two values in this order.
func satisfies(sign tokenKind, order int) bool {
	switch sign {
	case equalToken:
		return order == 0
	case unequalToken:
		return order != 0
	case lessToken:
		return order < 0
	case lessEqualToken:
		return order <= 0
	case greaterToken:
		return order > 0
	default:
		return order >= 0
	}
}

// unaryConstant computes a prefix operator on a literal.
func unaryConstant(sign tokenKind, v value, text string) (value, error) {
	switch {
	case sign == plusToken:
		return v, nil
	case sign == minusToken && v.kind == intKind:
		return intValue(-v.n), nil
	case sign == minusToken && v.kind == floatKind:
		return floatValue(-v.f), nil
	case sign == notToken && v.kind == boolKind:
		return boolValue(v.n == 0), nil
	case sign == minusToken || sign == notToken:
		return value{}, errNothing
	default:
		return value{}, fmt.Errorf("unexpected op: %s", text)
	}
}
