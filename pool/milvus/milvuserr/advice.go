// SPDX-License-Identifier: Apache-2.0

package milvuserr

import (
	"regexp"
	"slices"

	"google.golang.org/grpc/codes"
)

// advice says what to do about an error. docs/milvus.md has the same table.
type advice struct {
	name   string // of the row in docs/milvus.md
	codes  []int32
	grpc   codes.Code
	method string         // if it is for one RPC alone
	reason *regexp.Regexp // if the code alone does not tell
	text   string
}

// advices are in the order in which they are tried.
var advices = []advice{
	{
		name: "flush limited", codes: []int32{codeRateLimit}, method: "Flush",
		text: "an insert needs no flush, its rows are found without: leave Flush out; Milvus allows one in ten seconds",
	},
	{
		name: "rate limited", codes: []int32{4, codeRateLimit, 1807},
		text: "send fewer and larger requests, or raise quotaAndLimits of the server; the retry stage waits as long as the server says",
	},
	{
		name: "quota", codes: []int32{3, 7, 9, 11, 12, 1303},
		text: "the server refuses writes or loads until memory or disk is free: release collections, delete rows, or give it more",
	},
	{
		name: "not loaded", codes: []int32{101, 103, 201, 202}, text: adviceLoad,
	},
	{
		name: "not loaded", reason: regexp.MustCompile(`\b(collection|partition) not (fully )?loaded`), text: adviceLoad,
	},
	{
		name: "no index", codes: []int32{700},
		text: "create an index of each vector field by CreateIndex before LoadCollection",
	},
	{
		name: "collection not found", codes: []int32{CodeCollectionNotFound},
		text: "check the name, and that the database of the call is the collection's: Config.Database or WithDatabase",
	},
	{
		name: "partition not found", codes: []int32{200}, text: advicePartition,
	},
	{
		name: "partition not found", reason: regexp.MustCompile(`^partition name \S+ not found`), text: advicePartition,
	},
	{
		name: "database not found", codes: []int32{800},
		text: "create the database by CreateDatabase, or correct Config.Database",
	},
	{
		name: "credentials", codes: []int32{codeNotAuthenticated, codeNeedAuthenticate}, text: adviceCredentials,
	},
	{
		name: "credentials", grpc: codes.Unauthenticated, text: adviceCredentials,
	},
	{
		name: "permission", codes: []int32{1401},
		text: "grant the privilege to a role of the user, or use another user",
	},
	{
		name: "message too large", grpc: codes.ResourceExhausted, reason: regexp.MustCompile(`larger than max`),
		text: "send fewer rows in a request: Milvus takes 64 MB; a reply grows with top k and with the output fields",
	},
	{
		name: "wrong metric", reason: regexp.MustCompile(`metric type not match`),
		text: "search with the metric of the index, which DescribeIndex returns",
	},
	{
		name: "wrong dimension", reason: regexp.MustCompile(`dimension mismatch|should divide the dim|element\.line_sizeof_|vector dimension`),
		text: "give vectors of the type and the dimension of the field, which DescribeCollection returns",
	},
	{
		name: "unknown field", codes: []int32{CodeFieldNotFound}, text: adviceField,
	},
	{
		name:   "unknown field",
		reason: regexp.MustCompile(`field \S+ not exist|fieldName\(.*\) not found|parse output field name failed|non-exist field`), text: adviceField,
	},
	{
		name: "no filter", reason: regexp.MustCompile(`empty expression should be`),
		text: "give Query a filter, or a limit by client.WithLimit",
	},
	{
		name: "filter", reason: regexp.MustCompile(`cannot parse expression|failed to create (query|expr) plan|predicate is not a boolean`),
		text: "correct the filter: put strings in quotation marks, and compare a field with a value of its type",
	},
	{
		name: "too many rows asked", reason: regexp.MustCompile(`should be in range \[1, 16384\]`),
		text: "ask for at most 16384 rows, offset and limit together; QueryIterator reads more",
	},
	{
		name: "collection differs", reason: regexp.MustCompile(`create duplicate collection with different parameters`),
		text: "drop the collection first, or use the schema, the shards and the level that DescribeCollection returns",
	},
	{
		name: "rows do not fit", codes: []int32{CodeSchemaMismatch},
		text: "give each field of the schema, and no other unless the schema is dynamic",
	},
}

const (
	adviceLoad        = "load the collection by LoadCollection, and wait until it is loaded"
	advicePartition   = "check the name, or create the partition by CreatePartition"
	adviceCredentials = "correct Username and Password or APIKey; Config.Credentials gives new ones without a restart"
	adviceField       = "check the name against DescribeCollection; other names need a dynamic schema"
)

// Advice returns what to do about the error, in one sentence without a full stop, and ""
// if nothing is known that helps. Error has it too.
func (e *Error) Advice() string {
	for i := range advices {
		if advices[i].fits(e) {
			return advices[i].text
		}
	}
	return ""
}

func (a *advice) fits(e *Error) bool {
	switch {
	case a.method != "" && a.method != e.Method,
		a.codes != nil && !slices.Contains(a.codes, e.Code),
		a.grpc != codes.OK && a.grpc != e.GRPC:
		return false
	case a.reason == nil:
		return true
	case a.grpc == codes.OK && e.Code == 0:
		return false // the reasons are the server's
	}
	return a.reason.MatchString(e.Reason)
}
