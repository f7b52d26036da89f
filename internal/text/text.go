// SPDX-License-Identifier: Apache-2.0

// Package text makes strings fit for telemetry. One string that is not valid UTF-8
// makes an exporter drop everything that it sends together with that string, and a
// metric keeps the string until the process ends.
package text

import (
	"strings"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"
)

// Max is how many characters a string has in telemetry at most.
const Max = 256

const (
	ellipsis    = "…"
	replacement = string(utf8.RuneError)
)

// Clean returns s in valid UTF-8 and with at most Max characters. Each run of bad
// bytes becomes one U+FFFD, and a string that is too long ends with an ellipsis. A
// string that is clean already is returned as it is, without an allocation.
func Clean(s string) string {
	if len(s) <= Max && utf8.ValidString(s) {
		return s
	}
	short, whole := cut(s)
	short = strings.ToValidUTF8(short, replacement)
	if !whole {
		short += ellipsis
	}
	return short
}

// cut returns the beginning of s that has room before an ellipsis, or s itself if
// it has at most Max characters. It reads no more of s than that.
func cut(s string) (short string, whole bool) {
	n, last := 0, 0
	for i := range s {
		switch n++; {
		case n == Max:
			last = i
		case n > Max:
			return s[:last], false
		}
	}
	return s, true
}

// Attribute returns kv with a clean key, and with every string in its value clean.
func Attribute(kv attribute.KeyValue) attribute.KeyValue {
	return attribute.KeyValue{Key: attribute.Key(Clean(string(kv.Key))), Value: value(kv.Value)}
}

func value(v attribute.Value) attribute.Value {
	switch v.Type() {
	case attribute.STRING:
		return attribute.StringValue(Clean(v.AsString()))
	case attribute.STRINGSLICE:
		from := v.AsStringSlice() // a copy
		for i, s := range from {
			from[i] = Clean(s)
		}
		return attribute.StringSliceValue(from)
	case attribute.SLICE:
		from := v.AsSlice()
		clean := make([]attribute.Value, len(from))
		for i, inner := range from {
			clean[i] = value(inner)
		}
		return attribute.SliceValue(clean...)
	case attribute.MAP:
		from := v.AsMap()
		clean := make([]attribute.KeyValue, len(from))
		for i, kv := range from {
			clean[i] = Attribute(kv)
		}
		return attribute.MapValue(clean...)
	default:
		return v
	}
}
