// SPDX-License-Identifier: Apache-2.0

// Package enum writes and reads the values of an enumerated type as text, for files
// and logs. The text of a value is its String.
package enum

import (
	"fmt"
	"slices"
	"strings"
)

// Value is a value of an enumerated type.
type Value interface {
	~uint8 | ~int8
	fmt.Stringer
}

// Text returns the text of v. The error says that v is not one of values.
func Text[T Value](v T, values ...T) ([]byte, error) {
	if !slices.Contains(values, v) {
		return nil, fmt.Errorf("%d is no %T, want %s", v, v, list(values))
	}
	return []byte(v.String()), nil
}

// Parse sets *to to the value with that text. The error says that none of values has
// the text.
func Parse[T Value](to *T, text []byte, values ...T) error {
	at := slices.IndexFunc(values, func(v T) bool { return v.String() == string(text) })
	if at < 0 {
		return fmt.Errorf("%q is no %T, want %s", text, *to, list(values))
	}
	*to = values[at]
	return nil
}

// list returns the texts of values as a sentence has them.
func list[T Value](values []T) string {
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = v.String()
	}
	last := len(texts) - 1
	return strings.Join(texts[:last], ", ") + " or " + texts[last]
}
