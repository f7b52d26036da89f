// SPDX-License-Identifier: Apache-2.0

package real

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/penstock-go/penstock/internal/diagnose/jaeger"
	"github.com/penstock-go/penstock/internal/diagnose/lab"
	"github.com/penstock-go/penstock/internal/servers"
)

const readingPage = "docs/reading-traces.md"

// readingSearches returns the searches that the document has for each kind of failure.
func readingSearches(t *testing.T) map[string][]jaeger.Search {
	t.Helper()
	text, err := os.ReadFile("../../../" + readingPage)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string][]jaeger.Search{}
	for section := range strings.SplitSeq(string(text), "\n## ") {
		kind, _, ok := strings.Cut(section, ": ")
		_, rest, has := strings.Cut(section, "**Search:** ")
		if !ok || !has {
			continue
		}
		line, _, _ := strings.Cut(rest, "\n\n")
		least := regexp.MustCompile("min duration\\s`([^`]+)`").FindStringSubmatch(line)
		for _, tags := range regexp.MustCompile("`([^`]+=[^`]+)`").FindAllStringSubmatch(line, -1) {
			s := jaeger.Search{Tags: map[string]string{}}
			for _, tag := range strings.Fields(tags[1]) {
				key, value, _ := strings.Cut(tag, "=")
				s.Tags[key] = value
			}
			if s.Tags["penstock.evidence"] == "" { // here every trace is sampled
				found[kind] = append(found[kind], s)
			}
		}
		if len(found[kind]) == 0 {
			found[kind] = []jaeger.Search{{}} // by the service alone
		}
		if least == nil {
			continue
		}
		if found[kind][0].MinDuration, err = time.ParseDuration(least[1]); err != nil {
			t.Errorf("%s of %s: %v", least[0], kind, err)
		}
	}
	return found
}

// Each search that the document has for a failure finds that failure in a real Jaeger.
func TestEachSearchForAFailureFindsIt(t *testing.T) {
	if testing.Short() {
		t.Skip("it makes a service with each failure")
	}
	searches := readingSearches(t)
	if got, want := slices.Sorted(maps.Keys(searches)), slices.Sorted(slices.Values(lab.Kinds())); !slices.Equal(got, want) {
		t.Fatalf("%s has searches for\n%v\nwant\n%v", readingPage, got, want)
	}
	j := servers.StartJaeger(t)
	targets, err := lab.NewTargets(filepath.Join(t.TempDir(), "targets.json"))
	if err != nil {
		t.Fatal(err)
	}
	results, err := lab.Run(j.Context(), lab.Plan(lab.Kinds(), 1, 1), lab.Options{
		OTLP: j.OTLPEndpoint(), Targets: targets, Well: 2 * time.Second, Ill: 10 * time.Second, Around: time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	c := jaeger.NewClient(j.QueryURL())
	for _, r := range results {
		for _, s := range searches[r.Kind] {
			s.Service, s.Begin, s.End = r.Service, r.Broken, r.End
			traces, err := c.Traces(j.Context(), s)
			if err != nil || len(traces) == 0 {
				t.Errorf("%s: Jaeger finds %d traces by %v of at least %v, %v", r.Kind, len(traces), s.Tags, s.MinDuration, err)
			}
			for _, trace := range traces {
				if !slices.ContainsFunc(trace.Spans, func(span jaeger.Span) bool { return hasAll(span, s) }) {
					t.Errorf("%s: the search %v finds trace %s, which has no such span", r.Kind, s.Tags, trace.ID)
					break
				}
			}
		}
	}
}

// hasAll reports whether the span or its events have what was searched for.
func hasAll(span jaeger.Span, s jaeger.Search) bool {
	for key, value := range s.Tags {
		inEvent := func(e jaeger.Event) bool { return fmt.Sprint(e.Tags[key]) == value }
		if fmt.Sprint(span.Tags[key]) != value && !slices.ContainsFunc(span.Events, inEvent) {
			return false
		}
	}
	return span.Duration >= s.MinDuration
}
