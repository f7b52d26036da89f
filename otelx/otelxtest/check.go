// SPDX-License-Identifier: Apache-2.0

package otelxtest

import (
	"io/fs"
	"maps"
	"slices"
	"sync"
	"testing"

	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/penstock-go/penstock/internal/contract"
	"github.com/penstock-go/penstock/otelx"
)

// Config says what a check knows besides the contract of Penstock. The zero value is
// ready to use.
type Config struct {
	// Registries are registries of the application in Weaver's format definition/2,
	// each the file system of a folder. A reference may name an attribute of Penstock
	// or of the semantic conventions.
	Registries []fs.FS

	// Scopes are the instrumentation scopes that are checked besides those of the
	// packages otelx and otelx/sdk. Telemetry of other scopes is left alone: other libraries have contracts
	// of their own.
	Scopes []string

	// Allow has names of attributes, spans, events and metrics that are in no
	// registry, such as the attributes that the application gives with
	// otelx.WithAttributes. A name that ends in ".*" stands for all names below.
	Allow []string
}

// Checker compares telemetry with the contract. It may be used by several goroutines.
type Checker struct {
	registry *contract.Registry
	scopes   []string
	allow    []string

	mu       sync.Mutex // guards all below
	findings findings
	seen     map[string]bool
	values   map[string]map[string]bool // of an attribute of a metric
}

// sdkScope is the scope in which package otelx/sdk tells what the SDK loses.
const sdkScope = otelx.ScopeName + "/sdk"

// New returns a checker that has seen nothing. The error says what is wrong with a
// registry of the application.
func New(cfg Config) (*Checker, error) {
	r, err := contract.Penstock()
	if err == nil && len(cfg.Registries) > 0 {
		r, err = contract.Load(cfg.Registries...)
	}
	if err != nil {
		return nil, err
	}
	return &Checker{
		registry: r,
		scopes:   append([]string{otelx.ScopeName, sdkScope}, cfg.Scopes...),
		allow:    slices.Clone(cfg.Allow),
		findings: findings{},
		seen:     map[string]bool{},
		values:   map[string]map[string]bool{},
	}, nil
}

// Check fails t with each finding in spans and metrics.
func Check(t testing.TB, cfg Config, spans []sdktrace.ReadOnlySpan, metrics ...metricdata.ResourceMetrics) {
	t.Helper()
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	c.Spans(spans...)
	for _, rm := range metrics {
		c.Metrics(rm)
	}
	for _, f := range c.Findings() {
		t.Error(f)
	}
}

// Findings returns all findings so far, sorted, each once.
func (c *Checker) Findings() []Finding {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.findings.sorted()
}

// Coverage returns which part of the registry was seen so far. A value of zero of a
// counter and an empty histogram do not count: nothing was measured.
func (c *Checker) Coverage() Coverage {
	c.mu.Lock()
	defer c.mu.Unlock()
	var missing []string
	for item, planned := range items(c.registry) {
		if !planned && !c.seen[item] {
			missing = append(missing, item)
		}
	}
	slices.Sort(missing)
	return Coverage{Seen: slices.Sorted(maps.Keys(c.seen)), Missing: missing}
}

// checks returns whether telemetry of that scope is checked.
func (c *Checker) checks(scope string) bool { return slices.Contains(c.scopes, scope) }

// allows returns whether the configuration allows the name.
func (c *Checker) allows(name string) bool {
	return slices.ContainsFunc(c.allow, func(pattern string) bool { return namedBy(pattern, name) })
}
