// SPDX-License-Identifier: Apache-2.0

package differential_test

import (
	"testing"

	"github.com/penstock-go/penstock/internal/differential"
)

// A key in two partitions has two rows, and chance shows one. That explains another row
// of this key, and that one hit of a search made room for the second row; nothing else.
func TestChanceExplainsTheRowOfAKeyInTwoPartitions(t *testing.T) {
	insert := func(in string, rows string) differential.Request {
		return differential.Request{Do: "insert", On: "c", In: []string{in}, Text: rows}
	}
	query := differential.Request{Do: "query", On: "c", Filter: "id > 0", Out: []string{"id", "k"}}
	search := differential.Request{Do: "search", On: "c", Field: "v", Vectors: "[[1]]"}
	requests := []differential.Request{insert("_default", `{"id":1,"k":1} {"id":2,"k":1}`), insert("p", `{"id":1,"k":2}`), query, search}
	rows := func(rows ...string) differential.Outcome { return differential.Outcome{Rows: rows} }
	hits := func(score float64, row string) differential.Outcome {
		return differential.Outcome{Hits: [][]differential.Hit{{{ID: "1", Score: score, Row: row}}}}
	}
	other := differential.Outcome{Hits: [][]differential.Hit{{{ID: "3", Score: 1}}}}
	two := differential.Outcome{Hits: [][]differential.Hit{{{ID: "4", Score: 1}, {ID: "5", Score: 2}}}}
	for _, test := range []struct {
		name                         string
		query, queried, search, seen differential.Outcome
		left, differ                 int
	}{
		{"other rows of key 1", rows("id=1 k=1", "id=2 k=1"), rows("id=1 k=2", "id=2 k=1"), hits(1, "k=1"), hits(1, "k=2"), 2, 2},
		{"another row of key 2", rows("id=1 k=1", "id=2 k=1"), rows("id=1 k=1", "id=2 k=2"), hits(1, "k=1"), hits(1, "k=1"), 0, 1},
		{"another key", rows("id=1 k=1"), rows("id=2 k=1"), hits(1, "k=1"), hits(1, "k=1"), 0, 1},
		{"a row less", rows("id=1 k=1", "id=2 k=1"), rows("id=1 k=2"), hits(1, "k=1"), hits(1, "k=1"), 0, 1},
		{"another score", rows(), rows(), hits(1, "k=1"), hits(2, "k=2"), 0, 1},
		{"a hit that made room", rows(), rows(), hits(1, "k=1"), other, 1, 1},
		{"two hits that made room for one row", rows(), rows(), two, other, 0, 1},
	} {
		record := func(query, search differential.Outcome) []differential.Record {
			all := make([]differential.Record, len(requests))
			for i, r := range requests {
				all[i].Request = r.String()
			}
			all[2].Outcome, all[3].Outcome = query, search
			return all
		}
		group := differential.Group{Name: "g", Requests: requests}
		real := differential.Recording{"g": record(test.query, test.search)}
		seen := differential.Recording{"g": record(test.queried, test.seen)}
		report := differential.Compare([]differential.Group{group}, real, seen, true)
		if report.Left != test.left || len(report.Differences) != test.differ {
			t.Errorf("%s: %d differences, %d of them left on purpose, want %d and %d", test.name, len(report.Differences), report.Left, test.differ, test.left)
		}
	}
}
