// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"io"
	"time"

	"github.com/penstock-go/penstock/internal/diagnose/diagnosis"
	"github.com/penstock-go/penstock/internal/diagnose/lab"
)

// Judge asks a diagnoser about a service. Of what it cites, only "real" is there.
func Judge(ctx context.Context, d diagnosis.Diagnoser, r lab.Result) (answer string, right bool, err error) {
	w := &witness{"test", d, func(_ context.Context, evidence string, _, _ time.Time) (bool, error) { return evidence == "real", nil }}
	return w.judge(ctx, r)
}

type Score = score

func (s *score) Add(kind, answer string, right bool) { s.add(kind, answer, right) }
func (s *score) Good() bool                          { return s.good() }

// Report prints two scores, of every trace and of one in a hundred, and those of the
// held-out faults.
func Report(w io.Writer, kinds []string, all, few, allHeldOut, fewHeldOut *Score) {
	report(w, kinds, []column{{"jaeger", 1, all, allHeldOut}, {"jaeger", 0.01, few, fewHeldOut}})
}

// AllGood reports whether the goals are reached for a score, and one of held-out faults.
func AllGood(named, heldOut *Score) bool { return column{"jaeger", 1, named, heldOut}.good() }

// Shown returns a result as it is printed with the flags.
func Shown(r lab.Result, args ...string) (lab.Result, error) {
	s, err := parse(args)
	return s.veiled(r), err
}

// Cases returns how many cases the flags mean, and at how many ratios.
func Cases(args ...string) (cases, ratios int, err error) {
	s, err := parse(args)
	return len(s.cases()), len(s.ratios), err
}
