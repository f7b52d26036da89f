// SPDX-License-Identifier: Apache-2.0

package milvustest

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
)

type kind int

const (
	noKind kind = iota // a missing key of a JSON value
	boolKind
	intKind
	floatKind
	stringKind
	jsonKind
	arrayKind
)

// value is a value in a filter: a literal, or the value of a field in a row.
type value struct {
	kind kind
	n    int64 // of an int, and 1 for a bool that is true
	f    float64
	s    string
	raw  []byte  // of JSON
	list []value // of an array: its elements, all of one kind in a field of type Array
}

func boolValue(b bool) value {
	if b {
		return value{kind: boolKind, n: 1}
	}
	return value{kind: boolKind}
}

func intValue(n int64) value     { return value{kind: intKind, n: n} }
func floatValue(f float64) value { return value{kind: floatKind, f: f} }
func stringValue(s string) value { return value{kind: stringKind, s: s} }

// arrayValue is the value of a field of type Array, which filters read only.
func arrayValue(list []value) value { return value{kind: arrayKind, list: list} }

func (v value) isNumber() bool { return v.kind == intKind || v.kind == floatKind }

func (v value) float() float64 {
	if v.kind == intKind {
		return float64(v.n)
	}
	return v.f
}

// compare orders two values. Values of different kinds have no order, except for
// numbers.
func (v value) compare(w value) (order int, ok bool) {
	switch {
	case v.kind == intKind && w.kind == intKind, v.kind == boolKind && w.kind == boolKind:
		return cmp.Compare(v.n, w.n), true
	case v.isNumber() && w.isNumber():
		return cmp.Compare(v.float(), w.float()), true
	case v.kind == stringKind && w.kind == stringKind:
		return cmp.Compare(v.s, w.s), true
	case v.kind == arrayKind && w.kind == arrayKind:
		if slices.EqualFunc(v.list, w.list, value.equal) {
			return 0, true
		}
		return 1, true // Arrays are equal or not; they have no order.
	default:
		return 0, false
	}
}

func (v value) equal(w value) bool {
	order, ok := v.compare(w)
	return ok && order == 0
}

// String writes a literal as Milvus does in its errors.
func (v value) String() string {
	switch v.kind {
	case boolKind:
		return fmt.Sprintf("bool_val:%t", v.n == 1)
	case intKind:
		return fmt.Sprintf("int64_val:%d", v.n)
	case floatKind:
		return "float_val:" + strconv.FormatFloat(v.f, 'g', -1, 64)
	case stringKind:
		return fmt.Sprintf("string_val:%q", v.s)
	case arrayKind:
		var text strings.Builder
		for _, element := range v.list {
			fmt.Fprintf(&text, "array:<%s > ", element)
		}
		if t := elementTypeOf(v.list); t != schemapb.DataType_None {
			fmt.Fprintf(&text, "same_type:true element_type:%s ", t)
		}
		return fmt.Sprintf("array_val:<%s> ", &text)
	default:
		return ""
	}
}
