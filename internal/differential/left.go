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
	chance  bool   // true if it must be a Difference with Chance
}

// leftOnPurpose are the differences between milvustest and Milvus 2.3.5 that stay.
var leftOnPurpose = []left{
	{
		class: "a key with rows in several partitions", example: "a query that finds a key which was inserted into two partitions",
		reason: "Milvus shows the row of the partition that answers first; milvustest shows the oldest row", chance: true,
	},
	{
		class: "order of equal scores", example: "the scores 0.25 and 0.25 of the keys 6 and 5",
		reason: "the order in Milvus is that of a heap; milvustest orders by the key",
		kind:   "^raw search$", request: "topk=16384",
	},
	{
		class: "stale cache of the proxy", example: "a search by an alias of a collection that was released",
		reason: "the proxy of Milvus forgets the old node by the name of the collection alone, and the node does not know the collection; milvustest says that the collection is not loaded",
		real:   `^65535 failed to search/query delegator .*reason=collection not found`,
	},
	{
		class: "version", example: "GetVersion", reason: "the version of milvustest is the one that it was given",
		request: "GetVersionRequest",
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
func leftAs(d Difference) string {
	for _, l := range leftOnPurpose {
		if (d.Chance || !l.chance) && matches(l.kind, d.Kind) && matches(l.request, d.Request) && matches(l.real, d.Real.String()) {
			return l.class
		}
	}
	return ""
}

func matches(pattern, text string) bool {
	return pattern == "" || regexp.MustCompile(pattern).MatchString(text)
}
