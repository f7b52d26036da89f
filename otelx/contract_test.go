// SPDX-License-Identifier: Apache-2.0

package otelx_test

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/penstock-go/penstock/internal/contract"
)

// registry returns the contract of docs/registry.
func registry(t *testing.T) *contract.Registry {
	t.Helper()
	r, err := contract.Penstock()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// defined are the names that the registry defines, with whether each of them is
// planned only.
type defined map[string]bool

// compare fails t unless got has every name that is not planned, and no name that is
// not defined.
func (d defined) compare(t *testing.T, what string, got []string) {
	t.Helper()
	for _, name := range got {
		if _, ok := d[name]; !ok {
			t.Errorf("%s has %s, which docs/registry does not define", what, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(d)) {
		if !d[name] && !slices.Contains(got, name) {
			t.Errorf("%s does not have %s, which docs/registry defines", what, name)
		}
	}
}

// signals returns the names of the signals of that kind that package otelx gives.
func signals(r *contract.Registry, kind contract.Kind) defined {
	d := defined{}
	for name, s := range r.Signals[kind] {
		if s.Emitted() && s.Mark.By == "" {
			d[name] = s.Mark.Planned
		}
	}
	return d
}

// attributesOf returns the attributes of a signal that package otelx gives.
func attributesOf(s *contract.Signal) defined {
	d := defined{}
	for key, u := range s.Uses {
		if u.Mark.By == "" {
			d[key] = s.Planned(u)
		}
	}
	return d
}

// attributes returns the attributes of all signals that package otelx gives.
func attributes(r *contract.Registry) defined {
	d := attributesBy(r, "")
	d[attrLink] = false
	return d
}

// attributesBy returns the attributes of all signals that one part of Penstock gives. An
// attribute is planned if it is planned for each of its signals.
func attributesBy(r *contract.Registry, by string) defined {
	d := defined{}
	for _, signals := range r.Signals {
		for _, s := range signals {
			for key, u := range s.Uses {
				if u.Mark.By == by {
					before, ok := d[key]
					d[key] = s.Planned(u) && (before || !ok)
				}
			}
		}
	}
	return d
}

const attrLink = "penstock.link"

// of returns the names in d that begin with prefix.
func (d defined) of(prefix string) defined {
	sub := maps.Clone(d)
	maps.DeleteFunc(sub, func(name string, _ bool) bool { return !strings.HasPrefix(name, prefix) })
	return sub
}

func TestConstantsAreThoseOfTheRegistry(t *testing.T) {
	all, r := constants(t, "names.go"), registry(t)
	attributes(r).compare(t, "names.go", withPrefix(all, "attr"))
	signals(r, contract.Event).compare(t, "names.go", withPrefix(all, "event"))
	signals(r, contract.Metric).of("penstock.").compare(t, "names.go", withPrefix(all, "metric"))
	links := defined{}
	for _, s := range r.Signals[contract.Span] {
		for _, value := range s.Mark.Links {
			links[value] = s.Mark.Planned
		}
	}
	links.compare(t, "names.go", withPrefix(all, "link"))
	spans := []string{"penstock.operation", "penstock.attempt"} // named for the operation
	adapter := constants(t, "../internal/milvusbase/note.go")
	milvus := attributesBy(r, "milvus")
	milvus["db.namespace"] = false // of a call that names its database; otelx has it for the others
	milvus.compare(t, "internal/milvusbase/note.go", withPrefix(adapter, "attr"))
	for name, value := range all {
		if strings.HasPrefix(name, "span") && name != "spanAttemptSuffix" {
			spans = append(spans, value)
		}
	}
	signals(r, contract.Span).compare(t, "names.go", spans)
}

// documented are the names of spans in docs/telemetry.md by those of the registry,
// where they differ.
var documented = map[string]string{
	"penstock.operation": "{operation} {target}",
	"penstock.attempt":   "{operation} attempt",
}

func TestReferenceIsThatOfTheRegistry(t *testing.T) {
	r := registry(t)
	table := rows(section(t, "Attributes"))
	attributes(r).compare(t, "section Attributes", names(table))
	milvus := rows(section(t, "Attributes of Milvus"))
	attributesBy(r, "milvus").compare(t, "section Attributes of Milvus", names(milvus))
	maps.Copy(table, milvus)
	for key, row := range table {
		if a := r.Attributes[key]; a != nil && !strings.HasPrefix(row[0]+",", a.Type+",") {
			t.Errorf("docs/telemetry.md says that %s is a %s, docs/registry says %s", key, row[0], a.Type)
		}
	}

	table = rows(section(t, "Events"))
	signals(r, contract.Event).compare(t, "section Events", names(table))
	for name, row := range table {
		if s := r.Signals[contract.Event][name]; s != nil {
			attributesOf(s).compare(t, "the row of "+name, quoted(row[1]))
		}
	}

	table = rows(section(t, "Spans"))
	for name, s := range r.Signals[contract.Span] {
		row, ok := table[cmp.Or(documented[name], name)]
		if !ok && !s.Mark.Planned {
			t.Errorf("section Spans does not list %s, which docs/registry defines", name)
		}
		if ok && !strings.Contains(strings.ToLower(row[0]), s.SpanKind) {
			t.Errorf("section Spans says that the kind of %s is %q, docs/registry says %s", name, row[0], s.SpanKind)
		}
		if ok {
			attributesOf(s).compare(t, "the row of "+name, quoted(row[2]+row[3]))
		}
	}

	table = rows(section(t, "Metrics"))
	signals(r, contract.Metric).compare(t, "section Metrics", names(table))
	for name, row := range table {
		s := r.Signals[contract.Metric][name]
		if s == nil {
			continue
		}
		if row[0] != s.Instrument || row[1] != s.Unit || row[3] != s.Mark.Buckets {
			t.Errorf("section Metrics has %q for %s, docs/registry has %s, %s and buckets %q", row, name, s.Instrument, s.Unit, s.Mark.Buckets)
		}
		attributesOf(s).compare(t, "the row of "+name, quoted(row[2]))
	}
}

// TestReferenceOfTheSDKIsThatOfTheRegistry compares the metrics that package otelx/sdk
// gives.
func TestReferenceOfTheSDKIsThatOfTheRegistry(t *testing.T) {
	r, table := registry(t), rows(section(t, "Turning it on"))
	for name, s := range r.Signals[contract.Metric] {
		if s.Mark.By != "sdk" {
			continue
		}
		row := table[name]
		if row == nil || row[0] != s.Instrument || row[1] != s.Unit {
			t.Errorf("section Turning it on has %q for %s, docs/registry has %s and %s", row, name, s.Instrument, s.Unit)
			continue
		}
		for key := range s.Uses {
			if !strings.Contains(row[2], "`"+key) {
				t.Errorf("the row of %s does not have %s, which docs/registry defines", name, key)
			}
		}
	}
}

// TestReferenceNamesEachListedValue holds the values of enumerated attributes to the
// registry.
func TestReferenceNamesEachListedValue(t *testing.T) {
	r := registry(t)
	told := quoted(section(t, "Attributes"))
	for key, planned := range attributes(r) {
		a := r.Attributes[key]
		if planned || key == attrLink || !strings.HasPrefix(key, "penstock.") {
			continue
		}
		for _, value := range a.Values {
			if !slices.Contains(a.Planned, value) && !slices.Contains(told, value) {
				t.Errorf("section Attributes does not name %q, a value of %s", value, key)
			}
		}
	}

	values := defined{}
	listed, planned := r.Signals[contract.Event]["penstock.retry"].Uses["error.type"].Listed()
	for _, value := range listed {
		values[value] = slices.Contains(planned, value)
	}
	text := section(t, "Values of error.type")
	_, list, _ := strings.Cut(text, "It is one of")
	list, _, _ = strings.Cut(list, "`timeout` is a") // the values are explained from there on
	values.compare(t, "section Values of error.type", quoted(list))
}
