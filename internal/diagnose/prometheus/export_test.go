// SPDX-License-Identifier: Apache-2.0

package prometheus

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/penstock-go/penstock/internal/diagnose/diagnosis"
)

// Rule is a row of the table.
type Rule struct {
	Kind, Part, Says string
	Queries          []string
}

// Rules returns the table.
func Rules() []Rule {
	var all []Rule
	for _, r := range rules {
		row := Rule{r.kind, r.part, r.says, nil}
		for _, q := range r.queries {
			row.Queries = append(row.Queries, q.query)
		}
		all = append(all, row)
	}
	return all
}

// Metrics returns the metrics that rules and symptoms ask for of a service that is well.
func Metrics() []string {
	var metrics []string
	v := &view{service: "shop", begin: time.Unix(1000, 0), end: time.Unix(1060, 0), known: map[string][]Result{}}
	v.ask = func(query string, _ time.Time) ([]Result, error) {
		metric, _, _ := strings.Cut(query, "{")
		metrics = append(metrics, metric[strings.LastIndexByte(metric, '(')+1:])
		return nil, nil
	}
	judge(v)
	return metrics
}

// Parts returns the parts of the symptoms in their order.
func Parts() []string {
	var parts []string
	for _, s := range symptoms {
		parts = append(parts, s.part)
	}
	return parts
}

// Judge judges a service with these figures. A line has a metric without its suffix,
// labels, and the figure of the begin, the second half, the end and the whole window:
//
//	operation_failures error_type=timeout 0 12 6 20
func Judge(figures string) (diagnosis.Verdict, error) {
	begin := time.Unix(1000, 0)
	type row struct {
		metric string
		labels Series
		values [4]float64
	}
	var rows []row
	for line := range strings.Lines(figures) {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		r := row{words[0], Series{}, [4]float64{}}
		for _, w := range words[1 : len(words)-4] {
			label, value, _ := strings.Cut(w, "=")
			r.labels[label] = value
		}
		for i, w := range words[len(words)-4:] {
			var err error
			if r.values[i], err = strconv.ParseFloat(w, 64); err != nil {
				return diagnosis.Verdict{}, fmt.Errorf("%q: %w", line, err)
			}
		}
		rows = append(rows, r)
	}
	v := &view{service: "shop", begin: begin, end: begin.Add(time.Minute), known: map[string][]Result{}}
	v.ask = func(query string, at time.Time) ([]Result, error) {
		var results []Result
		for _, r := range rows {
			if !strings.Contains(query, r.metric+"{") {
				continue
			}
			for p := early; p <= whole; p++ {
				if to, length := p.span(v.begin, v.end); to == at && strings.Contains(query, fmt.Sprintf("[%dms]", length.Milliseconds())) {
					results = append(results, Result{r.labels, []Sample{{at, r.values[p]}}})
				}
			}
		}
		return results, nil
	}
	return judge(v), v.err
}
