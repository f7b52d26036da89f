// SPDX-License-Identifier: Apache-2.0

package milvustest

import (
	"encoding/json"
	"iter"
	"strconv"
)

// The functions below read JSON that is valid: it was checked when it was inserted.
// They read no more of it than they need.

// find returns the part of a JSON value at a path of keys, and of indexes of lists. As
// in Milvus, a key is compared as it is written, with its escapes, and the first of two
// equal keys counts.
func find(raw []byte, path []string) (part []byte, ok bool) {
	raw = raw[spaceOf(raw):]
	for _, key := range path {
		if raw, ok = child(raw, key); !ok {
			return nil, false
		}
	}
	return raw[:sizeOf(raw)], true
}

// child returns the value of a key in the object, or of an index in the list, at the
// beginning of raw.
func child(raw []byte, key string) (value []byte, ok bool) {
	if len(raw) == 0 {
		return nil, false
	}
	switch raw[0] {
	case '{':
		for name, value := range members(raw) {
			if string(name) == key {
				return value, true
			}
		}
	case '[':
		wanted, err := strconv.Atoi(key)
		if err != nil || key != strconv.Itoa(wanted) {
			return nil, false
		}
		for _, value := range members(raw) {
			if wanted == 0 {
				return value, true
			}
			wanted--
		}
	}
	return nil, false
}

// members yields the members of the object, or the elements of the list, at the
// beginning of raw: the name, without its quotes, and the value with all that follows.
// An element has no name.
func members(raw []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(name, value []byte) bool) {
		isObject := raw[0] == '{'
		for {
			raw = raw[1:] // the bracket or the comma
			raw = raw[spaceOf(raw):]
			if len(raw) == 0 || raw[0] == '}' || raw[0] == ']' {
				return
			}
			var name []byte
			if isObject {
				size := sizeOf(raw)
				name = raw[1 : size-1]
				raw = raw[size:]
				raw = raw[spaceOf(raw)+1:] // the colon
				raw = raw[spaceOf(raw):]
			}
			if !yield(name, raw) {
				return
			}
			raw = raw[sizeOf(raw):]
			raw = raw[spaceOf(raw):]
			if len(raw) == 0 || raw[0] != ',' {
				return
			}
		}
	}
}

// spaceOf returns the size of the white space at the beginning of raw.
func spaceOf(raw []byte) int {
	for i, c := range raw {
		if !isSpace(c) {
			return i
		}
	}
	return len(raw)
}

// sizeOf returns the size of the value at the beginning of raw.
func sizeOf(raw []byte) int {
	depth := 0
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; c {
		case '"':
			for i++; i < len(raw) && raw[i] != '"'; i++ {
				if raw[i] == '\\' {
					i++
				}
			}
			if depth == 0 {
				return min(i+1, len(raw))
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 { // the end of what the value is in
				return i
			}
			if depth--; depth == 0 {
				return i + 1
			}
		default:
			if depth == 0 && (c == ',' || isSpace(c)) {
				return i
			}
		}
	}
	return len(raw)
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

// decode returns the value that raw is.
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
		v := arrayValue([]value{})
		for _, element := range members(raw) {
			v.list = append(v.list, decode(element[:sizeOf(element)]))
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
