// SPDX-License-Identifier: Apache-2.0

package milvusbase

import (
	"context"
	"strings"

	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
)

// mark ends the caller's filter of an iterator, and then its database. No server takes a
// filter that has it.
const mark = "\x00"

// MarkIterator returns the filter for an iterator of the SDK, by which [Iterated] knows the
// requests of the iterator.
func MarkIterator(filter, database string) string { return filter + mark + database + mark }

// Iterated returns the context of a request, which is in the database of the iterator if
// an iterator makes it, and puts the filter of the iterator in order. The SDKs add the
// key of the last row to the filter, and do not look into it: a key with a quotation
// mark would be a part of the filter.
func Iterated(ctx context.Context, req any) context.Context {
	r, ok := req.(*milvuspb.QueryRequest)
	if !ok {
		return ctx
	}
	filter, rest, ok := strings.Cut(r.GetExpr(), mark)
	if !ok {
		return ctx
	}
	database, next, _ := strings.Cut(rest, mark)
	if next != "" { // the SDK has put: (filter) and name > key
		filter = strings.TrimPrefix(filter, "(")
		next = strings.TrimPrefix(next, ") and ")
		if name, key, text := strings.Cut(next, ` > "`); text {
			next = name + ` > "` + EscapeKey(strings.TrimSuffix(key, `"`)) + `"`
		}
		if filter != "" {
			next = "(" + filter + ") and " + next
		}
		filter = next
	}
	r.Expr = filter
	return WithDatabase(ctx, database)
}

// EscapeKey returns what stands between the quotation marks of a filter for a key. The SDKs
// put quotation marks around a key and do not look into it, so that a key with a quotation
// mark would be a part of the filter, and might match other rows.
func EscapeKey(key string) string { return escaper.Replace(key) }

var escaper = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", `\r`)
