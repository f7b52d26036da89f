// SPDX-License-Identifier: Apache-2.0

package differential

import "regexp"

// left is a class of differences that stays on purpose. The doc comment of milvustest
// has the same rows.
type left struct {
	class   string
	example string
	reason  string

	// A difference is of this class if it matches all of these. An empty one matches all.
	kind    string // regular expression for the kind
	request string // for the text of the request
	real    string // for the answer of Milvus 2.3.5
	chance  string // for the class of chance
}

// leftOnPurpose are the differences between milvustest and Milvus 2.3.5 that stay.
var leftOnPurpose = []left{
	{
		class: otherRow, example: "a query that finds a key which was inserted into two partitions",
		reason: "Milvus shows the row of the partition that answers first; milvustest shows the oldest row", chance: "^" + otherRow + "$",
	},
	{
		class: takenPlaces, example: "a search whose limit cuts equal scores, one of them of a second row of a key",
		reason: "each segment finds its nearest rows, and the second row of a key falls away afterwards; which rows share a segment, and which of equal scores it keeps, is chance in Milvus",
		kind:   "search", chance: "^" + takenPlaces + "$",
	},
	{
		class: "order of equal scores", example: "the scores 0.25 and 0.25 of the keys 6 and 5",
		reason: "the order in Milvus is that of a heap; milvustest orders by the key",
		kind:   "^raw search$", request: "topk=16384",
	},
	{
		class: "stale cache of the proxy", example: "a search by an alias of a collection that was released",
		reason: "the proxy of Milvus forgets the old node by the name of the collection alone, and the node does not know the collection or its channel; milvustest says that the collection is not loaded",
		real:   `^65535 failed to search/query delegator .*reason=(collection|channel) not found`,
	},
	{
		class: "state of no compaction", example: "GetCompactionState without an id",
		reason:  "Milvus answers whether any compaction runs, and there is none in milvustest",
		request: "^raw! GetCompactionStateRequest {}",
	},
	{
		class: "version", example: "GetVersion", reason: "the version of milvustest is the one that it was given",
		request: "GetVersionRequest",
	},
}

// leftOfLite are the differences between milvustest as a later release and milvus-lite in
// the requests of [Later].
var leftOfLite = []left{
	{
		class: "chains, remainders, lists of JSON", example: `1 < k <= 3, k % 2 == 1, j["a"] in [1, 2]`,
		reason:  "milvus-lite does not read them; every Milvus does",
		request: `Filter="(array_length\(j\[|j\[\\"a\\"\] in|k % |1 < k <= )`, real: `^6 `,
	},
	{
		class: "NOT binds tighter than IN", example: "NOT k IN [2]",
		reason:  "milvus-lite negates the whole; Milvus reads (NOT k) IN [2] and refuses it",
		request: `Filter="NOT k IN `,
	},
	{
		class: "null exists", example: `exists j["a"] for {"a": null}`,
		reason:  "milvus-lite says no; Milvus 2.3.5 says yes, and no later one was at hand",
		request: `Filter="exists j\[\\"a\\"\]"`,
	},
	{
		class: "weights above one", example: "the weights 1.5 and 0.5",
		reason:  "milvus-lite does not check them; Milvus refuses them",
		request: `^hybrid .*Params="weighted 1.5`,
	},
	{
		class: "an alias again", example: "CreateAlias with the alias and the collection that it has",
		reason: "milvus-lite refuses it; Milvus 2.3.5 takes it",
		kind:   "^later: alias$", real: "already exists",
	},
}

// Left returns the classes of the differences that stay on purpose.
func Left() []string {
	classes := make([]string, len(leftOnPurpose))
	for i, l := range leftOnPurpose {
		classes[i] = l.class
	}
	return classes
}

// leftAs returns the class of the difference in the table, "" if it is in none.
func leftAs(table []left, d Difference) string {
	for _, l := range table {
		if matches(l.chance, d.Chance) && matches(l.kind, d.Kind) && matches(l.request, d.Request) && matches(l.real, d.Real.String()) {
			return l.class
		}
	}
	return ""
}

func matches(pattern, text string) bool {
	return pattern == "" || regexp.MustCompile(pattern).MatchString(text)
}
