// SPDX-License-Identifier: Apache-2.0

package milvustest

import (
	"bytes"
	"cmp"
	"encoding/json"
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

// find returns the part of a JSON value at a path of keys, and of indexes of lists.
func find(raw []byte, path []string) (part []byte, ok bool) {
	raw = bytes.TrimSpace(raw)
	for _, key := range path {
		switch {
		case len(raw) == 0:
			return nil, false
		case raw[0] == '{':
			var object map[string]json.RawMessage
			if json.Unmarshal(raw, &object) != nil {
				return nil, false
			}
			if raw, ok = object[key]; !ok {
				return nil, false
			}
		case raw[0] == '[':
			var list []json.RawMessage
			i, err := strconv.Atoi(key)
			if err != nil || key != strconv.Itoa(i) || json.Unmarshal(raw, &list) != nil || i < 0 || i >= len(list) {
				return nil, false
			}
			raw = list[i]
		default:
			return nil, false
		}
	}
	return bytes.TrimSpace(raw), true
}

// lookUp returns the value at a path in a JSON value. The kind is noKind if there is
// none, and for null and an object, which no literal of a filter is equal to.
func lookUp(raw []byte, path []string) value {
	part, ok := find(raw, path)
	if !ok {
		return value{}
	}
	return decode(part)
}

func decode(raw []byte) value {
	if len(raw) == 0 {
		return value{}
	}
	switch raw[0] {
	case 't', 'f':
		return boolValue(raw[0] == 't')
	case '"':
		var s string
		if json.Unmarshal(raw, &s) != nil {
			return value{}
		}
		return stringValue(s)
	case '[':
		var list []json.RawMessage
		if json.Unmarshal(raw, &list) != nil {
			return value{}
		}
		v := arrayValue(make([]value, len(list)))
		for i, element := range list {
			v.list[i] = decode(bytes.TrimSpace(element))
		}
		return v
	case 'n', '{':
		return value{}
	default:
		if n, err := strconv.ParseInt(string(raw), 10, 64); err == nil {
			return intValue(n)
		}
		f, err := strconv.ParseFloat(string(raw), 64)
		if err != nil {
			return value{}
		}
		return floatValue(f)
	}
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
