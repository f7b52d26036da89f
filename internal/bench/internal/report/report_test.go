// SPDX-License-Identifier: Apache-2.0

package report_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/penstock-go/penstock/internal/bench/internal/report"
)

func TestNumbersAreShort(t *testing.T) {
	for _, c := range []struct {
		v           float64
		short       string
		threeDigits float64
		plain       string
	}{
		{0, "0.00", 0, "0.0"},
		{0.123, "0.12", 0.12, "0.123"},
		{12.34, "12.3", 12.3, "12.34"},
		{123.4, "123", 123, "123.4"},
		{1234, "1230", 1230, "1234.0"},
		{987654, "988000", 988000, "987654.0"},
	} {
		if got := report.Short(c.v); got != c.short {
			t.Errorf("Short(%v) = %s, want %s", c.v, got, c.short)
		}
		if got := report.ThreeDigits(c.v); got != c.threeDigits {
			t.Errorf("ThreeDigits(%v) = %v, want %v", c.v, got, c.threeDigits)
		}
		if got := report.Plain(c.v); got != c.plain {
			t.Errorf("Plain(%v) = %s, want %s", c.v, got, c.plain)
		}
	}
}

func TestABudgetSaysByHowMuchItIsKeptOrMissed(t *testing.T) {
	for _, c := range []struct {
		budget report.Budget
		want   string
	}{
		{report.AtLeast("x", 10, 12.5), "budget x >=10.0 got=12.5 ok by 25 %"},
		{report.AtLeast("x", 10, 6.2), "budget x >=10.0 got=6.2 MISSED by 38 %"},
		{report.AtMost("x", 1.25, 1.5), "budget x <=1.25 got=1.5 MISSED by 20 %"},
		{report.AtMost("x", 1, 1), "budget x <=1.0 got=1.0 ok"},
		{report.AtMost("x", 0, 2), "budget x <=0.0 got=2.0 MISSED"},
	} {
		if got := c.budget.Line(); got != c.want {
			t.Errorf("Line = %q, want %q", got, c.want)
		}
	}
}

func TestTheNoteOfADisturbedRun(t *testing.T) {
	if note := report.Disturbed(0.5); !strings.Contains(note, "50 %") {
		t.Errorf("Disturbed(0.5) = %q", note)
	}
	for _, share := range []float64{0, 0.95} {
		if note := report.Disturbed(share); note != "" {
			t.Errorf("Disturbed(%v) = %q, want none", share, note)
		}
	}
}

func TestTextGoesBetweenItsMarkersOnly(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x.md")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	blocks := []report.Block{{Name: "cases", Text: "new\n"}, {Name: "none", Text: "nowhere\n"}}
	const head, tail = "before\n<!-- cases: written by make bench-x -->\n", "<!-- cases: end -->\nafter\n"
	write(head + "old\n" + tail)
	for range 2 { // the second time changes nothing
		if err := report.Insert(file, "bench-x", blocks); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if want := head + "new\n" + tail; string(got) != want {
		t.Errorf("file = %q, want %q", got, want)
	}
	for name, text := range map[string]string{
		"no marker":         "text\n",
		"of another target": "<!-- cases: written by make bench-y -->\n" + tail,
		"without an end":    head,
	} {
		write(text)
		if err := report.Insert(file, "bench-x", blocks); err == nil {
			t.Errorf("Insert into a page with a marker %s = nil", name)
		}
	}
}
