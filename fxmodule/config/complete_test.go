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
)

// inCode are the fields that are set in code alone: what is no value, and names
// that follow from that of the pool.
var inCode = []string{
	".Config.TLS", // by the files
	".Config.DialOptions",
	".Config.Pool.Mode",
	".Config.Pool.Observer",
	".Config.Pool.LeakAfter", // OnLeak is told
	".Config.Pool.OnLeak",
	".Config.Pool.OnUse",
	".Chain.Name",
	".Chain.Stages",
	".Chain.OperationTimeout", // Timeout is that
	".Chain.Ops",
	".Chain.Bulkhead.Name",
	".Chain.RateLimit.Name",
	".Chain.Chaos", // for tests
	".Chain.Breaker.Name",
	".Chain.KeyedBreaker", // its key is a function
	".Chain.Breaker.OnMove",
	".Chain.Retry.Budget",
	".Chain.Health.Name",
	".Chain.Health.Probe",
	".Chain.Health.Observer",
	".Observer",
}

func TestEveryFieldHasASettingOrIsForCodeAlone(t *testing.T) {
	cfg, pointers := config.Pointers()
	covered := map[uintptr]bool{}
	for _, p := range pointers {
		covered[reflect.ValueOf(p).Pointer()] = true
	}
	var walk func(v reflect.Value, path string)
	walk = func(v reflect.Value, path string) {
		for i := range v.NumField() {
			field, path := v.Field(i), path+"."+v.Type().Field(i).Name
			switch {
			case slices.Contains(inCode, path):
			case field.Kind() == reflect.Struct:
				walk(field, path)
			case !covered[field.Addr().Pointer()]:
				t.Errorf("ClientConfig%s has no setting", path)
			}
		}
	}
	walk(reflect.ValueOf(cfg).Elem(), "")
}

var row = regexp.MustCompile("(?m)^\\| `([a-z_]+(?:\\.[a-z_]+)?)` \\|")

func TestTheSettingsAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "## A file and the environment")
	var got []string
	for _, m := range row.FindAllStringSubmatch(table, -1) {
		got = append(got, m[1])
	}
	if want := config.Keys(); !slices.Equal(got, want) {
		t.Errorf("documented are\n%q, want\n%q", got, want)
	}
}
