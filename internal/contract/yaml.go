// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"cmp"
	"fmt"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// fileDef is a file of the format definition/2. A field that is not here is an error,
// so that a slip in a registry is not ignored.
type fileDef struct {
	Format      string         `yaml:"file_format"`
	Attributes  []attributeDef `yaml:"attributes"`
	Groups      []groupDef     `yaml:"attribute_groups"`
	Spans       []signalDef    `yaml:"spans"`
	Events      []signalDef    `yaml:"events"`
	Metrics     []signalDef    `yaml:"metrics"`
	Refinements []signalDef    `yaml:"metric_refinements"`

	// What is read by Weaver and says nothing about telemetry here.
	Imports           any `yaml:"imports"`
	Entities          any `yaml:"entities"`
	EntityRefinements any `yaml:"entity_refinements"`
	SpanRefinements   any `yaml:"span_refinements"`
	EventRefinements  any `yaml:"event_refinements"`
}

func (f *fileDef) join(g fileDef) {
	f.Attributes = append(f.Attributes, g.Attributes...)
	f.Groups = append(f.Groups, g.Groups...)
	f.Spans = append(f.Spans, g.Spans...)
	f.Events = append(f.Events, g.Events...)
	f.Metrics = append(f.Metrics, g.Metrics...)
	f.Refinements = append(f.Refinements, g.Refinements...)
}

func (f *fileDef) signals() (all []signalDef) {
	for _, of := range []struct {
		kind Kind
		defs []signalDef
	}{{Span, f.Spans}, {Event, f.Events}, {Metric, f.Metrics}, {Metric, f.Refinements}} {
		for _, d := range of.defs {
			d.kind, d.name = of.kind, cmp.Or(d.Type, d.signalName(), d.ID)
			all = append(all, d)
		}
	}
	return all
}

// Mark is the annotation "penstock": what a check needs to know beyond Weaver's
// format. docs/registry/README.md explains each field.
type Mark struct {
	Planned       bool     `yaml:"planned"`
	MaxValues     int      `yaml:"max_values"`
	Open          bool     `yaml:"open"`
	Word          bool     `yaml:"word"`
	Keep          bool     `yaml:"keep"`
	Values        []string `yaml:"values"`
	PlannedValues []string `yaml:"planned_values"`
	Pattern       string   `yaml:"pattern"`
	Links         []string `yaml:"links"`
	Buckets       string   `yaml:"buckets"`
	By            string   `yaml:"by"`
}

// with returns m as a reference refines it.
func (m Mark) with(ref Mark) Mark {
	m.Planned = m.Planned || ref.Planned
	m.MaxValues = cmp.Or(ref.MaxValues, m.MaxValues)
	m.Open = m.Open || ref.Open
	m.Word = m.Word || ref.Word
	m.Keep = m.Keep || ref.Keep
	m.By = cmp.Or(ref.By, m.By)
	if len(ref.Values) > 0 {
		m.Values, m.PlannedValues = ref.Values, ref.PlannedValues
	}
	return m
}

type annotationsDef struct {
	Penstock Mark           `yaml:"penstock"`
	Others   map[string]any `yaml:",inline"`
}

// docDef is what every definition may say for the reader.
type docDef struct {
	Brief       string         `yaml:"brief"`
	Note        string         `yaml:"note"`
	Stability   string         `yaml:"stability"`
	Examples    any            `yaml:"examples"`
	Deprecated  deprecatedDef  `yaml:"deprecated"`
	Annotations annotationsDef `yaml:"annotations"`
}

type deprecatedDef struct {
	Reason    string `yaml:"reason"`
	Note      string `yaml:"note"`
	RenamedTo string `yaml:"renamed_to"`
}

// remedy returns what to do about it, "" if it is not deprecated.
func (d deprecatedDef) remedy() string {
	switch {
	case d.Reason == "":
		return ""
	case d.RenamedTo != "":
		return "use " + d.RenamedTo
	}
	return cmp.Or(strings.TrimSpace(d.Note), "leave it out")
}

type attributeDef struct {
	docDef `yaml:",inline"`
	Key    string  `yaml:"key"`
	Type   typeDef `yaml:"type"`
}

func (d attributeDef) attribute() *Attribute {
	a := &Attribute{Key: d.Key, Type: d.Type.name, Deprecated: d.Deprecated.remedy(), Mark: d.Annotations.Penstock}
	for _, m := range d.Type.Members {
		value := cmp.Or(m.Value, m.ID)
		a.Values = append(a.Values, value)
		if m.Annotations.Penstock.Planned {
			a.Planned = append(a.Planned, value)
		}
	}
	return a
}

// typeDef is the type of an attribute: a name, or the values of an enumeration.
type typeDef struct {
	name    string
	Members []struct {
		docDef `yaml:",inline"`
		ID     string `yaml:"id"`
		Value  string `yaml:"value"`
	} `yaml:"members"`
}

func (d *typeDef) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.ScalarNode {
		d.name = node.Value
		return nil
	}
	type plain typeDef
	if err := node.Decode((*plain)(d)); err != nil {
		return err
	}
	d.name = "string"
	for i := range node.Content {
		if node.Content[i].Value == "members" && hasInts(node.Content[i+1]) {
			d.name = "int"
		}
	}
	if len(d.Members) == 0 {
		return fmt.Errorf("line %d: the type of an attribute is neither a name nor an enumeration", node.Line)
	}
	return nil
}

// hasInts returns whether the values of the members are integers.
func hasInts(members *yaml.Node) bool {
	for _, member := range members.Content {
		for i := 0; i+1 < len(member.Content); i += 2 {
			if member.Content[i].Value == "value" {
				return member.Content[i+1].Tag == "!!int"
			}
		}
	}
	return false
}

type groupDef struct {
	docDef     `yaml:",inline"`
	ID         string   `yaml:"id"`
	Visibility string   `yaml:"visibility"`
	Attributes []refDef `yaml:"attributes"`
}

type refDef struct {
	docDef            `yaml:",inline"`
	Ref               string   `yaml:"ref"`
	Group             string   `yaml:"ref_group"`
	Level             levelDef `yaml:"requirement_level"`
	SamplingRelevance bool     `yaml:"sampling_relevant"`
}

// levelDef is a requirement level: a word, or a word with a condition.
type levelDef struct{ required bool }

func (d *levelDef) UnmarshalYAML(node *yaml.Node) error {
	d.required = node.Value == "required"
	return nil
}

// signalDef is a span, an event, a metric or the refinement of a metric.
type signalDef struct {
	docDef     `yaml:",inline"`
	kind       Kind
	name       string
	Type       string    `yaml:"type"` // of a span
	ID         string    `yaml:"id"`   // of a refinement
	Ref        string    `yaml:"ref"`
	Name       yaml.Node `yaml:"name"`
	SpanKind   string    `yaml:"kind"`
	Instrument string    `yaml:"instrument"`
	Unit       string    `yaml:"unit"`
	Level      string    `yaml:"requirement_level"`
	Entities   any       `yaml:"entity_associations"`
	Attributes []refDef  `yaml:"attributes"`
}

// signalName returns the name of an event or a metric.
func (d signalDef) signalName() string {
	if d.Name.Kind == yaml.ScalarNode {
		return d.Name.Value
	}
	return ""
}

var placeholder = regexp.MustCompile(`\\\{[^}]*\\\}`)

// namePattern returns what the names of a span match, and whether there is but one
// name. The note of the name has placeholders in braces.
func (d signalDef) namePattern() (pattern *regexp.Regexp, exact bool) {
	if p := d.Annotations.Penstock.Pattern; p != "" {
		if r, err := regexp.Compile("^(?s:" + p + ")$"); err == nil {
			return r, false
		}
	}
	var name struct {
		Note string `yaml:"note"`
	}
	_ = d.Name.Decode(&name)
	note := regexp.QuoteMeta(strings.TrimSpace(name.Note))
	return regexp.MustCompile("^(?s:" + placeholder.ReplaceAllString(note, ".+") + ")$"), !placeholder.MatchString(note)
}
