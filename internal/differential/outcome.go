// SPDX-License-Identifier: Apache-2.0

package differential

import (
	"math"
	"slices"
)

// The codes of an Outcome that no server sends.
const (
	codeClient = -1   // the SDK or the adapter refused the request, or could not read the answer
	codeGRPC   = -100 // a gRPC status: codeGRPC - its code
)

// Outcome is the normal form of an answer.
type Outcome struct {
	// Code is the error code of the server, or one of the codes above; 0 is success.
	Code int32 `json:"code,omitempty"`
	// Reason is the text of the error, for readers. It is not compared.
	Reason string `json:"reason,omitempty"`
	// Rows are the rows of a query in their order, or the facts of another answer.
	Rows []string `json:"rows,omitempty"`
	// Hits are the hits of each query vector of a search.
	Hits [][]Hit `json:"hits,omitempty"`
	// Cut says that a limit or an offset may have cut a group of equal scores.
	First bool `json:"first,omitempty"`
	Last  bool `json:"last,omitempty"`
}

// Hit is one hit of a search.
type Hit struct {
	ID    string  `json:"id"`
	Score float64 `json:"score"`
	Row   string  `json:"row,omitempty"`
}

// Agreement says how two outcomes compare.
type Agreement int

const (
	Same       Agreement = iota // the same
	Tie                         // the same, but for the order of equal scores
	OtherCode                   // both failed, with different codes
	OtherValue                  // both succeeded, with different values
	OneFailed                   // one failed
)

// String returns the letter of the report.
func (a Agreement) String() string { return [...]string{"same", "tie", "c", "v", "e"}[a] }

// Agrees reports whether the outcomes agree.
func (a Agreement) Agrees() bool { return a <= Tie }

// compare compares two outcomes of one request.
func compare(a, b Outcome) Agreement {
	switch {
	case (a.Code == 0) != (b.Code == 0):
		return OneFailed
	case a.Code != b.Code:
		return OtherCode
	case a.Code != 0:
		return Same
	case !slices.Equal(a.Rows, b.Rows) || len(a.Hits) != len(b.Hits):
		return OtherValue
	}
	result := Same
	for i := range a.Hits {
		result = max(result, compareHits(a.Hits[i], b.Hits[i], a.First, a.Last))
		if result == OtherValue {
			return result
		}
	}
	return result
}

// compareHits compares the hits of one vector. first and last say that the first or the
// last group of equal scores may be cut: then which of its rows are there is chance.
func compareHits(a, b []Hit, first, last bool) Agreement {
	if len(a) != len(b) {
		return OtherValue
	}
	for i := range a {
		if !near(a[i].Score, b[i].Score) {
			return OtherValue
		}
	}
	if slices.EqualFunc(a, b, sameHit) {
		return Same
	}
	for begin := 0; begin < len(a); {
		end := begin + 1
		for end < len(a) && near(a[end].Score, a[end-1].Score) {
			end++
		}
		cut := begin == 0 && first || end == len(a) && last
		if !cut && !sameSet(a[begin:end], b[begin:end]) {
			return OtherValue
		}
		begin = end
	}
	return Tie
}

func sameHit(a, b Hit) bool { return a.ID == b.ID && a.Row == b.Row }

// sameSet reports whether two groups hold the same hits, in any order.
func sameSet(a, b []Hit) bool {
	left := slices.Clone(b)
	for _, hit := range a {
		at := slices.IndexFunc(left, func(other Hit) bool { return sameHit(hit, other) })
		if at < 0 {
			return false
		}
		left = slices.Delete(left, at, at+1)
	}
	return true
}

// near reports whether two scores are the same within 1e-5.
func near(a, b float64) bool {
	return a == b || math.Abs(a-b) <= 1e-5*max(math.Abs(a), math.Abs(b), 0.1) || math.IsNaN(a) && math.IsNaN(b)
}
