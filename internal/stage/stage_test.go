// SPDX-License-Identifier: Apache-2.0

package stage_test

import (
	"slices"
	"testing"
	"time"

	"github.com/penstock-go/penstock/internal/stage"
)

func TestAroundKnowsWhichStageIsOutside(t *testing.T) {
	a := stage.Around{Order: []string{"trace", "retry", "timeout"}}
	if !a.Has("retry") || a.Has("breaker") {
		t.Error("Has does not tell the stages that are there from others")
	}
	for _, row := range []struct {
		first, second string
		want          bool
	}{
		{"trace", "timeout", true}, {"retry", "timeout", true},
		{"timeout", "retry", false}, {"retry", "retry", false}, {"trace", "breaker", false}, {"breaker", "trace", false},
	} {
		if got := a.Outside(row.first, row.second); got != row.want {
			t.Errorf("Outside(%s, %s) = %v", row.first, row.second, got)
		}
	}
	for name, want := range map[string][]string{"trace": nil, "timeout": {"trace", "retry"}, "breaker": nil} {
		if got := a.OutsideOf(name); !slices.Equal(got, want) {
			t.Errorf("OutsideOf(%s) = %q, want %q", name, got, want)
		}
	}
}

func TestTheTighterOfTwoLimitsIsTheOneThatIsThere(t *testing.T) {
	for _, row := range [][3]time.Duration{{0, 0, 0}, {0, 1, 1}, {1, 0, 1}, {1, 2, 1}, {2, 1, 1}} {
		if got := stage.Tighter(row[0], row[1]); got != row[2] {
			t.Errorf("Tighter(%d, %d) = %d, want %d", row[0], row[1], got, row[2])
		}
		if got := (stage.Around{Attempt: row[0], Operation: row[1]}).Shortest(); got != row[2] {
			t.Errorf("Shortest of %d and %d = %d, want %d", row[0], row[1], got, row[2])
		}
	}
}

func TestWordsForPeople(t *testing.T) {
	var w stage.Warnings
	w.Warn(false, "no")
	w.Warn(true, "%s of %s", stage.Count(1, "attempt"), stage.Count(2, "operation"))
	w.Warn(true, "%s", stage.Quoted([]string{"a", "b"}))
	if want := []string{"1 attempt of 2 operations", `"a", "b"`}; !slices.Equal(w, want) {
		t.Errorf("warnings %q, want %q", w, want)
	}
}
