// SPDX-License-Identifier: Apache-2.0

package penstock_test

import (
	"go/ast"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// mostNames says how many exported top-level names a package may have. What
// does not fit belongs into another package, or is not exported.
var mostNames = map[string]int{
	"core":               81,
	"pool":               40,
	"otelx":              35, // a type for the figures of each stage, and an option for each choice
	"middleware/breaker": 30,
	"middleware":         10,
}

func TestPackagesExportFewNames(t *testing.T) {
	packages := exports(sources(t))
	for folder, most := range mostNames {
		names := packages[folder]
		if len(names) == 0 {
			t.Errorf("%s exports nothing", folder)
		}
		if len(names) > most {
			t.Errorf("%s exports %d names, want at most %d", folder, len(names), most)
		}
	}
}

// unused says why names are exported that nothing in this repository uses. A
// key is the folder of the package, a dot, and the name; a star in it stands for
// any part of names.
var unused = map[string]string{
	"core/coretest.TestBreaker":    "An author of another breaker runs this suite.",
	"middleware/breaker.Forced*":   "They are values of a used type.",
	"middleware/chaos.ErrInjected": "A test of a user tells by it a fault that the stage made.",
	"middleware/fallback.Accept":   "It is a field's type of Plan.",

	"otelx/sdk.EvidenceSampler": "An application with an SDK of its own wraps its sampler with it.",

	"pool.CloseUnhealthy":                "It is a key of Stats.Closed.",
	"pool.Lease":                         "An application names the lease of its pool by it.",
	"pool/endpoint.*":                    "An application with a backend of its own makes a Balancer, and reads its Status.",
	"pool/lane.*":                        "An application with a backend of its own gives it lanes.",
	"pool/milvus.Err*":                   "A caller tests for them.",
	"pool/milvus.DefaultPort":            "An application that makes its observer by hand passes it on.",
	"pool/milvus.WithDatabase":           "An application with a database for each tenant names it for each call.",
	"pool/milvus.HybridSearch":           "It is one of the ready operations.",
	"pool/milvus.Get":                    "It is one of the ready operations.",
	"pool/milvus.Upsert":                 "It is one of the ready operations.",
	"pool/milvus.Delete":                 "It is one of the ready operations.",
	"pool/milvus.Release":                "It is one of the ready operations.",
	"pool/milvus.Flush":                  "It is one of the ready operations.",
	"pool/milvus.System":                 "An application that makes its observer by hand passes it on.",
	"pool/milvus/milvustest.Code*":       "A test of a user sets them as faults, and compares errors with them.",
	"pool/milvus/milvustest.Collection*": "A test of a user sets them as faults.",
	"pool/milvus/milvustest.ErrClosed":   "A test of a user that restarts the server tests for it.",
	"pool/milvus/milvustest.Exponential": "A test of a user draws the delays of a fault by it.",
	"pool/milvus/milvustest.Uniform":     "A test of a user draws the delays of a fault by it.",

	"otelx.NoEvidence": "An application switches evidence off by it.",
	"otelx.Ref":        "An application reads from it which span opened a breaker.",
	"otelx.With*":      "An application that makes its observer by hand sets them.",

	"otelx/otelxtest.*": "Tests of users call them, and tests of this repository some of them.",

	"fxmodule.For":     "An application with several clients gives a stage to one of them.",
	"fxmodule.Order":   "An application sets the order of the stages.",
	"fxmodule.Without": "An application leaves stages out.",
}

// TestEachExportedNameHasAUser counts as a user any other package, a nested
// module, an example, or a test of another package. A type needs no user of its
// own if a used name mentions it, as the result of a function, say.
func TestEachExportedNameHasAUser(t *testing.T) {
	all := sources(t)
	packages := exports(all)
	used := uses(all, packages)
	matched := map[string]bool{} // keys of the table
	for _, folder := range slices.Sorted(maps.Keys(packages)) {
		for _, name := range slices.Sorted(maps.Keys(packages[folder])) {
			full := folder + "." + name
			if used[full] {
				continue
			}
			key, why := excuse(full)
			matched[key] = true
			if key == "" {
				t.Errorf("nothing uses %s: do not export it, or say in the table of unused names why it is exported", full)
			} else if !strings.HasSuffix(why, ".") {
				t.Errorf("the table of unused names has no sentence for %s", key)
			}
		}
	}
	for key := range unused {
		if !matched[key] {
			t.Errorf("%s is used or is not there: take it from the table of unused names", key)
		}
	}
}

// excuse returns the entry of the table for the name, "" if it has none.
func excuse(full string) (key, why string) {
	for key, why := range unused {
		if before, after, ok := strings.Cut(key, "*"); key == full || ok && strings.HasPrefix(full, before) && strings.HasSuffix(full, after) {
			return key, why
		}
	}
	return "", ""
}

// exported is an exported top-level name and what a user of it gets to see.
type exported struct{ nodes []ast.Node }

// exports returns the exported top-level names of the public packages, by the
// folder of the package and the name.
func exports(all []source) map[string]map[string]*exported {
	packages := map[string]map[string]*exported{}
	for _, s := range all {
		if s.test || s.nested || s.file.Name.Name == "main" ||
			strings.HasPrefix(s.folder+"/", "internal/") || strings.HasPrefix(s.folder+"/", "examples/") {
			continue
		}
		names := packages[s.folder]
		if names == nil {
			names = map[string]*exported{}
			packages[s.folder] = names
		}
		add := func(name string, nodes ...ast.Node) {
			if !ast.IsExported(name) {
				return
			}
			if names[name] == nil {
				names[name] = &exported{}
			}
			names[name].nodes = append(names[name].nodes, nodes...)
		}
		for _, decl := range s.file.Decls {
			switch decl := decl.(type) {
			case *ast.FuncDecl:
				if decl.Recv == nil {
					add(decl.Name.Name, decl.Type)
				} else if decl.Name.IsExported() {
					add(receiver(decl.Recv.List[0].Type), decl.Type)
				}
			case *ast.GenDecl:
				addSpecs(decl, add)
			}
		}
	}
	return packages
}

func addSpecs(decl *ast.GenDecl, add func(name string, nodes ...ast.Node)) {
	for _, spec := range decl.Specs {
		switch spec := spec.(type) {
		case *ast.TypeSpec:
			add(spec.Name.Name, spec.Type)
			if spec.TypeParams != nil {
				add(spec.Name.Name, spec.TypeParams)
			}
		case *ast.ValueSpec:
			for _, name := range spec.Names {
				if spec.Type != nil {
					add(name.Name, spec.Type)
				} else {
					add(name.Name)
				}
			}
		}
	}
}

// receiver returns the name of the type of a method.
func receiver(t ast.Expr) string {
	switch t := t.(type) {
	case *ast.StarExpr:
		return receiver(t.X)
	case *ast.IndexExpr:
		return receiver(t.X)
	case *ast.IndexListExpr:
		return receiver(t.X)
	case *ast.Ident:
		return t.Name
	}
	return ""
}

// uses returns which of the names are used outside of their package.
func uses(all []source, packages map[string]map[string]*exported) map[string]bool {
	used := map[string]bool{}
	var use func(folder, name string)
	use = func(folder, name string) {
		key := folder + "." + name
		e := packages[folder][name]
		if e == nil || used[key] {
			return
		}
		used[key] = true
		for _, node := range e.nodes {
			mentions(node, func(other string) { use(folder, other) })
		}
	}
	for _, s := range all {
		imports := importedFolders(s)
		ast.Inspect(s.file, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok {
				if x, ok := sel.X.(*ast.Ident); ok && imports[x.Name] != "" && imports[x.Name] != s.folder {
					use(imports[x.Name], sel.Sel.Name)
				}
			}
			return true
		})
	}
	return used
}

// importedFolders returns the packages of this module that the file imports, by
// the name that they have there.
func importedFolders(s source) map[string]string {
	imports := map[string]string{}
	for _, spec := range s.file.Imports {
		imp, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue
		}
		folder, ok := strings.CutPrefix(imp+"/", module+"/")
		if !ok {
			continue
		}
		folder = path.Clean(folder) // "." for the root
		name := path.Base(imp)
		if spec.Name != nil {
			name = spec.Name.Name
		}
		imports[name] = folder
	}
	return imports
}

// mentions calls yield for each name of the same package in what a user sees of
// a declaration: a field or a method that is not exported is left out.
func mentions(node ast.Node, yield func(name string)) {
	ast.Inspect(node, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			return false // of another package
		case *ast.Field:
			visible := len(n.Names) == 0 // an embedded field, a result, a parameter
			for _, name := range n.Names {
				// A parameter begins with a small letter, and is seen.
				visible = visible || name.IsExported() || !isStructField(node, n)
			}
			return visible
		case *ast.Ident:
			yield(n.Name)
		}
		return true
	})
}

// isStructField tells whether the field is one of the struct, not a parameter.
func isStructField(node ast.Node, field *ast.Field) bool {
	s, ok := node.(*ast.StructType)
	return ok && slices.Contains(s.Fields.List, field)
}

func TestTheRuleOfUsers(t *testing.T) {
	var all []source
	for name, text := range map[string]string{
		"core/core.go": `package core
type Op struct { Safety Safety; hidden Hidden }
type Safety uint8
const ( Unsafe Safety = iota; ReadOnly )
type Hidden struct{}
type Source[C any] interface { Acquire() Lease[C] }
type Lease[C any] struct{}
func (l *Lease[C]) Fate() Fate { return 0 }
func (l *Lease[C]) fate(Inner) {}
type Fate int
type Inner int
func Do(op Op) (r Result) { return }
type Result struct{}
func Own() {}
var ErrX error
`,
		"core/core_test.go":  "package core_test\nimport \"" + module + "/core\"\nfunc test() { core.Own() }\n",
		"pool/pool.go":       "package pool\nimport c \"" + module + "/core\"\nvar _ c.Source[int]\n",
		"examples/a/main.go": "package main\nimport \"" + module + "/core\"\nfunc main() { core.Do(core.Op{Safety: core.ReadOnly}) }\n",
		"internal/x/x.go":    "package x\nfunc Exported() {}\n",
		"docs_test.go":       "package penstock_test\nimport \"" + module + "\"\nvar _ = penstock.Open\n",
		"open.go":            "package penstock\nfunc Open() {}\n",
		"fxmodule/fx.go":     "package fxmodule\nimport \"" + module + "\"\nvar _ = penstock.New\n",
		"new.go":             "package penstock\nfunc New() {}\n",
	} {
		s, err := parseSource(name, text)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	packages := exports(all)
	used := uses(all, packages)
	want := map[string]bool{
		"core.Op": true, "core.Safety": true, "core.Unsafe": false, "core.ReadOnly": true, "core.Hidden": false,
		"core.Source": true, "core.Lease": true, "core.Fate": true, "core.Inner": false,
		"core.Do": true, "core.Result": true, "core.Own": false, "core.ErrX": false,
		"..Open": false, "..New": true,
	}
	names := 0
	for folder := range packages {
		for name := range packages[folder] {
			names++
			key := folder + "." + name
			if w, ok := want[key]; !ok || used[key] != w {
				t.Errorf("%s is used: %t, want %t (listed: %t)", key, used[key], w, ok)
			}
		}
	}
	if names != len(want) {
		t.Errorf("%d exported names, want %d", names, len(want))
	}
}
