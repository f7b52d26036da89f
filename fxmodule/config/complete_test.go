// SPDX-License-Identifier: Apache-2.0

package config_test

import (
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/penstock-go/penstock/fxmodule/config"
	"github.com/penstock-go/penstock/pool/milvus"
)

// inCode are the fields that only code sets: functions, interfaces and
// providers, and names that follow from the name of the pool.
var inCode = []string{
	"milvus.Config.TLS", // the tls settings make both
	"milvus.Config.TLSFiles",
	"milvus.Config.Credentials",
	"milvus.Config.DialOptions",
	"pool.Config.Mode", // always shared
	"pool.Config.Observer",
	"pool.Config.OnLeak",
	"pool.Config.OnUse",
	"penstock.Config.TracerProvider",
	"penstock.Config.MeterProvider",
	"penstock.Config.Telemetry",
	"penstock.Config.Observer",
	"penstock.Config.Logger",
	"middleware.Config.Name",
	"middleware.Config.Stages",
	"middleware.Config.Ops",
	"middleware.Config.KeyedBreaker", // its key is a function
	"middleware.Config.Chaos",        // for tests
	"breaker.Config.Name",
	"breaker.Config.OnTransition",
	"bulkhead.Config.Name",
	"ratelimit.Config.Name",
	"retry.Config.Budget",
	"health.Config.Name",
	"health.Config.Probe",
	"health.Config.Observer",
}

// settable returns the fields below v that code alone does not set, by their
// addresses.
func settable(t *testing.T, v reflect.Value, used map[string]bool) map[uintptr]string {
	t.Helper()
	fields := map[uintptr]string{}
	for i := range v.NumField() {
		field, name := v.Field(i), v.Type().String()+"."+v.Type().Field(i).Name
		if slices.Contains(inCode, name) {
			used[name] = true
			continue
		}
		if field.Kind() == reflect.Pointer {
			if field.IsNil() {
				t.Errorf("%s is nil: no setting of it was found", name)
				continue
			}
			field = field.Elem()
		}
		if field.Kind() != reflect.Struct || field.Type() == reflect.TypeFor[milvus.Secret]() {
			fields[field.Addr().Pointer()] = name
			continue
		}
		for at, name := range settable(t, field, used) {
			fields[at] = name
		}
	}
	return fields
}

// fieldOf returns for each setting the Go field that it sets.
func fieldOf(t *testing.T) map[string]string {
	t.Helper()
	cfg, client, pointers := config.Pointers()
	used := map[string]bool{}
	fields := settable(t, reflect.ValueOf(cfg).Elem(), used)
	for at, name := range settable(t, reflect.ValueOf(client).Elem(), used) {
		fields[at] = name
	}
	for _, name := range inCode {
		if !used[name] {
			t.Errorf("%s, which code alone sets, is not there", name)
		}
	}
	set := map[string]string{}
	for key, p := range pointers {
		at := reflect.ValueOf(p).Pointer()
		switch {
		case strings.HasPrefix(key, "tls.") && strings.HasSuffix(key, "_file"):
			set[key] = "milvus.Config.TLSFiles"
		case strings.HasPrefix(key, "tls."):
			set[key] = "milvus.Config.TLS"
		case fields[at] == "":
			t.Errorf("%s sets no field, or one that another setting sets", key)
		default:
			set[key] = fields[at]
			delete(fields, at)
		}
	}
	for _, name := range fields {
		t.Errorf("%s has no setting", name)
	}
	return set
}

func TestTheSettingsAreTheFieldsThatAFileCanHold(t *testing.T) {
	set := fieldOf(t)
	for _, key := range config.Keys() {
		name := key[strings.LastIndex(key, ".")+1:]
		field := set[key][strings.LastIndex(set[key], ".")+1:]
		if !strings.HasPrefix(key, "tls.") && !strings.EqualFold(strings.ReplaceAll(name, "_", ""), field) {
			t.Errorf("%s sets %s, whose name is another", key, set[key])
		}
	}
	if len(set) != len(config.Keys()) {
		t.Errorf("%d settings, but %d keys", len(set), len(config.Keys()))
	}
}

var row = regexp.MustCompile("(?m)^\\| `([a-z_]+(?:\\.[a-z_]+)?)` \\| `([a-z]+\\.\\w+\\.\\w+)` \\|")

func TestThePageListsEachSettingWithItsField(t *testing.T) {
	text, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	set := fieldOf(t)
	var got []string
	for _, m := range row.FindAllStringSubmatch(string(text), -1) {
		got = append(got, m[1])
		if set[m[1]] != m[2] {
			t.Errorf("the page says that %s sets %s, want %s", m[1], m[2], set[m[1]])
		}
	}
	if want := config.Keys(); !slices.Equal(got, want) {
		t.Errorf("documented are\n%q, want\n%q", got, want)
	}
}
