// SPDX-License-Identifier: Apache-2.0

// Package emitted checks what the tests of this repository emit against the contract
// in docs/registry, and notes which part of the contract they emit.
package emitted

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/penstock-go/penstock/otelx/otelxtest"
)

// Folder is the environment variable with the folder into which each test program
// writes what it has seen. Without it nothing is written. The name does not begin with
// PENSTOCK_, because those variables are settings.
const Folder = "CONTRACT_SEEN"

// options are what a test has asked for.
type options struct {
	allow []string
	names bool
}

var (
	mu    sync.Mutex              // guards asked, and the options in it
	asked = map[string]*options{} // by the name of the test
)

// ask changes the options of a test and of its subtests.
func ask(t testing.TB, change func(*options)) {
	mu.Lock()
	defer mu.Unlock()
	o := asked[t.Name()]
	if o == nil {
		o = &options{}
		asked[t.Name()] = o
	}
	change(o)
}

// of returns the options of a test, with those of the tests that it is a part of.
func of(t testing.TB) (all options) {
	mu.Lock()
	defer mu.Unlock()
	for name, o := range asked {
		if t.Name() == name || strings.HasPrefix(t.Name(), name+"/") {
			all.allow = append(all.allow, o.allow...)
			all.names = all.names || o.names
		}
	}
	return all
}

// Allow has the names that the test itself gives, as otelxtest.Config has them. It may
// be called at any time before the end of the test.
func Allow(t testing.TB, names ...string) {
	ask(t, func(o *options) { o.allow = append(o.allow, names...) })
}

// NamesOnly is for a test that tells the observer what no stage tells it, such as
// hostile strings. Only names, types, units and instruments are checked, and that
// every string is one that an exporter accepts. What the test emits is not noted.
func NamesOnly(t testing.TB) {
	ask(t, func(o *options) { o.names = true })
}

// Spans returns a recorder of spans. At the end of the test its spans are checked,
// and the test fails with each finding.
func Spans(t testing.TB) *tracetest.SpanRecorder {
	t.Helper()
	spans := tracetest.NewSpanRecorder()
	check(t, func(c *otelxtest.Checker) { c.Spans(spans.Ended()...) })
	return spans
}

// Reader returns a reader of metrics. At the end of the test it collects once more,
// and the test fails with each finding.
func Reader(t testing.TB) *sdkmetric.ManualReader {
	t.Helper()
	reader := sdkmetric.NewManualReader()
	check(t, func(c *otelxtest.Checker) {
		var rm metricdata.ResourceMetrics
		if reader.Collect(context.Background(), &rm) == nil { // else the test has shut it down
			c.Metrics(rm)
		}
	})
	return reader
}

// Check checks what has arrived somewhere, and fails the test with each finding.
func Check(t testing.TB, spans []sdktrace.ReadOnlySpan, metrics ...metricdata.ResourceMetrics) {
	t.Helper()
	of(t).check(t, func(c *otelxtest.Checker) {
		c.Spans(spans...)
		for _, rm := range metrics {
			c.Metrics(rm)
		}
	})
}

// ofValues are the findings about values, and about what a caller has left out.
var ofValues = []string{"undefined_enum_variant", "not_a_word", "unbounded_values", "required_attribute_not_present"}

// check checks at the end of the test what add adds to a checker.
func check(t testing.TB, add func(*otelxtest.Checker)) {
	t.Helper()
	t.Cleanup(func() {
		of(t).check(t, add)
	})
}

func (o options) check(t testing.TB, add func(*otelxtest.Checker)) {
	t.Helper()
	checker, err := otelxtest.New(otelxtest.Config{Allow: o.allow})
	if err != nil {
		t.Fatal(err)
	}
	add(checker)
	for _, f := range checker.Findings() {
		if !o.names || !slices.Contains(ofValues, f.ID) {
			t.Errorf("the contract in docs/registry: %s", f)
		}
	}
	if folder := os.Getenv(Folder); folder != "" && !o.names {
		if err := seen.write(folder, checker.Coverage().Seen); err != nil {
			t.Error(err)
		}
	}
}

// notes is what this test program has written.
type notes struct {
	mu      sync.Mutex // guards written, and the order of writes
	written map[string]bool
}

var seen = notes{written: map[string]bool{}}

// write adds to the file of this process what is not there yet.
func (n *notes) write(folder string, items []string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	var fresh []string
	for _, item := range items {
		if !n.written[item] {
			n.written[item] = true
			fresh = append(fresh, item)
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	f, err := os.OpenFile(filepath.Join(folder, fmt.Sprint(os.Getpid(), ".txt")), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if _, err := f.WriteString(strings.Join(fresh, "\n") + "\n"); err != nil {
		return err
	}
	return f.Close()
}
