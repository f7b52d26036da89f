// SPDX-License-Identifier: Apache-2.0

package config

import (
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/retry"
	"github.com/penstock-go/penstock/pool"
)

// Setting is a setting of a file.
type Setting struct {
	// Key is the name in a file, such as "pool.max_size".
	Key string
	// Field is the field that the setting sets, such as "pool.Config.MaxSize".
	Field string
	// Type is the type of the field.
	Type reflect.Type
	// Secret says that the value is never shown.
	Secret bool
	// FromFile says that the value is the name of a file that holds the secret.
	FromFile bool

	root  root
	index []int  // of the field within the root
	path  string // of the field within its package's structs, such as "Retry.Interval"
	size  bool   // a number of bytes
	any   bool   // a number may be zero or negative
}

// root is the struct that a field belongs to.
type root uint8

const (
	ofPool root = iota
	ofConfig
	ofSection
)

// inCode are fields that no file can set, with the reason. Fields that hold a function,
// an interface or a channel need no row. A key stands for one field of several that have
// the type.
var inCode = map[string]string{
	"pool.Config.Mode":          "the code of the backend knows how its connections are lent",
	"penstock.Config.Telemetry": "options are functions",
	"penstock.Config.Logger":    "a logger is an object",
	"penstock.Config.Watchers":  "watchers are objects",
	"middleware.Config.Name":    "it is the name of the pool",
	"middleware.Config.Stages":  "stages are functions",
	"middleware.Config.Ops":     "operations are declared in code",
	"middleware.Config.Chaos":   "the stage is for tests",
	"breaker.Config.Name":       "it follows from the name of the pool",
	"bulkhead.Config.Name":      "it follows from the name of the pool",
	"ratelimit.Config.Name":     "it follows from the name of the pool",
	"health.Config.Name":        "it follows from the name of the pool",
	"retry.Config.Budget":       "a budget is an object that stages share",

	"keyed_breaker.each.disabled": "keyed_breaker.disabled leaves the stage out",
}

// words are values that have a name, because a number would say nothing.
var words = map[string]map[string]any{
	"max_async":            {"unlimited": core.Unlimited},
	"pool.replace_after":   {"never": pool.Never},
	"pool.lifetime_jitter": {"none": pool.NoJitter},
	"retry.max_retries":    {"none": retry.None},
}

// common returns the settings that every client has.
func common() ([]Setting, error) {
	w := walker{root: ofConfig, flat: true}
	w.walk("", "", reflect.TypeFor[penstock.Config](), nil)
	p := walker{root: ofPool}
	p.walk("pool", "", reflect.TypeFor[pool.Config](), nil)
	return append(w.found, p.found...), slices.Concat(w.faults, p.faults).err()
}

// Settings returns all settings that a file for o may have, of each client and of each
// section, in the order of the documentation. The variable that sets one is PENSTOCK_
// and its key in upper case, with an underscore for each dot.
func Settings(o Options) ([]Setting, error) {
	all, err := common()
	if err != nil {
		return nil, err
	}
	order := append([]string{"", "pool"}, middleware.DefaultOrder()...)
	place := func(s Setting) int {
		head, _, nested := strings.Cut(s.Key, ".")
		if !nested {
			head = ""
		}
		return slices.Index(order, head)
	}
	slices.SortStableFunc(all, func(a, b Setting) int { return place(a) - place(b) })
	taken := map[string]bool{"clients": true}
	for _, s := range all {
		head, _, _ := strings.Cut(s.Key, ".")
		taken[head] = true
	}
	var sections []Setting
	for _, name := range sorted(o.Sections) {
		of := reflect.TypeOf(o.Sections[name])
		switch {
		case of == nil || of.Kind() != reflect.Struct:
			return nil, fmt.Errorf("config: the section %q is a %v: give the struct itself, such as milvus.Settings{}", name, of)
		case taken[name] || name != snake(name) || !clientName.MatchString(name):
			return nil, fmt.Errorf("config: no section can have the name %q: give it lower-case letters, such as milvus, and no name of Penstock's own", name)
		}
		w := walker{root: ofSection}
		w.walk(name, "", of, nil)
		if err := w.faults.err(); err != nil {
			return nil, fmt.Errorf("config: section %s: %w", name, err)
		}
		sections = append(sections, w.found...)
	}
	return append(sections, all...), nil
}

// walker finds the settings in a struct type.
type walker struct {
	root   root
	flat   bool // the struct is penstock.Config, whose chain and stages have keys at the top
	found  []Setting
	faults faults
}

var (
	unmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()
	duration    = reflect.TypeFor[time.Duration]()
)

func (w *walker) walk(key, path string, t reflect.Type, index []int) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, tag := options(f)
		if !f.IsExported() || name == "-" || inCode[t.String()+"."+f.Name] != "" {
			continue
		}
		s := Setting{
			Key: join(key, name), Field: t.String() + "." + f.Name, Type: f.Type, root: w.root,
			index: append(slices.Clone(index), i), path: join(path, f.Name),
			Secret: slices.Contains(tag, "secret"), size: slices.Contains(tag, "size"), any: slices.Contains(tag, "any"),
		}
		if inCode[s.Key] != "" {
			continue
		}
		inner := f.Type
		if inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		switch {
		case leaf(f.Type):
			w.add(s, t)
		case f.Type.Kind() == reflect.Func, f.Type.Kind() == reflect.Interface, f.Type.Kind() == reflect.Chan:
		case inner.Kind() == reflect.Struct && w.flat && f.Type == reflect.TypeFor[middleware.Config]():
			w.walk("", "", inner, s.index)
		case inner.Kind() == reflect.Struct && w.flat && t == reflect.TypeFor[middleware.Config]():
			w.walk(stageName(f.Name), s.path, inner, s.index)
		case inner.Kind() == reflect.Struct && f.Anonymous && f.Tag.Get("config") == "":
			w.walk(key, path, inner, s.index)
		case inner.Kind() == reflect.Struct:
			w.walk(s.Key, s.path, inner, s.index)
		default:
			w.faults.add("%s has type %v, which no file can hold: give the field the tag `config:\"-\"`, or a type with UnmarshalText", s.Field, f.Type)
		}
	}
}

// add adds a setting, and for a secret the setting that names a file with the secret,
// unless the struct has a field for it.
func (w *walker) add(s Setting, of reflect.Type) {
	w.found = append(w.found, s)
	if !s.Secret {
		return
	}
	own := slices.ContainsFunc(reflect.VisibleFields(of), func(f reflect.StructField) bool {
		name, _ := options(f)
		return name == s.Key[strings.LastIndex(s.Key, ".")+1:]+"_file"
	})
	if !own {
		s.Key, s.FromFile = s.Key+"_file", true
		w.found = append(w.found, s)
	}
}

// options returns the name of a field in a file, and the other parts of its tag.
func options(f reflect.StructField) (name string, tag []string) {
	tag = strings.Split(f.Tag.Get("config"), ",")
	if name = tag[0]; name == "" {
		name = snake(f.Name)
	}
	return name, tag[1:]
}

// leaf reports whether one value of a file fills the type.
func leaf(t reflect.Type) bool {
	if reflect.PointerTo(t).Implements(unmarshaler) {
		return true
	}
	switch t.Kind() {
	case reflect.String, reflect.Bool, reflect.Float32, reflect.Float64,
		reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return true
	case reflect.Slice:
		return leaf(t.Elem()) && t.Elem().Kind() != reflect.Slice
	default:
		return false
	}
}

// stageName returns the name of the stage that a field of middleware.Config configures.
func stageName(field string) string {
	for _, name := range middleware.DefaultOrder() {
		if strings.EqualFold(strings.ReplaceAll(name, "_", ""), field) {
			return name
		}
	}
	return snake(field)
}

// snake returns a Go name as a file has it: MaxSize is max_size, APIKey is api_key.
func snake(name string) string {
	var b strings.Builder
	letters := []rune(name)
	for i, r := range letters {
		begins := i > 0 && unicode.IsUpper(r) &&
			(!unicode.IsUpper(letters[i-1]) || i+1 < len(letters) && unicode.IsLower(letters[i+1]))
		if begins && letters[i-1] != '_' {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

func join(a, b string) string {
	if a == "" {
		return b
	}
	return a + "." + b
}

// at returns the field of the setting in v, and makes the structs on the way to it.
func (s Setting) at(v reflect.Value) reflect.Value {
	for _, i := range s.index {
		if v.Kind() == reflect.Pointer {
			if v.IsNil() {
				v.Set(reflect.New(v.Type().Elem()))
			}
			v = v.Elem()
		}
		v = v.Field(i)
	}
	return v
}

// slot is what two keys have in common that set one thing: a secret and the name of its
// file.
func slot(known map[string]Setting, key string) string {
	if base, ok := strings.CutSuffix(key, "_file"); ok && known[base].Secret {
		return base
	}
	return key
}
