// SPDX-License-Identifier: Apache-2.0

package otelx_test

import (
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/semconv/v1.43.0/dbconv"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/internal/errtype"
	"github.com/penstock-go/penstock/otelx"
	"github.com/penstock-go/penstock/pool"
)

// section returns the part of docs/telemetry.md under the given heading.
func section(t *testing.T, heading string) string {
	t.Helper()
	text, err := os.ReadFile("../docs/telemetry.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(text), "\n## "+heading+"\n")
	if !ok {
		t.Fatalf("docs/telemetry.md has no section %q", heading)
	}
	part, _, _ := strings.Cut(rest, "\n## ")
	return part
}

// rows returns the cells of the first table in text, without its head, by the
// name in the first cell.
func rows(text string) map[string][]string {
	table := map[string][]string{}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "| `") {
			continue
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		table[quoted(cells[0])[0]] = cells[1:]
	}
	return table
}

var backticks = regexp.MustCompile("`([^`]+)`")

// quoted returns what stands between backticks in text, sorted.
func quoted(text string) []string {
	names := []string{}
	for _, m := range backticks.FindAllStringSubmatch(text, -1) {
		names = append(names, m[1])
	}
	slices.Sort(names)
	return names
}

// constants returns the values of the constants of strings in a file by their names.
func constants(t *testing.T, name string) map[string]string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]string{}
	for _, decl := range file.Decls {
		gen, ok := decl.(*ast.GenDecl)
		if !ok || gen.Tok != token.CONST {
			continue
		}
		for _, spec := range gen.Specs {
			spec := spec.(*ast.ValueSpec)
			literal, ok := spec.Values[0].(*ast.BasicLit)
			if !ok || literal.Kind != token.STRING {
				continue
			}
			value, err := strconv.Unquote(literal.Value)
			if err != nil {
				t.Fatal(err)
			}
			values[spec.Names[0].Name] = value
		}
	}
	return values
}

// withPrefix returns the values of the constants whose names begin with prefix.
func withPrefix(constants map[string]string, prefix string) []string {
	var values []string
	for name, value := range constants {
		if strings.HasPrefix(name, prefix) {
			values = append(values, value)
		}
	}
	return values
}

func names[V any](m map[string]V) []string {
	var ns []string
	for n := range m {
		ns = append(ns, n)
	}
	slices.Sort(ns)
	return ns
}

// conventional has the metrics of the semantic conventions, which are made by
// package dbconv and so have no constant of ours.
var conventional = []string{
	dbconv.ClientOperationDuration{}.Name(),
	dbconv.ClientConnectionCount{}.Name(),
	dbconv.ClientConnectionIdleMax{}.Name(),
	dbconv.ClientConnectionIdleMin{}.Name(),
	dbconv.ClientConnectionMax{}.Name(),
	dbconv.ClientConnectionPendingRequests{}.Name(),
	dbconv.ClientConnectionTimeouts{}.Name(),
	dbconv.ClientConnectionCreateTime{}.Name(),
	dbconv.ClientConnectionWaitTime{}.Name(),
	dbconv.ClientConnectionUseTime{}.Name(),
	dbconv.ClientResponseReturnedRows{}.Name(),
}

func TestReferenceListsEveryNameAndNoOther(t *testing.T) {
	all := constants(t, "names.go")
	for heading, want := range map[string][]string{
		"Attributes": withPrefix(all, "attr"),
		"Metrics":    append(withPrefix(all, "metric"), conventional...),
		"Events":     withPrefix(all, "event"),
		"Spans":      {all["spanAcquire"], all["spanConnect"], all["spanValidate"], all["spanProbe"], "{operation}" + all["spanAttemptSuffix"], "{operation} {target}"},
	} {
		slices.Sort(want)
		if got := names(rows(section(t, heading))); !slices.Equal(got, want) {
			t.Errorf("section %s lists\n%q, names.go has\n%q", heading, got, want)
		}
	}
	for _, value := range withPrefix(all, "link") {
		if !slices.Contains(quoted(section(t, "Links")), value) {
			t.Errorf("section Links does not list %q", value)
		}
	}
	if !strings.Contains(section(t, "Values of error.type"), "`"+errtype.Other+"`") {
		t.Error("section Values of error.type does not list _OTHER")
	}
}

func TestReferenceMatchesWhatIsEmitted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newSampledHarness(t, sdktrace.ParentBased(exceptDroppedConnects), append(standard(), otelx.WithEvidence(1), otelx.WithProbeSpans(true), otelx.WithAttemptDuration(true), otelx.WithReturnedRows())...)
		emitEverything(t, h)
		emitEvidence(t, h)

		buckets := map[string][]float64{
			"operation":  {.001, .005, .01, .05, .1, .5, 1, 5, 10},
			"connection": {.0001, .0005, .001, .005, .01, .05, .1, .5, 1, 5, 10},
			"retries":    {1, 2, 3, 4, 5},
			"rows":       {1, 4, 16, 64, 256, 1024, 4096, 16384},
		}
		documented, emitted := rows(section(t, "Metrics")), h.metrics()
		if got, want := names(emitted), names(documented); !slices.Equal(got, want) {
			t.Errorf("metrics emitted: %q, documented: %q", got, want)
		}
		for name, m := range emitted {
			row := documented[name]
			kind, keys, bounds := shape(t, m)
			if kind != row[0] || m.Unit != row[1] || !slices.Equal(keys, quoted(row[2])) || !slices.Equal(bounds, buckets[row[3]]) {
				t.Errorf("%s is a %s in %s with %q and buckets %v; documented as %q", name, kind, m.Unit, keys, bounds, row)
			}
			if m.Description == "" {
				t.Errorf("%s has no description", name)
			}
		}

		attributes, events := map[string]map[string]bool{}, map[string]map[string]bool{}
		collect := func(to map[string]map[string]bool, name string, kvs []attribute.KeyValue) {
			if to[name] == nil {
				to[name] = map[string]bool{}
			}
			for _, kv := range kvs {
				to[name][string(kv.Key)] = true
			}
		}
		for _, span := range h.spans.Ended() {
			name := strings.Replace(span.Name(), "Search", "{operation}", 1)
			if before, _, ok := strings.Cut(name, "docs"); ok {
				name = before + "{target}"
			}
			collect(attributes, name, span.Attributes())
			for _, e := range span.Events() {
				collect(events, e.Name, e.Attributes)
			}
		}
		for name, row := range rows(section(t, "Spans")) {
			if got, want := names(attributes[name]), quoted(row[2]+row[3]); !slices.Equal(got, want) {
				t.Errorf("span %s has %q, documented %q", name, got, want)
			}
		}
		for name, row := range rows(section(t, "Events")) {
			if got, want := names(events[name]), quoted(row[1]); !slices.Equal(got, want) {
				t.Errorf("event %s has %q, documented %q", name, got, want)
			}
		}
	})
}

// emitEverything makes h emit each span, event, attribute and metric there is.
func emitEverything(t *testing.T, h *harness) {
	t.Helper()
	reasons := map[string]uint64{}
	for _, reason := range registry(t).Attributes["penstock.disconnect.reason"].Values {
		reasons[reason] = 1
	}
	if err := h.RegisterPool("main", func() pool.Stats {
		return pool.Stats{
			Closed:   map[pool.CloseReason]uint64{pool.CloseDead: 1},
			Failures: []uint64{1}, Validations: 1, Canceled: 1, Leaks: 1, Invalid: map[string]uint64{"dead": 1},
			Transport: &pool.TransportStats{Connects: 1, Failed: reasons, Disconnects: reasons},
		}
	}); err != nil {
		t.Fatal(err)
	}
	if err := h.RegisterFigures("main", func() otelx.Figures { return everyFigure }); err != nil {
		t.Fatal(err)
	}
	attempted(t, h)
	hedged := search
	hedged.Hedge = true
	answered := core.Scope{Kind: core.ScopeOperation, Op: search, Attempt: 1, Start: time.Now()}
	ctx := h.Begin(t.Context(), answered)
	attempt := core.Scope{Kind: core.ScopeAttempt, Op: search, Attempt: 2, Start: time.Now(), Cause: errBackend}
	within := h.Begin(ctx, attempt)
	attempt.Answered, answered.Answered = true, true
	attempt.Conn = 2
	h.End(within, attempt, errBackend)
	h.End(ctx, answered, errBackend)
	late := core.Scope{
		Kind: core.ScopeOperation, Op: search, Attempt: 1, Start: time.Now(),
		Hedge: "failed", Seen: context.DeadlineExceeded, Conn: 1, Deadline: time.Now().Add(time.Second), AttemptLimit: time.Second, OperationLimit: time.Minute,
	}
	late.Op.Hedge = true
	h.End(h.Begin(t.Context(), late), late, context.DeadlineExceeded)
	h.operation(t.Context(), hedged, func(ctx context.Context) error {
		for _, kind := range []core.ScopeKind{core.ScopeAttempt, core.ScopeAcquire, core.ScopeConnect, core.ScopeProbe, core.ScopeValidate} {
			h.within(ctx, core.Scope{Kind: kind, Op: search, Attempt: 2, Name: "main", Ref: h.Ref(ctx, core.Scope{}), Cause: errBackend, Conn: 2}, func(context.Context) error {
				time.Sleep(time.Second)
				return errBackend
			})
		}
		h.RecordUse("main", time.Millisecond)
		h.EndpointChanged(ctx, "10.0.0.1:19530", "ejected", "slow", errBackend)
		for _, e := range []core.Event{
			{Kind: core.EventRetry, Op: search, Attempt: 1, Conn: 1, Delay: time.Second, Err: errBackend},
			{Kind: core.EventRetryEnd, Op: search, Attempt: 2, Outcome: "exhausted", Err: errBackend},
			{
				Kind: core.EventReject, Name: "breaker", From: "open", Delay: time.Second, Err: errBackend, Ref: otelx.Ref{},
				Cause: errBackend, CausedAt: time.Now(), Probe: errBackend, ProbedAt: time.Now(), MaxConcurrent: 8, Rate: 100,
			},
			{Kind: core.EventTransition, Name: "breaker", From: "closed", To: "open", Err: errBackend},
			{Kind: core.EventTransition, Name: "breaker", From: "open", To: "half_open", Outcome: "health_probe"},
			{Kind: core.EventHealth, Name: "health", From: "down", To: "up", Cause: errBackend},
			{Kind: core.EventTimeout, Outcome: "attempt", Limit: time.Second},
			{Kind: core.EventWait, Name: "bulkhead", Op: search, Delay: time.Second},
			{Kind: core.EventWait, Name: "pool", Op: search, Delay: time.Second, Err: &pool.AcquireError{Waited: time.Second, Holders: pool.Holders{{}}}},
			{Kind: core.EventPanic, Name: "OnUse", Err: core.ErrPanic},
		} {
			h.Event(ctx, e)
		}
		return errBackend
	})
	h.noted(t.Context(), &fakeNote{rows: 1}, nil)
	if n := len(h.spans.Ended()); n != 10 {
		t.Fatalf("%d spans %q, want 10", n, h.names())
	}
}

// emitEvidence makes h emit what is evidence, with all that only evidence has. The limit
// is one trace a second.
func emitEvidence(t *testing.T, h *harness) {
	t.Helper()
	before := len(h.spans.Ended())
	fail := func(*run) error { return errBackend }
	ctx := unsampled(t.Context())
	h.run(ctx, search, fail)
	h.run(ctx, search, fail) // left out
	time.Sleep(time.Second)
	h.run(ctx, search, func(r *run) error {
		r.event(core.Event{Kind: core.EventWait, Name: "pool", Delay: time.Second})
		for range 100 {
			r.event(core.Event{Kind: core.EventRetry, Attempt: 1, Err: errBackend})
		}
		r.attempt(2, func() error { return errBackend })
		return errBackend
	})
	h.run(ctx, search, fail) // left out
	time.Sleep(time.Second)
	h.within(dropConnects(ctx), core.Scope{Kind: core.ScopeConnect, Name: "main"}, failWith(errBackend))
	for n := range 101 { // targets that the metrics have no room for
		h.run(ctx, core.Op{Name: "Search", Target: fmt.Sprint("docs", n)}, func(*run) error { return nil })
		time.Sleep(time.Second)
	}
	if n := len(h.spans.Ended()) - before; n != 6 {
		t.Fatalf("%d spans %q are evidence, want 6", n, h.names()[before:])
	}
}

// attempted runs an operation whose attempts are measured, and fail.
func attempted(t *testing.T, h *harness) {
	t.Helper()
	client, err := core.NewClient(core.ClientConfig[int]{Source: &coretest.Source[int]{}, Middleware: h.MeasureAttempts})
	if err != nil {
		t.Fatal(err)
	}
	_, _ = core.Do(t.Context(), client, search, func(context.Context, int) (int, error) {
		time.Sleep(time.Second)
		return 0, errBackend
	})
}

// everyFigure has a value for each figure.
var everyFigure = otelx.Figures{
	Endpoints:      []otelx.EndpointFigures{{Pool: "main", Address: "10.0.0.1:19530", Latency: time.Second, Ejections: map[string]uint64{"slow": 1}}},
	Breakers:       []otelx.BreakerFigures{{Name: "breaker", States: map[string]int{"open": 1}, RecoveryTimeout: 30 * time.Second}},
	Up:             new(true),
	RetryBudget:    new(9.5),
	Bulkhead:       &otelx.BulkheadFigures{Running: 3, Waiting: 2, Limit: 10, Admitted: 40, Rejected: 4},
	Limiter:        &otelx.LimiterFigures{Limit: 100, Admitted: 50, Rejected: 5},
	Async:          &otelx.AsyncFigures{Running: 1, Limit: 20, Rejected: 6},
	Configuration:  &otelx.ConfigurationFigures{Generation: 3, Applied: 2, Refused: 1},
	Fallbacks:      map[string]uint64{"Search": 7},
	AttemptTimeout: 10 * time.Second, OperationTimeout: time.Minute,
}

// shape returns the instrument of m, the keys of its attributes, and its
// buckets.
func shape(t *testing.T, m metricdata.Metrics) (kind string, keys []string, bounds []float64) {
	t.Helper()
	seen := map[string]bool{}
	see := func(set attribute.Set) {
		for _, kv := range set.ToSlice() {
			seen[string(kv.Key)] = true
		}
	}
	switch data := m.Data.(type) {
	case metricdata.Histogram[float64]:
		kind, bounds = "histogram", data.DataPoints[0].Bounds
		for _, p := range data.DataPoints {
			see(p.Attributes)
		}
	case metricdata.Histogram[int64]:
		kind, bounds = "histogram", data.DataPoints[0].Bounds
		for _, p := range data.DataPoints {
			see(p.Attributes)
		}
	case metricdata.Gauge[float64]:
		kind = "gauge"
		for _, p := range data.DataPoints {
			see(p.Attributes)
		}
	case metricdata.Sum[int64]:
		kind = "updowncounter"
		if data.IsMonotonic {
			kind = "counter"
		}
		for _, p := range data.DataPoints {
			see(p.Attributes)
		}
	default:
		t.Fatalf("%s is a %T", m.Name, m.Data)
	}
	return kind, names(seen), bounds
}

func TestNamesAreThoseOfTheSemanticConventions(t *testing.T) {
	all := constants(t, "names.go")
	for name, theirs := range map[string]attribute.Key{
		"attrSystem":     semconv.DBSystemNameKey,
		"attrOperation":  semconv.DBOperationNameKey,
		"attrCollection": semconv.DBCollectionNameKey,
		"attrNamespace":  semconv.DBNamespaceKey,
		"attrStatusCode": semconv.DBResponseStatusCodeKey,
		"attrPoolName":   semconv.DBClientConnectionPoolNameKey,
		"attrPoolState":  semconv.DBClientConnectionStateKey,
		"attrAddress":    semconv.ServerAddressKey,
		"attrPort":       semconv.ServerPortKey,
		"attrErrorType":  semconv.ErrorTypeKey,
		"attrPeerName":   semconv.ServicePeerNameKey,
	} {
		if ours := all[name]; ours != string(theirs) {
			t.Errorf("%s = %q, want %q", name, ours, theirs)
		}
	}
}
