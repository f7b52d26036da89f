// SPDX-License-Identifier: Apache-2.0

package main_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	diagnose "github.com/penstock-go/penstock/internal/diagnose"
	"github.com/penstock-go/penstock/internal/diagnose/diagnosis"
	"github.com/penstock-go/penstock/internal/diagnose/lab"
)

// says is a diagnoser that always says the same.
type says diagnosis.Verdict

func (s says) Diagnose(context.Context, string, time.Time, time.Time) (diagnosis.Verdict, error) {
	return diagnosis.Verdict(s), nil
}

type fails struct{ error }

func (f fails) Diagnose(context.Context, string, time.Time, time.Time) (diagnosis.Verdict, error) {
	return diagnosis.Verdict{}, f
}

func TestAVerdictIsRightIfItsKindIsAndItsEvidenceIsThere(t *testing.T) {
	ill := lab.Result{Case: lab.Case{Kind: "black_hole"}, Named: true, Part: "transport"}
	well := lab.Result{Case: lab.Case{Kind: lab.Healthy}, Named: true}
	other := lab.Result{Case: lab.Case{Kind: "clock_skew"}, Part: "caller"}
	real := []string{"real"}
	for name, test := range map[string]struct {
		of     lab.Result
		by     diagnosis.Diagnoser
		answer string
		right  bool
	}{
		"named":             {ill, says{Kind: "black_hole", Evidence: real}, "black_hole", true},
		"another kind":      {ill, says{Kind: "slow_backend", Evidence: real}, "slow_backend", false},
		"no evidence":       {ill, says{Kind: "black_hole"}, "black_hole without evidence", false},
		"invented evidence": {ill, says{Kind: "black_hole", Evidence: []string{"real", "made up"}}, "black_hole by what is not there", false},
		"not seen":          {ill, says{Kind: diagnosis.Healthy}, "healthy", false},
		"healthy":           {well, says{Kind: diagnosis.Healthy}, "healthy", true},
		"false alarm":       {well, says{Kind: "black_hole", Evidence: real}, "black_hole", false},
		"unknown":           {other, says{Kind: diagnosis.Unknown, Part: "caller", Evidence: real}, "unknown in caller", true},
		"unknown elsewhere": {other, says{Kind: diagnosis.Unknown, Part: "pool", Evidence: real}, "unknown in pool", false},
		"taken for another": {other, says{Kind: "black_hole", Part: "caller", Evidence: real}, "black_hole in caller", false},
	} {
		t.Run(name, func(t *testing.T) {
			answer, right, err := diagnose.Judge(t.Context(), test.by, test.of)
			if err != nil || answer != test.answer || right != test.right {
				t.Errorf("judge = %q, %t, %v, want %q, %t", answer, right, err, test.answer, test.right)
			}
		})
	}
	if answer, right, err := diagnose.Judge(t.Context(), fails{errors.New("no server")}, well); answer != "error" || right || err == nil {
		t.Errorf("judge = %q, %t, %v, want an error that is not right", answer, right, err)
	}
}

func TestTheGoalIs118Of120AndNoFalseAlarm(t *testing.T) {
	for _, test := range []struct {
		right, wrong, alarms int
		good                 bool
	}{
		{118, 2, 0, true}, {117, 3, 0, false}, {120, 0, 1, false}, {24, 0, 0, true}, {23, 1, 0, true}, {22, 2, 0, false}, {4, 1, 0, false},
	} {
		var s diagnose.Score
		for range test.right {
			s.Add("black_hole", "black_hole", true)
		}
		for range test.wrong {
			s.Add("black_hole", "healthy", false)
		}
		for range test.alarms {
			s.Add(lab.Healthy, "black_hole", false)
		}
		s.Add(lab.Healthy, lab.Healthy, true)
		if s.Good() != test.good {
			t.Errorf("%d right, %d wrong, %d alarms: good = %t", test.right, test.wrong, test.alarms, s.Good())
		}
	}
}

func TestTheReportEndsWithALineForEachScore(t *testing.T) {
	var all, few diagnose.Score
	all.Add("black_hole", "black_hole", true)
	few.Add("black_hole", "healthy", false)
	few.Add(lab.Healthy, "black_hole", false)
	var text strings.Builder
	diagnose.Report(&text, []string{"black_hole", lab.Healthy}, &all, &few, new(diagnose.Score), new(diagnose.Score))
	const want = `kind        jaeger  jaeger 1%
black_hole  1/1     0/1 (1 healthy)
healthy     -       0/1 (1 black_hole)
jaeger 1/1 false 0
jaeger 1% 0/1 false 1
`
	if text.String() != want {
		t.Errorf("report:\n%s\nwant:\n%s", text.String(), want)
	}
}

func TestTheHeldOutFaultsAreCountedApart(t *testing.T) {
	var all, few, allHeldOut, fewHeldOut diagnose.Score
	all.Add("black_hole", "black_hole", true)
	few.Add("black_hole", "black_hole", true)
	for range 2 {
		allHeldOut.Add("clock_skew", "unknown in caller", true)
	}
	fewHeldOut.Add("clock_skew", "unknown in caller", true)
	fewHeldOut.Add("clock_skew", "black_hole in transport", false)
	var text strings.Builder
	diagnose.Report(&text, []string{"black_hole", "clock_skew"}, &all, &few, &allHeldOut, &fewHeldOut)
	const want = `kind        jaeger  jaeger 1%
black_hole  1/1     1/1
clock_skew  2/2     1/2 (1 black_hole in transport)
held out: jaeger 2/2 jaeger 1% 1/2
jaeger 1/1 false 0
jaeger 1% 1/1 false 0
`
	if text.String() != want {
		t.Errorf("report:\n%s\nwant:\n%s", text.String(), want)
	}
	if !diagnose.AllGood(&all, &allHeldOut) || diagnose.AllGood(&few, &fewHeldOut) {
		t.Error("the goal is that every held-out fault is recognized")
	}
}

func TestAHeldOutFaultIsNamedOnlyIfTheFlagSaysSo(t *testing.T) {
	heldOut := lab.Result{Case: lab.Case{Kind: "clock_skew", Seed: 3}, Part: "caller"}
	named := lab.Result{Case: lab.Case{Kind: "black_hole"}, Named: true, Part: "transport"}
	for _, test := range []struct {
		flags      string
		r          lab.Result
		kind, part string
	}{
		{"", heldOut, "held out", ""},
		{"-v -quick", heldOut, "held out", ""},
		{"-heldout", heldOut, "clock_skew", "caller"},
		{"", named, "black_hole", "transport"},
	} {
		got, err := diagnose.Shown(test.r, strings.Fields(test.flags)...)
		if err != nil || got.Kind != test.kind || got.Part != test.part {
			t.Errorf("with the flags %q, %s is shown as %q in part %q, %v, want %q in part %q", test.flags, test.r.Kind, got.Kind, got.Part, err, test.kind, test.part)
		}
	}
}

func TestTheFlagsSayHowManyCases(t *testing.T) {
	for args, want := range map[string][2]int{
		"":                           {24*5 + 24 + 5, 2},
		"-quick":                     {24 + 4 + 5, 2},
		"-seeds 2 -ratio 0.01":       {24*2 + 24 + 5, 1},
		"-heldout":                   {5 * 5, 2},
		"-heldout -seeds 1":          {5, 2},
		"-heldout -kinds black_hole": {5 + 5*5, 2},
		"-kinds black_hole -seeds 3": {3, 2},
		"-quick -kinds black_hole":   {1 + 4, 2},
		"-kinds slow_backend -keep":  {5, 2},
		"-healthy 0 -seeds 1":        {24 + 5, 2},
		"-kinds pool_too_small -quick -healthy 0": {1, 2},
	} {
		cases, ratios, err := diagnose.Cases(strings.Fields(args)...)
		if err != nil || cases != want[0] || ratios != want[1] {
			t.Errorf("%s: %d cases at %d ratios, %v, want %v", args, cases, ratios, err, want)
		}
	}
	_, _, err := diagnose.Cases("-kinds", "earthquake")
	if err == nil || !strings.Contains(err.Error(), "black_hole") {
		t.Errorf("parse = %v, want an error with the kinds", err)
	}
	for _, kind := range lab.HeldOut() {
		if strings.Contains(err.Error(), kind) {
			t.Errorf("parse = %v, which names the held-out fault %s", err, kind)
		}
	}
}
