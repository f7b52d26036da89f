// SPDX-License-Identifier: Apache-2.0

package milvustest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"io"
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
	default:
		return 0, false
	}
}

func (v value) equal(w value) bool {
	order, ok := v.compare(w)
	return ok && order == 0
}

// lookUp returns the value at a path of keys in a JSON value.
func lookUp(raw []byte, path []string) value {
	for _, key := range path {
		var object map[string]json.RawMessage
		if json.Unmarshal(raw, &object) != nil {
			return value{}
		}
		raw = object[key]
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber() // Keeps every digit of an integer.
	var decoded any
	if err := dec.Decode(&decoded); err != nil && err != io.EOF {
		return value{}
	}
	switch x := decoded.(type) {
	case bool:
		return boolValue(x)
	case string:
		return stringValue(x)
	case json.Number:
		if n, err := x.Int64(); err == nil {
			return intValue(n)
		}
		f, _ := x.Float64()
		return floatValue(f)
	default:
		return value{}
	}
}
