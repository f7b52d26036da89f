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
}

// leftOnPurpose are the differences between milvustest and Milvus 2.3.5 that stay.
var leftOnPurpose = []left{}

// leftAs returns the class of the difference in the table, "" if it is in none.
func leftAs(d Difference) string {
	for _, l := range leftOnPurpose {
		if matches(l.kind, d.Kind) && matches(l.request, d.Request) && matches(l.real, d.Real.String()) {
			return l.class
		}
	}
	return ""
}

func matches(pattern, text string) bool {
	return pattern == "" || regexp.MustCompile(pattern).MatchString(text)
}
