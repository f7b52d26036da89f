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
		`partition name \S+ not found`, `field \S+ not exist`, `fieldName\(.*\) not found`, `not found the (role|user)\b`,
		`invalid (\w+ )?(name|parameter|index type)`, `is not of vector data type`, `cannot be (dropped|deleted)`, `create duplicate`,
		`\b(database|collection|partition|index|alias|role|user|group)\b.*already exists?\b`,
		`non-exist field`, `collection not found\[`, `parse output field name failed`, `duplicated (new collection|field) name`, `no partition specified`,
		`not empty, must drop all collections`, `(can ?not|delete) (drop )?(the collection via alias|default (database|rg))`,
		`not found in (search_params|request)`, `entity in the request is nil`, `get authorization from the md`,
		// Numbers and vectors.
		`should be in range`, `should be limited to`, `out of range: \[`, `invalid max query result window`,
		`metric type not (match|found or not supported)`, `dimension mismatch`, `is not a number or infinity`, `exceeds max length`,
		`^(topk|offset|limit|nq|round_decimal) \[.*\] is invalid`, `should divide the dim`, `^dimension must be able to be divided`,
		`RangeSearchHelper\.cpp`, `invalid value in json`, `json\.exception\.`, `^strconv\.\w+: parsing`, `empty search request`,
		`count entities with pagination`, `^service unavailable: \w+ deprecated$`, `(unexpected end of|invalid character .*) JSON input$|json: cannot unmarshal|IO failed: invalid character`,
		// The schema of a collection, and its indexes.
		`not defined in field type params`, `primary key is not specified`, `more than one primary key`, `data type of (primary|partition) key`,
		`type param\(\w+\) should be specified`, `only primary field can`, `multiple vector fields`, `element type \w+ is not supported`,
		`if partition key mode is used`, `with partition key field enabled`, `^proto:.cannot parse`, `^\S+ is not supported now$`,
		`one distinct index is allowed`, `multiple indexes on same field`, `unmarshal params failed`, `vector is only supported`,
	}, "|"))
	notReadyYet = regexp.MustCompile(`\b(collection|partition|segment) not (fully )?loaded|service not ready|^nodes not enough`)
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
