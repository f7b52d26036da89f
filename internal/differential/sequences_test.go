// SPDX-License-Identifier: Apache-2.0

package differential_test

import (
	"regexp"
	"slices"
	"testing"

	"github.com/penstock-go/penstock/internal/differential"
)

func TestMilvustestAnswersSequencesAsMilvusDid(t *testing.T) {
	report := recorded(t, differential.Sequences(1, 20), differential.SequencesFile, true)
	for _, text := range report.Unanswered {
		t.Errorf("the recording has no answer to %s", text)
	}
	t.Logf("%.2f %% of %d operations agree: %s", report.Percent(), report.All.Sum(), report.All)
	if report.Percent() < leastSequences {
		t.Errorf("%.2f %% of the operations agree, want at least %v %%", report.Percent(), leastSequences)
		report.Write(t.Output(), "Sequences")
	}
}

func TestASeedAloneDecidesASequence(t *testing.T) {
	texts := func(g differential.Group) []string {
		var all []string
		for _, r := range g.Requests {
			all = append(all, r.String())
		}
		return all
	}
	all := differential.Sequences(1, 40)
	for i, g := range all {
		again := differential.Sequences(uint64(i)+1, 1)[0]
		if g.Name != again.Name || !slices.Equal(texts(g), texts(again)) {
			t.Errorf("%s is another one when it is generated alone", g.Name)
		}
	}
	if slices.Equal(texts(all[0]), texts(all[4])) {
		t.Error("two seeds of one level make the same sequence")
	}
}

// A division by zero ends a real server.
func TestNoSequenceDividesByZeroOrByAField(t *testing.T) {
	divides := regexp.MustCompile(`[/%]\s*(.)`)
	texts := regexp.MustCompile(`"[^"]*"`)
	found := 0
	for _, g := range differential.Sequences(1, 400) {
		for _, r := range g.Requests {
			for _, m := range divides.FindAllStringSubmatch(texts.ReplaceAllString(r.Filter, `""`), -1) {
				found++
				if m[1] < "1" || m[1] > "9" {
					t.Fatalf("%s: the filter %s divides by something other than a number", g.Name, r.Filter)
				}
			}
		}
	}
	if found == 0 {
		t.Error("no sequence divides")
	}
}
