// SPDX-License-Identifier: Apache-2.0

package milvustest

import (
	"slices"

	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
)

// containsCondition holds if a list has a value, all of some values, or any of them.
type containsCondition struct {
	field  *fieldRef
	kind   tokenKind
	wanted []value
}

func (c containsCondition) compile(e *evaluation) (predicate, error) {
	isArray := c.field.dataType == schemapb.DataType_Array
	if isArray {
		if err := c.checkArray(); err != nil {
			return e.fails(err), nil
		}
	}
	at := c.field.reader()
	return func(row int) bool {
		v := at(row)
		if v.kind != arrayKind {
			return false
		}
		has := func(w value) bool { return slices.ContainsFunc(v.list, w.contained) }
		if isArray {
			has = func(w value) bool {
				return slices.ContainsFunc(v.list, func(element value) bool { return element.readAs(w.kind).equal(w) })
			}
		}
		switch c.kind {
		case containsAllToken:
			return !slices.ContainsFunc(c.wanted, func(w value) bool { return !has(w) })
		default:
			return slices.ContainsFunc(c.wanted, has)
		}
	}, nil
}

// checkArray returns the error for what Milvus cannot look for in an array.
func (c containsCondition) checkArray() error {
	if len(c.field.path) > 0 {
		return unsupported("[ExecArrayContains]nested path must be null")
	}
	for _, v := range c.wanted {
		if v.kind == arrayKind {
			return unsupported("unsupported data type kArrayVal")
		}
		if v.kind != c.wanted[0].kind {
			return unsupported("unsupported data type VAL_NOT_SET")
		}
	}
	return nil
}

// contained reports whether an element of a JSON list is v. A float literal is equal
// to an integer in the list; an integer literal is not equal to a float.
func (v value) contained(element value) bool {
	switch {
	case v.kind == intKind && element.kind != intKind:
		return false
	case v.kind == arrayKind:
		return element.kind == arrayKind && slices.EqualFunc(v.list, element.list, value.contained)
	default:
		return element.equal(v)
	}
}

// readAs returns the number that Milvus reads from an array for a literal of a kind:
// for an integer it drops the fraction of a float.
func (v value) readAs(k kind) value {
	if v.kind == floatKind && k == intKind {
		return intValue(toInt64(v.f))
	}
	return v
}

// lengthCondition compares the length of a list. What is no list has length 0.
type lengthCondition struct {
	field *fieldRef
	sign  tokenKind
	value value
}

func (c lengthCondition) compile(e *evaluation) (predicate, error) {
	at := c.field.reader()
	if c.field.isElement() { // Milvus ignores the index.
		at = c.field.column.value
	}
	return func(row int) bool {
		return compare(intValue(int64(len(at(row).list))), c.sign, c.value)
	}, nil
}
