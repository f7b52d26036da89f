// SPDX-License-Identifier: Apache-2.0

package milvusbase

import (
	"errors"
	"regexp"
)

// dumped is the text of the old SDK's error about a column of a wrong type. In place of
// the type the text has the whole column: every value of every row.
var dumped = regexp.MustCompile(`(?s)^param column (.*?) has type type:(\w+) .* but collection field definition is (\w+)$`)

// adviceRows is what to do about rows that do not fit the schema.
const adviceRows = "give each field of the schema one value for each row, of the type that DescribeCollection returns"

// RowsProblem returns the error of an SDK that found that rows do not fit the schema,
// without the rows and with what to do about it.
func RowsProblem(err error) error {
	text := err.Error()
	if m := dumped.FindStringSubmatch(text); m != nil {
		text = "column " + m[1] + " has type " + m[2] + " but the field of the collection has type " + m[3]
	}
	return errors.New(text + ": " + adviceRows)
}
