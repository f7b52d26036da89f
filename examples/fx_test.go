// SPDX-License-Identifier: Apache-2.0

package examples

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// validation stands in for fx.New in a copy of a program.
const validation = `package main

import (
	"fmt"
	"os"

	"go.uber.org/fx"
)

func validated(options ...fx.Option) *fx.App {
	if err := fx.ValidateApp(options...); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("valid")
	os.Exit(0)
	return nil
}
`

// Each program is built with fx.ValidateApp in place of fx.New, and run.
func TestTheGraphOfEachExampleIsValid(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds each example")
	}
	programs, err := filepath.Glob("*/*.go")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, program := range programs {
		text, ok := withoutNew(t, program)
		if !ok || strings.HasSuffix(program, "_test.go") {
			continue
		}
		found = append(found, filepath.Dir(program))
		t.Run(filepath.Dir(program), func(t *testing.T) {
			dir := t.TempDir()
			replace := map[string]string{}
			for name, text := range map[string]string{program: text, filepath.Join(filepath.Dir(program), "validated.go"): validation} {
				copied := filepath.Join(dir, filepath.Base(name))
				if err := os.WriteFile(copied, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
				original, err := filepath.Abs(name)
				if err != nil {
					t.Fatal(err)
				}
				replace[original] = copied
			}
			overlay, err := json.Marshal(map[string]any{"Replace": replace})
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(dir, "overlay.json")
			if err := os.WriteFile(file, overlay, 0o600); err != nil {
				t.Fatal(err)
			}
			out, err := exec.CommandContext(t.Context(), "go", "run", "-overlay", file, "./"+filepath.Dir(program)).CombinedOutput()
			if err != nil || !strings.HasSuffix(string(out), "valid\n") {
				t.Errorf("%v, it printed\n%s", err, out)
			}
		})
	}
	if !slices.Contains(found, "app") {
		t.Errorf("the programs with fx are %q, want app among them", found)
	}
}

// withoutNew returns the text of a program in which fx.New is called validated, and whether it
// calls fx.New.
func withoutNew(t *testing.T, program string) (string, bool) {
	t.Helper()
	text, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, program, text, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	found := false
	ast.Inspect(file, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok && s.Sel.Name == "New" {
			if x, ok := s.X.(*ast.Ident); ok && x.Name == "fx" {
				found = true
			}
		}
		return true
	})
	return strings.ReplaceAll(string(text), "fx.New(", "validated("), found
}
