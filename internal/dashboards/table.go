// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/prometheus/otlptranslator"
)

// metric is a row of the table of metrics in docs/telemetry.md.
type metric struct {
	name, instrument, unit string
	attributes             []string
}

// table is the table of metrics.
type table map[string]metric

var (
	row   = regexp.MustCompile("^\\| `([a-z_.]+)` \\| (histogram|counter|updowncounter|gauge) \\| ([^|]+) \\| ([^|]*)\\|")
	quote = regexp.MustCompile("`([a-z_.]+)`")
)

// readTable reads the table of metrics from a page.
func readTable(file string) (table, error) {
	page, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	t := table{}
	for line := range strings.Lines(string(page)) {
		m := row.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		found := metric{name: m[1], instrument: m[2], unit: strings.TrimSpace(m[3])}
		for _, a := range quote.FindAllStringSubmatch(m[4], -1) {
			found.attributes = append(found.attributes, a[1])
		}
		t[found.name] = found
	}
	if len(t) == 0 {
		return nil, fmt.Errorf("%s has no table of metrics", file)
	}
	return t, nil
}

// prometheus returns the name that the metric has in Prometheus.
func (m metric) prometheus() (string, error) {
	kind := map[string]otlptranslator.MetricType{
		"histogram":     otlptranslator.MetricTypeHistogram,
		"counter":       otlptranslator.MetricTypeMonotonicCounter,
		"updowncounter": otlptranslator.MetricTypeNonMonotonicCounter,
		"gauge":         otlptranslator.MetricTypeGauge,
	}[m.instrument]
	namer := otlptranslator.MetricNamer{WithMetricSuffixes: true}
	return namer.Build(otlptranslator.Metric{Name: m.name, Unit: m.unit, Type: kind})
}

// placeholder is the name of a metric or an attribute in an expression, such as
// <db.client.connection.wait_time:sum> or <error.type>.
var placeholder = regexp.MustCompile(`<([a-z][a-z_.0-9]*)(?::(bucket|sum|count))?>`)

// job is the label that Prometheus itself gives to each series of a target.
const job = "job"

// promQL returns expr with the names that metrics and attributes have in Prometheus. A
// metric that the table does not have, and a label that no metric of the expression has,
// are errors.
func (t table) promQL(expr string) (string, error) {
	var (
		faults []string
		labels []string
		known  []string // attributes of the metrics in the expression
	)
	labeler := otlptranslator.LabelNamer{}
	replaced := placeholder.ReplaceAllStringFunc(expr, func(found string) string {
		parts := placeholder.FindStringSubmatch(found)
		name, part := parts[1], parts[2]
		m, ok := t[name]
		if !ok {
			labels = append(labels, name)
			label, err := labeler.Build(name)
			if err != nil {
				faults = append(faults, err.Error())
			}
			return label
		}
		known = append(known, m.attributes...)
		if (m.instrument == "histogram") != (part != "") {
			faults = append(faults, fmt.Sprintf("%s is a %s: only a histogram has, and needs, :bucket, :sum or :count", name, m.instrument))
		}
		prom, err := m.prometheus()
		if err != nil {
			faults = append(faults, err.Error())
		}
		if part != "" {
			prom += "_" + part
		}
		return prom
	})
	for _, label := range labels {
		if label != job && !slices.Contains(known, label) {
			faults = append(faults, fmt.Sprintf("<%s> is no metric of the table, and no metric of the expression has such an attribute", label))
		}
	}
	if len(faults) > 0 {
		return "", fmt.Errorf("%s: %s", expr, strings.Join(faults, "; "))
	}
	return replaced, nil
}
