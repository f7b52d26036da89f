// SPDX-License-Identifier: Apache-2.0

package examples

import (
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// example is a row of the table in README.md.
type example struct{ name, file, shows, command string }

var row = regexp.MustCompile("(?m)^\\| \\[(\\S+)\\]\\((\\S+)\\) \\| (.+) \\| `(.+)` \\|$")

func table(t *testing.T) (rows []example) {
	t.Helper()
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range row.FindAllStringSubmatch(string(text), -1) {
		rows = append(rows, example{m[1], m[2], m[3], m[4]})
	}
	return rows
}

func TestTheTableHasEachFolderOnce(t *testing.T) {
	var listed, there []string
	for _, e := range table(t) {
		listed = append(listed, e.name)
	}
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() {
			there = append(there, e.Name())
		}
	}
	slices.Sort(listed)
	if len(there) == 0 || !slices.Equal(listed, there) {
		t.Errorf("README.md lists %q, the folders are %q", listed, there)
	}
}

// The package comment says what the example shows and how to run it, so that a reader
// of the code needs no other page. A folder without a program has examples of package
// testing, which its command runs.
func TestEachExampleSaysWhatItShowsAndItsCommand(t *testing.T) {
	for _, e := range table(t) {
		file, err := parser.ParseFile(token.NewFileSet(), e.file, nil, parser.ParseComments|parser.PackageClauseOnly)
		if err != nil {
			t.Error(err)
			continue
		}
		if filepath.Dir(e.file) != e.name {
			t.Errorf("%s links to %s", e.name, e.file)
		}
		verb, program := "go test -v ", file.Name.Name == "main"
		if program {
			verb = "go run "
		}
		if e.command != verb+"./examples/"+e.name {
			t.Errorf("%s has the command %q, want %q", e.name, e.command, verb+"./examples/"+e.name)
		}
		comment := file.Doc.Text()
		if !strings.Contains(comment, "\n\t"+e.command+"\n") {
			t.Errorf("%s: the package comment does not have the command %q in a line of its own:\n%s", e.file, e.command, comment)
		}
		name := strings.ToUpper(e.name[:1]) + e.name[1:] + " "
		if program && !strings.HasPrefix(comment, name) {
			t.Errorf("%s: the package comment does not begin with %q", e.file, name)
		}
		if tests, _ := filepath.Glob(filepath.Join(e.name, "*_test.go")); len(tests) == 0 && !runHere(t, e.name) {
			t.Errorf("no test runs %s", e.name)
		}
	}
}

// runHere reports whether a test of this package runs the example.
func runHere(t *testing.T, name string) bool {
	t.Helper()
	text, err := os.ReadFile("examples_test.go")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Contains(string(text), `run(t, "`+name+`"`)
}
