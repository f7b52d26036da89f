// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"encoding"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/fxmodule"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/middleware/retry"
	"github.com/penstock-go/penstock/pool"
)

// enums has the first and the last value of each enumerated type.
var enums = map[string][2]fmt.Stringer{
	"core.ConnFate":      {core.Keep, core.Broken},
	"core.EventKind":     {core.EventRetry, core.EventPanic},
	"core.Retry":         {core.RetryNever, core.RetryAlways},
	"core.Safety":        {core.Unsafe, core.ReadOnly},
	"core.ScopeKind":     {core.ScopeOperation, core.ScopeValidate},
	"core.Verdict":       {core.Failure, core.Success},
	"breaker.State":      {breaker.Closed, breaker.Disabled},
	"fxmodule.StartMode": {fxmodule.StartEager, fxmodule.StartLazy},
	"pool.Mode":          {pool.Exclusive, pool.Shared},
	"retry.Jitter":       {retry.FullJitter, retry.NoJitter},
}

// foreign are enumerated types whose values are defined elsewhere.
var foreign = []string{"milvustest.Code"}

func TestEachEnumeratedTypeIsWrittenAndReadAsText(t *testing.T) {
	declared := map[string]bool{}
	eachType("../..", func(pkg, name string, kind ast.Expr) {
		if id, ok := kind.(*ast.Ident); ok && ast.IsExported(name) && strings.Contains(id.Name, "int") && !slices.Contains(foreign, pkg+"."+name) {
			declared[pkg+"."+name] = true
		}
	})
	for _, name := range slices.Sorted(maps.Keys(declared)) {
		if _, ok := enums[name]; !ok {
			t.Errorf("%s has no row", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(enums)) {
		if !declared[name] {
			t.Errorf("%s is not there", name)
			continue
		}
		t.Run(name, func(t *testing.T) {
			first, last := reflect.ValueOf(enums[name][0]), reflect.ValueOf(enums[name][1])
			seen := map[string]bool{}
			for n := number(first); n <= number(last); n++ {
				seen[roundTrip(t, first.Type(), n)] = true
			}
			if want := int(number(last) - number(first) + 1); len(seen) != want {
				t.Errorf("the %d values have %d texts", want, len(seen))
			}
			beyond := fmt.Sprint(value(first.Type(), number(last)+1).Elem().Interface())
			if beyond != "unknown" && !strings.Contains(beyond, "(") && !seen[fmt.Sprintf("%q", beyond)] {
				t.Errorf("%q is a value too, and the table ends before it", beyond)
			}
			refuses(t, first.Type(), number(last)+1)
		})
	}
}

func number(v reflect.Value) int64 {
	if v.CanInt() {
		return v.Int()
	}
	return int64(v.Uint())
}

// value returns a pointer to the n-th value of the type.
func value(of reflect.Type, n int64) reflect.Value {
	v := reflect.New(of)
	v.Elem().Set(reflect.ValueOf(n).Convert(of))
	return v
}

// roundTrip returns the text of a value. It reports an error if the value does not
// come back from it.
func roundTrip(t *testing.T, of reflect.Type, n int64) string {
	t.Helper()
	v := value(of, n)
	text, err := json.Marshal(v.Elem().Interface())
	if want := fmt.Sprintf("%q", v.Elem().Interface()); err != nil || string(text) != want {
		t.Errorf("%d is written as %s, %v, want %s", n, text, err, want)
	}
	back := reflect.New(of)
	if err := json.Unmarshal(text, back.Interface()); err != nil || number(back.Elem()) != n {
		t.Errorf("%s is read as %v, %v, want %d", text, back.Elem(), err, n)
	}
	return string(text)
}

// refuses reports an error unless the type refuses a number that is no value, and
// text that is none of its texts.
func refuses(t *testing.T, of reflect.Type, n int64) {
	t.Helper()
	if text, err := value(of, n).Elem().Interface().(encoding.TextMarshaler).MarshalText(); err == nil {
		t.Errorf("%d is written as %s, want an error", n, text)
	}
	for _, text := range []string{"", "nonsense"} {
		v := reflect.New(of)
		err := v.Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(text))
		if err == nil || !strings.Contains(err.Error(), "want "+v.Elem().Interface().(fmt.Stringer).String()) && of.Kind() != reflect.Int8 {
			t.Errorf("%q is read as %v, %v, want an error that lists the texts", text, v.Elem(), err)
		}
	}
}

// eachType calls f with each type of the module's public packages.
func eachType(root string, f func(pkg, name string, kind ast.Expr)) {
	_ = filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if base := d.Name(); d.IsDir() && name != root && (base == "internal" || base == "examples" || base == "testdata" || strings.HasPrefix(base, ".")) {
			return fs.SkipDir
		}
		if path.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, decl := range file.Decls {
			gen, ok := decl.(*ast.GenDecl)
			if !ok {
				continue
			}
			for _, spec := range gen.Specs {
				if spec, ok := spec.(*ast.TypeSpec); ok {
					f(file.Name.Name, spec.Name.Name, spec.Type)
				}
			}
		}
		return nil
	})
}
