// SPDX-License-Identifier: Apache-2.0

// Package contract reads the contract of telemetry: docs/registry, and the registries
// of applications. The format is that of OpenTelemetry Weaver.
package contract

import (
	"bytes"
	_ "embed" // for semconv.yaml
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"

	"github.com/penstock-go/penstock/docs/registry"
)

// Kind is what a signal is.
type Kind string

// The kinds of signals.
const (
	Span   Kind = "span"
	Event  Kind = "event"
	Metric Kind = "metric"
)

// Attribute is an attribute as a registry defines it.
type Attribute struct {
	Key        string
	Type       string   // one of Weaver's types, [Any] if the type is not known
	Values     []string // of an enumerated attribute
	Planned    []string // those of Values that nothing emits yet
	Deprecated string   // what to use instead, "" if the attribute is not deprecated
	Mark       Mark
}

// Any is the type of an attribute whose type is not known.
const Any = "any"

// Use is an attribute of a signal.
type Use struct {
	*Attribute
	Required bool
	Mark     Mark // of the reference and of the attribute
}

// Listed returns the values that the registry lists for the attribute, and those of
// them that nothing emits yet.
func (u *Use) Listed() (values, planned []string) {
	if len(u.Mark.Values) > 0 {
		return slices.Concat(u.Mark.Values, u.Mark.PlannedValues), u.Mark.PlannedValues
	}
	return u.Values, u.Planned
}

// Signal is a span, an event or a metric as a registry defines it.
type Signal struct {
	Kind       Kind
	Name       string
	SpanKind   string         // of a span
	Pattern    *regexp.Regexp // of the name of a span
	Instrument string         // of a metric
	Unit       string         // of a metric
	Deprecated string         // what to use instead, "" if the signal is not deprecated
	Mark       Mark
	Uses       map[string]*Use

	exact bool // the name of the span is always the same
}

// Emitted returns whether a registry other than that of the semantic conventions
// speaks of the signal.
func (s *Signal) Emitted() bool { return s.Uses != nil }

// Planned returns whether nothing emits the attribute with the signal yet.
func (s *Signal) Planned(u *Use) bool { return s.Mark.Planned || u.Mark.Planned }

// Registry is what the files of registries define together. It must not be changed.
type Registry struct {
	Attributes map[string]*Attribute
	Signals    map[Kind]map[string]*Signal

	spans  []*Signal // the most exact first
	groups map[string]*groupDef
	own    bool // the files being read are not those of the semantic conventions
}

// Span returns the definition of a span of that name and kind, nil if there is none.
func (r *Registry) Span(name, kind string) *Signal {
	at := slices.IndexFunc(r.spans, func(s *Signal) bool { return s.SpanKind == kind && s.Pattern.MatchString(name) })
	if at < 0 {
		return nil
	}
	return r.spans[at]
}

//go:embed semconv.yaml
var semconv []byte

// Penstock returns the registry of Penstock.
var Penstock = sync.OnceValues(func() (*Registry, error) { return Load() })

// Load reads the registry of Penstock, then those of the application.
func Load(more ...fs.FS) (*Registry, error) {
	r := &Registry{
		Attributes: map[string]*Attribute{},
		Signals:    map[Kind]map[string]*Signal{Span: {}, Event: {}, Metric: {}},
		groups:     map[string]*groupDef{},
	}
	if err := r.add([]file{{"semconv.yaml", semconv}}); err != nil {
		return nil, err
	}
	r.own = true
	for _, folder := range slices.Concat([]fs.FS{registry.Files()}, more) {
		files, err := definitions(folder)
		if err == nil {
			err = r.add(files)
		}
		if err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(r.spans, func(a, b *Signal) int { return a.looseness() - b.looseness() })
	return r, nil
}

// looseness orders spans: a name that is always the same first, and a pattern that
// matches everything last.
func (s *Signal) looseness() int {
	if s.exact {
		return -1 << 16
	}
	return -len(s.Pattern.String())
}

// file is a file of definitions.
type file struct {
	name string
	text []byte
}

// definitions returns the files of definitions in folder.
func definitions(folder fs.FS) (files []file, err error) {
	err = fs.WalkDir(folder, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !slices.Contains([]string{".yaml", ".yml"}, path.Ext(name)) || isManifest(name) {
			return err
		}
		text, err := fs.ReadFile(folder, name)
		files = append(files, file{name, text})
		return err
	})
	if err == nil && len(files) == 0 {
		err = errors.New("a registry has no definitions: give the file system of a folder with files of Weaver's format definition/2")
	}
	return files, err
}

func isManifest(name string) bool {
	return strings.HasSuffix(strings.TrimSuffix(name, path.Ext(name)), "manifest")
}

// add adds what one registry defines. Attributes and groups come first, because the
// other definitions refer to them from any file.
func (r *Registry) add(files []file) error {
	var all fileDef
	for _, one := range files {
		var f fileDef
		decoder := yaml.NewDecoder(bytes.NewReader(one.text))
		decoder.KnownFields(true)
		if err := decoder.Decode(&f); err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("%s: %w", one.name, err)
		}
		if f.Format != "definition/2" {
			return fmt.Errorf("%s: file_format is %q, want definition/2", one.name, f.Format)
		}
		all.join(f)
	}
	for _, a := range all.Attributes {
		if r.Attributes[a.Key] != nil {
			return fmt.Errorf("attribute %s is defined twice", a.Key)
		}
		r.Attributes[a.Key] = a.attribute()
	}
	for _, g := range all.Groups {
		r.groups[g.ID] = &g
	}
	var faults []error
	for _, s := range all.signals() {
		faults = append(faults, r.define(s))
	}
	return errors.Join(faults...)
}

// define adds a signal. A metric that refines another one takes over what that one
// says and has the attributes of the refinement alone: the conventions allow more of
// them than Penstock emits.
func (r *Registry) define(d signalDef) error {
	s := &Signal{
		Kind: d.kind, Name: d.name, SpanKind: d.SpanKind, Unit: d.Unit, Instrument: d.Instrument,
		Deprecated: d.Deprecated.remedy(), Mark: d.Annotations.Penstock, Uses: map[string]*Use{},
	}
	if d.Ref != "" {
		of := r.Signals[d.kind][d.Ref]
		if of == nil {
			return fmt.Errorf("%s refines %s, which is not defined", d.name, d.Ref)
		}
		s.Name, s.Unit, s.Instrument = of.Name, of.Unit, of.Instrument
	}
	if old := r.Signals[d.kind][s.Name]; old != nil && d.Ref == "" {
		return fmt.Errorf("%s %s is defined twice", d.kind, s.Name)
	}
	if err := r.resolve(s.Uses, d.Attributes); err != nil {
		return fmt.Errorf("%s %s: %w", d.kind, s.Name, err)
	}
	if d.kind == Span {
		s.Pattern, s.exact = d.namePattern()
		r.spans = append(r.spans, s)
	}
	if !r.own {
		s.Uses = nil // the conventions define it, and nothing says that it is emitted
	}
	r.Signals[d.kind][s.Name] = s
	return nil
}

// resolve adds the attributes that refs refer to.
func (r *Registry) resolve(to map[string]*Use, refs []refDef) error {
	// Groups first: a reference beside a group adds to what the group says.
	for _, ref := range refs {
		if ref.Group == "" {
			continue
		}
		group := r.groups[ref.Group]
		if group == nil {
			return fmt.Errorf("ref_group %s is not defined", ref.Group)
		}
		if err := r.resolve(to, group.Attributes); err != nil {
			return err
		}
	}
	for _, ref := range refs {
		if ref.Ref == "" {
			continue
		}
		a := r.Attributes[ref.Ref]
		if a == nil {
			// The semantic conventions have more attributes than are known here.
			a = &Attribute{Key: ref.Ref, Type: Any}
			r.Attributes[ref.Ref] = a
		}
		mark, required := a.Mark, ref.Level.required
		if of := to[ref.Ref]; of != nil { // in a group
			mark, required = of.Mark, required || of.Required
		}
		to[ref.Ref] = &Use{Attribute: a, Required: required, Mark: mark.with(ref.Annotations.Penstock)}
	}
	return nil
}
