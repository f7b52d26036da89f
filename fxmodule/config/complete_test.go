// SPDX-License-Identifier: Apache-2.0

package config_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/fxmodule/config"
	"github.com/penstock-go/penstock/pool"
	"github.com/penstock-go/penstock/pool/milvus"
)

// inCode are the fields that no file sets.
var inCode = []string{
	"pool.Config.Mode", "pool.Config.OnLeak", "pool.Config.OnUse", "pool.Config.Observer",
	"penstock.Config.TracerProvider", "penstock.Config.MeterProvider", "penstock.Config.Telemetry",
	"penstock.Config.Observer", "penstock.Config.Logger", "penstock.Config.Watchers",
	"middleware.Config.Name", "middleware.Config.Stages", "middleware.Config.Ops", "middleware.Config.Chaos",
	"breaker.Config.Name", "breaker.Config.OnTransition", "keyed.Config.Key", "bulkhead.Config.Name", "ratelimit.Config.Name",
	"retry.Config.Budget", "health.Config.Name", "health.Config.Probe", "health.Config.Observer",
}

// fields returns the fields below a type that a file can set, by their paths, and notes in
// used the fields that code alone sets.
func fields(path string, t reflect.Type, used map[string]bool) (paths []string) {
	for f := range t.Fields() {
		name, of := t.String()+"."+f.Name, f.Type
		if slices.Contains(inCode, name) {
			used[name] = true
			continue
		}
		if of.Kind() == reflect.Pointer {
			of = of.Elem()
		}
		below := path + "." + f.Name
		if of.Kind() == reflect.Struct && of != reflect.TypeFor[milvus.Secret]() {
			paths = append(paths, fields(below, of, used)...)
		} else {
			paths = append(paths, below)
		}
	}
	return paths
}

// given returns the fields below v that are not zero.
func given(path string, v reflect.Value) (paths []string) {
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	if v.Kind() != reflect.Struct || v.Type() == reflect.TypeFor[milvus.Secret]() {
		if v.IsValid() && !v.IsZero() {
			return []string{path}
		}
		return nil
	}
	for i := range v.NumField() {
		paths = append(paths, given(path+"."+v.Type().Field(i).Name, v.Field(i))...)
	}
	return paths
}

// valid returns text that is a valid value of a setting's type.
func valid(s config.Setting) string {
	switch {
	case s.Type == reflect.TypeFor[time.Duration]():
		return "1s"
	case s.Type.Kind() == reflect.Bool:
		return "true"
	case strings.HasSuffix(s.Key, ".jitter"):
		return "equal" // full is zero
	case s.Type.Kind() == reflect.Int, s.Type.Kind() == reflect.Float64:
		return "1"
	case strings.HasSuffix(s.Key, "_file"):
		return ""
	default:
		return "read_write" // a name of everything else
	}
}

// Each setting alone sets one field, and together they set all fields that are not in the
// list.
func TestTheSettingsAreTheFieldsThatAFileCanHold(t *testing.T) {
	used := map[string]bool{}
	want := slices.Concat(
		fields("milvus", reflect.TypeFor[milvus.Settings](), used),
		fields("pool", reflect.TypeFor[pool.Config](), used),
		fields("penstock", reflect.TypeFor[penstock.Config](), used),
	)
	want = slices.DeleteFunc(want, func(path string) bool {
		return path == "penstock.Chain.KeyedBreaker.Each.Disabled" // always refused
	})
	for _, name := range inCode {
		if !used[name] {
			t.Errorf("%s, which code alone sets, is not there", name)
		}
	}
	settings, err := config.Settings(options)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range settings {
		got = append(got, sets(t, s)...)
	}
	slices.Sort(got)
	slices.Sort(want)
	for _, path := range want {
		if !slices.Contains(got, path) {
			t.Errorf("no setting sets %s", path)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("the settings set %q\nwant %q", got, want)
	}
}

// sets returns the one field that a setting sets.
func sets(t *testing.T, s config.Setting) []string {
	variable := "PENSTOCK_" + strings.ToUpper(strings.ReplaceAll(s.Key, ".", "_"))
	text := valid(s)
	if text == "" {
		text = file(t, "a secret")
	}
	t.Setenv(variable, text)
	defer t.Setenv(variable, "")
	// Without a Check, which would refuse some of the values alone.
	c := config.Unchecked(t, config.Options{Sections: map[string]any{"milvus": milvus.Settings{}}})
	server, err := config.Section[milvus.Settings](c, "milvus")
	if err != nil {
		t.Fatal(err)
	}
	p, client := c.Settings()
	paths := slices.Concat(given("milvus", reflect.ValueOf(server)), given("pool", reflect.ValueOf(p)), given("penstock", reflect.ValueOf(client)))
	if len(paths) != 1 {
		t.Errorf("%s=%s sets %q, want one field", variable, text, paths)
		return nil
	}
	name := func(path string) string {
		return strings.ToLower(strings.ReplaceAll(path[strings.LastIndexAny(path, ".")+1:], "_", ""))
	}
	if name(s.Key) != name(paths[0]) || !strings.HasSuffix(paths[0], s.Field[strings.LastIndex(s.Field, "."):]) {
		t.Errorf("%s sets %s, whose name is another; Field says %s", s.Key, paths[0], s.Field)
	}
	return paths
}

func TestSettingsHaveVariablesOfTheirOwn(t *testing.T) {
	settings, err := config.Settings(options)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]string{}
	for _, s := range settings {
		v := strings.ReplaceAll(s.Key, ".", "_")
		if seen[v] != "" {
			t.Errorf("%s and %s have one variable", s.Key, seen[v])
		}
		seen[v] = s.Key
	}
	if len(settings) < 90 {
		t.Errorf("%d settings, fewer than there are", len(settings))
	}
}

func TestSectionsThatCannotBeAreRefused(t *testing.T) {
	type hasMap struct{ Labels map[string]string }
	type mute struct {
		Labels map[string]string `config:"-"`
		Notify func()
	}
	for name, row := range map[string]struct {
		sections map[string]any
		want     string
	}{
		"no struct":        {map[string]any{"redis": "x"}, `config: the section "redis" is a string: give the struct itself, such as milvus.Settings{}`},
		"a pointer":        {map[string]any{"redis": &Redis{}}, `config: the section "redis" is a *config_test.Redis: give the struct itself, such as milvus.Settings{}`},
		"nil":              {map[string]any{"redis": nil}, `config: the section "redis" is a <nil>: give the struct itself, such as milvus.Settings{}`},
		"a name of ours":   {map[string]any{"pool": Redis{}}, `config: no section can have the name "pool": give it lower-case letters, such as milvus, and no name of Penstock's own`},
		"clients":          {map[string]any{"clients": Redis{}}, `config: no section can have the name "clients": give it lower-case letters, such as milvus, and no name of Penstock's own`},
		"another field":    {map[string]any{"redis": hasMap{}}, "config: section redis: config_test.hasMap.Labels has type map[string]string, which no file can hold: give the field the tag `config:\"-\"`, or a type with UnmarshalText"},
		"without settings": {map[string]any{"redis": mute{}}, ""},
	} {
		_, err := config.Load("", config.Options{Sections: row.sections})
		if err == nil && row.want != "" || err != nil && err.Error() != row.want {
			t.Errorf("%s: Load = %v\nwant %s", name, err, row.want)
		}
	}
}
