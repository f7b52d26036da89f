// SPDX-License-Identifier: Apache-2.0

package differential_test

import (
	"testing"

	"github.com/penstock-go/penstock/internal/differential"
)

func TestOutcomesAgree(t *testing.T) {
	type outcome = differential.Outcome
	hits := func(first, last bool, hits ...differential.Hit) outcome {
		return outcome{Hits: [][]differential.Hit{hits}, First: first, Last: last}
	}
	hit := func(id string, score float64) differential.Hit { return differential.Hit{ID: id, Score: score} }
	for _, row := range []struct {
		name string
		a, b outcome
		want differential.Agreement
	}{
		{"nothing", outcome{}, outcome{}, differential.Same},
		{"the reason does not count", outcome{Code: 1, Reason: "x"}, outcome{Code: 1}, differential.Same},
		{"codes", outcome{Code: 1}, outcome{Code: 2}, differential.OtherCode},
		{"one failed", outcome{}, outcome{Code: 2}, differential.OneFailed},
		{"rows", outcome{Rows: []string{"a"}}, outcome{Rows: []string{"b"}}, differential.OtherValue},
		{"the order of rows", outcome{Rows: []string{"a", "b"}}, outcome{Rows: []string{"b", "a"}}, differential.OtherValue},
		{"near scores", hits(false, false, hit("1", 1)), hits(false, false, hit("1", 1.000001)), differential.Same},
		{"scores", hits(false, false, hit("1", 1)), hits(false, false, hit("1", 1.001)), differential.OtherValue},
		{"a tie", hits(false, false, hit("1", 1), hit("2", 1)), hits(false, false, hit("2", 1), hit("1", 1)), differential.Tie},
		{"no tie", hits(false, false, hit("1", 1), hit("2", 2)), hits(false, false, hit("2", 1), hit("1", 2)), differential.OtherValue},
		{"another row in a tie", hits(false, false, hit("1", 1), hit("2", 1)), hits(false, false, hit("3", 1), hit("1", 1)), differential.OtherValue},
		{"a tie that the limit cuts", hits(false, true, hit("1", 1), hit("2", 2)), hits(false, true, hit("1", 1), hit("3", 2)), differential.Tie},
		{"a tie that the offset cuts", hits(true, false, hit("1", 1), hit("2", 2)), hits(true, false, hit("3", 1), hit("2", 2)), differential.Tie},
		{"a hit more", hits(false, true, hit("1", 1)), hits(false, true), differential.OtherValue},
	} {
		if got := differential.CompareOutcomes(row.a, row.b); got != row.want {
			t.Errorf("%s: compare = %v, want %v", row.name, got, row.want)
		}
	}
}
