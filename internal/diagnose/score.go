// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/penstock-go/penstock/internal/diagnose/diagnosis"
	"github.com/penstock-go/penstock/internal/diagnose/lab"
)

// within is how long a diagnosis may take.
const within = 5 * time.Second

// witness is a diagnoser, and a way to look at what it cites.
type witness struct {
	name string
	diagnosis.Diagnoser
	// cited reports whether the id of a trace, or the selector of a series, leads to
	// something.
	cited func(ctx context.Context, evidence string, begin, end time.Time) (bool, error)
}

// judge asks the witness about a service. It returns the answer as it counts: the kind,
// and why it is wrong if the kind alone does not say so.
func (w *witness) judge(ctx context.Context, r lab.Result) (answer string, right bool, err error) {
	asking, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	v, err := w.Diagnose(asking, r.Service, r.Begin, r.End)
	if err != nil {
		return "error", false, fmt.Errorf("%s: %s: %w", w.name, r.Service, err)
	}
	if v.Kind == diagnosis.Healthy {
		return v.Kind, r.Kind == lab.Healthy, nil
	}
	if len(v.Evidence) == 0 {
		return v.Kind + " without evidence", false, nil
	}
	for _, e := range v.Evidence {
		found, err := w.cited(ctx, e, r.Begin, r.End)
		if err != nil {
			return "error", false, fmt.Errorf("%s: %s: evidence %s: %w", w.name, r.Service, e, err)
		}
		if !found {
			return v.Kind + " by what is not there", false, nil
		}
	}
	if !r.Named {
		answer = v.Kind + " in " + v.Part
		return answer, v.Kind == diagnosis.Unknown && v.Part == r.Part, nil
	}
	return v.Kind, v.Kind == r.Kind, nil
}

// score is how often one witness was right at one sampling ratio. It is safe for
// concurrent use.
type score struct {
	mu    sync.Mutex
	kinds map[string]*tally // guarded by mu
}

type tally struct {
	right, runs int
	wrong       map[string]int // by answer
}

func (s *score) add(kind, answer string, right bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kinds == nil {
		s.kinds = map[string]*tally{}
	}
	t := s.kinds[kind]
	if t == nil {
		t = &tally{wrong: map[string]int{}}
		s.kinds[kind] = t
	}
	t.runs++
	if right {
		t.right++
	} else {
		t.wrong[answer]++
	}
}

// total returns how many faults were named right, and in how many healthy runs there
// was an alarm.
func (s *score) total() (right, runs, alarms int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for kind, t := range s.kinds {
		if kind == lab.Healthy {
			alarms += t.runs - t.right
			continue
		}
		right += t.right
		runs += t.runs
	}
	return right, runs, alarms
}

// good reports whether the goal is reached: 118 of 120 right, 23 of 24 in a quick run, or
// as large a share of others, and no false alarm.
func (s *score) good() bool {
	right, runs, alarms := s.total()
	missed := runs * 2 / 120
	if runs >= 24 {
		missed = max(missed, 1)
	}
	return alarms == 0 && runs-right <= missed
}

// has reports whether a run of that kind was added.
func (s *score) has(kind string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.kinds[kind] != nil
}

// cell describes the runs of a kind.
func (s *score) cell(kind string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.kinds[kind]
	if t == nil {
		return "-"
	}
	text := fmt.Sprintf("%d/%d", t.right, t.runs)
	for _, answer := range slices.Sorted(maps.Keys(t.wrong)) {
		text += fmt.Sprintf(" (%d %s)", t.wrong[answer], answer)
	}
	return text
}

// column is what one witness came to at one ratio.
type column struct {
	witness string
	ratio   float64
	*score         // of the faults that have a name, and of the healthy services
	heldOut *score // of the faults that no rule was written for
}

func newColumn(witness string, ratio float64) column {
	return column{witness, ratio, &score{}, &score{}}
}

// of returns the score in which a result counts.
func (c column) of(r lab.Result) *score {
	if r.Named {
		return c.score
	}
	return c.heldOut
}

// good reports whether the goals are reached. Of the held-out faults, every one has to
// be right.
func (c column) good() bool {
	right, runs, _ := c.heldOut.total()
	return right == runs && c.score.good()
}

// cell describes the runs of a kind.
func (c column) cell(kind string) string {
	if c.heldOut.has(kind) {
		return c.heldOut.cell(kind)
	}
	return c.score.cell(kind)
}

func (c column) String() string {
	if c.ratio == 1 {
		return c.witness
	}
	return fmt.Sprintf("%s %g%%", c.witness, 100*c.ratio)
}

// report prints a table of the columns, a line for the held-out faults, if there were
// any, and a last line for each column.
func report(w io.Writer, kinds []string, columns []column) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	headings := []string{"kind"}
	for _, c := range columns {
		headings = append(headings, c.String())
	}
	fmt.Fprintln(t, strings.Join(headings, "\t"))
	for _, kind := range kinds {
		cells := []string{kind}
		for _, c := range columns {
			cells = append(cells, c.cell(kind))
		}
		fmt.Fprintln(t, strings.Join(cells, "\t"))
	}
	t.Flush()
	var apart string
	for _, c := range columns {
		if right, runs, _ := c.heldOut.total(); runs > 0 {
			apart += fmt.Sprintf(" %v %d/%d", c, right, runs)
		}
	}
	if apart != "" {
		fmt.Fprintf(w, "held out:%s\n", apart)
	}
	for _, c := range columns {
		right, runs, alarms := c.total()
		fmt.Fprintf(w, "%v %d/%d false %d\n", c, right, runs, alarms)
	}
}
