// SPDX-License-Identifier: Apache-2.0

package main_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/penstock-go/penstock/internal/diagnose/lab"
	"github.com/penstock-go/penstock/internal/diagnose/prometheus"
	"github.com/penstock-go/penstock/internal/servers"
)

func metricsPage(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/reading-metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// A test of package prometheus holds the sections to the rules.
func TestTheMetricsPageHasASectionForEachKind(t *testing.T) {
	var sections []string
	for _, heading := range regexp.MustCompile("(?m)^## ([a-z_]+)$").FindAllStringSubmatch(metricsPage(t), -1) {
		sections = append(sections, heading[1])
	}
	slices.Sort(sections)
	if kinds := slices.Sorted(slices.Values(lab.Kinds())); !slices.Equal(sections, kinds) {
		t.Errorf("the sections are %v, want %v", sections, kinds)
	}
}

func TestARealPrometheusUnderstandsTheQueries(t *testing.T) {
	c := prometheus.NewClient(servers.StartPrometheus(t, servers.PrometheusConfig{}).URL())
	queries := map[string]bool{}
	for _, block := range regexp.MustCompile("(?s)```promql\n(.*?)```").FindAllStringSubmatch(metricsPage(t), -1) {
		for query := range strings.Lines(block[1]) {
			queries[strings.TrimSpace(query)] = true
		}
	}
	if len(queries) < 10 {
		t.Fatalf("the page has %d queries", len(queries))
	}
	for query := range queries {
		if _, err := c.Query(t.Context(), query, time.Now()); err != nil {
			t.Error(err)
		}
	}
}
