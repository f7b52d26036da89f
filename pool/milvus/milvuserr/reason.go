// SPDX-License-Identifier: Apache-2.0

package milvuserr

import (
	"regexp"
	"strings"
)

// Milvus 2.3 has one code, 65535, for most mistakes of a statement and for its own
// failures, and later servers have it too for what they did not foresee. Only the
// text tells one from the other. Texts of failures are endless, texts of mistakes are
// not: so a text counts as a failure unless it is known as a mistake.
var (
	mistake = regexp.MustCompile("(?i)" + strings.Join([]string{
		// The filter.
		`cannot parse expression`, `predicate is not a boolean`, `failed to create (query|expr) plan`, `invalid expression`,
		`empty expression should be`, `unsupported (\w+ )?(data ?type|expr)`, `core/src/query/Plan\w*\.cpp`,
		// What the statement names.
		`partition name \S+ not found`, `field \S+ not exist`, `fieldName\(.*\) not found`, `not found the role`,
		`invalid (\w+ )?(name|parameter|index type)`, `is not of vector data type`, `cannot be dropped`, `create duplicate`,
		`\b(database|collection|partition|index|alias|role|user|group)\b.*already exists?\b`,
		// Numbers and vectors.
		`should be in range`, `should be limited to`, `out of range: \[`, `invalid max query result window`,
		`metric type not match`, `dimension mismatch`, `is not a number or infinity`, `exceeds max length`,
	}, "|"))
	notReadyYet = regexp.MustCompile(`\b(collection|partition|segment) not (fully )?loaded|service not ready`)
)

// meaningOf returns what a reason says if the code says nothing. A mistake comes
// first: the parts of a server pass it on, and the other parts cancel their work
// because of it.
func meaningOf(reason string) meaning {
	switch {
	case mistake.MatchString(reason):
		return statement
	case notReadyYet.MatchString(reason):
		return notReady
	default:
		return unknown
	}
}
