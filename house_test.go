// SPDX-License-Identifier: Apache-2.0

package penstock_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"strings"
	"testing"
)

// source is a Go file of this repository.
type source struct {
	name   string // path from the root
	folder string
	test   bool
	nested bool // whether the file is part of another module
	file   *ast.File
	set    *token.FileSet
}

// line returns the line of a position.
func (s source) line(p token.Pos) int { return s.set.Position(p).Line }

// sources returns all Go files of this repository, nested modules included.
func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	files := os.DirFS(".")
	nested := "" // the module that the walk is in, with a slash behind
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name == "." {
				return nil
			}
			if _, err := fs.Stat(files, path.Join(name, "go.mod")); err == nil && (nested == "" || !strings.HasPrefix(name, nested)) {
				nested = name + "/"
			} else if err != nil && enter(files, name, d.Name()) != nil {
				return fs.SkipDir
			}
			return nil
		}
		if path.Ext(name) != ".go" {
			return nil
		}
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		s, err := parseSource(name, text)
		s.nested = nested != "" && strings.HasPrefix(name, nested)
		all = append(all, s)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func parseSource(name string, text any) (source, error) {
	s := source{name: name, folder: path.Dir(name), test: strings.HasSuffix(name, "_test.go"), set: token.NewFileSet()}
	var err error
	s.file, err = parser.ParseFile(s.set, name, text, parser.SkipObjectResolution)
	return s, err
}

// The limits of what can be read at once.
const (
	mostLinesOfFile     = 400
	mostLinesOfFunction = 80
	mostLinesOfBuild    = 50 // middleware.Build, which grows with each stage if it is not a loop
)

func TestFilesAndFunctionsAreShort(t *testing.T) {
	build, nested := false, false
	for _, s := range sources(t) {
		nested = nested || s.nested
		if s.test {
			continue
		}
		if lines := s.line(s.file.FileEnd); lines > mostLinesOfFile {
			t.Errorf("%s has %d lines, want at most %d: it holds several ideas", s.name, lines, mostLinesOfFile)
		}
		for _, decl := range s.file.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if !ok {
				continue
			}
			most := mostLinesOfFunction
			if s.folder == "middleware" && f.Recv == nil && f.Name.Name == "Build" {
				most, build = mostLinesOfBuild, true
			}
			if lines := s.line(f.End()) - s.line(f.Pos()) + 1; lines > most {
				t.Errorf("%s:%d: %s has %d lines, want at most %d", s.name, s.line(f.Pos()), f.Name.Name, lines, most)
			}
		}
	}
	if !build {
		t.Error("middleware.Build was not found")
	}
	if !nested {
		t.Error("no file of a nested module was read")
	}
}

// Pool and otelx serve any backend. A comment may name one as an example.
func TestPoolAndTelemetryKnowNoBackend(t *testing.T) {
	read := map[string]bool{}
	for _, s := range sources(t) {
		if s.test || s.folder != "pool" && s.folder != "otelx" && s.folder != "otelx/sdk" {
			continue
		}
		read[s.folder] = true
		ast.Inspect(s.file, func(n ast.Node) bool {
			text := ""
			switch n := n.(type) {
			case *ast.Ident:
				text = n.Name
			case *ast.BasicLit: // also the path of an import
				text = n.Value
			}
			if strings.Contains(strings.ToLower(text), "milvus") {
				t.Errorf("%s:%d: %s is about one backend", s.name, s.line(n.Pos()), text)
			}
			return true
		})
	}
	if len(read) != 3 {
		t.Errorf("only %v were read", read)
	}
}
