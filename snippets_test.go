// SPDX-License-Identifier: Apache-2.0

package penstock_test

import (
	"fmt"
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// TestSnippetsOfTheDocumentsAreCompiled reads every document of the module.
func TestSnippetsOfTheDocumentsAreCompiled(t *testing.T) {
	files := os.DirFS(".")
	snippets := map[string]int{}
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && name != "." && strings.HasPrefix(d.Name(), ".") {
			return fs.SkipDir
		}
		if path.Ext(name) != ".md" {
			return nil
		}
		found, faults := checkSnippets(files, name)
		snippets[name] = found
		for _, fault := range faults {
			t.Error(fault)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	// A walk that finds nothing finds no fault.
	for _, name := range []string{"README.md", "docs/chain.md"} {
		if snippets[name] == 0 {
			t.Errorf("no snippet was found in %s", name)
		}
	}
}

var origin = regexp.MustCompile(`^<!-- (\S+\.go) -->$`)

// checkSnippets returns how many Go snippets the document has, and a sentence
// for each that breaks a rule: a snippet names its file in the line above, the
// file is compiled with the module, and the snippet is in that file, from the
// beginning of one declaration to the end of the same or a later one. No snippet
// is shown twice.
func checkSnippets(files fs.FS, document string) (found int, faults []string) {
	text, err := fs.ReadFile(files, document)
	if err != nil {
		return 0, []string{err.Error()}
	}
	lines := strings.SplitAfter(string(text), "\n")
	shown := map[string]int{} // line of each snippet
	for i := 0; i < len(lines); i++ {
		fence := strings.TrimSpace(lines[i])
		if !strings.HasPrefix(fence, "```") && !strings.HasPrefix(fence, "~~~") {
			continue
		}
		start := i + 1
		mark := fence[:3]
		for i++; i < len(lines) && !strings.HasPrefix(strings.TrimSpace(lines[i]), mark); i++ {
		}
		language, _, _ := strings.Cut(strings.ToLower(strings.Trim(fence, "`~ ")), " ")
		if language != "go" && language != "golang" {
			continue
		}
		found++
		fault := func() string {
			if lines[start-1] != "```go\n" {
				return "the line before the snippet must be \"```go\" and no more"
			}
			var m []string
			if start >= 2 {
				m = origin.FindStringSubmatch(strings.TrimSuffix(lines[start-2], "\n"))
			}
			if m == nil {
				return "the snippet does not name its file: put <!-- path/of/the/file.go --> in the line above"
			}
			if why := compiled(files, m[1]); why != "" {
				return why
			}
			snippet := strings.Join(lines[start:min(i, len(lines))], "")
			if first := shown[snippet]; first != 0 {
				return fmt.Sprintf("the snippet stands in line %d already: show what this place is about", first)
			}
			shown[snippet] = start
			return checkSnippet(files, m[1], snippet)
		}()
		if fault != "" {
			faults = append(faults, fmt.Sprintf("%s:%d: %s", document, start, fault))
		}
	}
	return found, faults
}

// compiled returns why the go command does not compile the file with the
// module, "" if it does.
func compiled(files fs.FS, file string) string {
	if _, err := fs.Stat(files, file); err != nil {
		return fmt.Sprintf("%s is not there: name a file of the module, by its path from the root", file)
	}
	for dir := path.Dir(file); dir != "."; dir = path.Dir(dir) {
		if enter(files, dir, path.Base(dir)) != nil {
			return fmt.Sprintf("%s is not compiled with the module, because of the folder %s: move the snippet to a file that is", file, dir)
		}
	}
	ctx := build.Default
	ctx.OpenFile = func(name string) (io.ReadCloser, error) { return files.Open(name) }
	if ok, err := ctx.MatchFile(path.Dir(file), path.Base(file)); err != nil || !ok {
		return fmt.Sprintf("%s is not compiled with the module (build constraint? %v): move the snippet to a file that is", file, err)
	}
	return ""
}

// checkSnippet returns why the text may not stand for a part of the file, "" if
// it may.
func checkSnippet(files fs.FS, file, text string) string {
	source, err := fs.ReadFile(files, file)
	if err != nil {
		return err.Error()
	}
	set := token.NewFileSet()
	parsed, err := parser.ParseFile(set, file, source, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return fmt.Sprintf("%s does not compile: mend it first: %v", file, err)
	}
	begins, ends := map[int]bool{}, map[int]bool{} // offsets at which a snippet may
	span := func(doc *ast.CommentGroup, from, to token.Pos) {
		begins[set.Position(from).Offset] = true
		if doc != nil {
			begins[set.Position(doc.Pos()).Offset] = true
		}
		end := set.Position(to).Offset
		if n := strings.IndexByte(string(source[end:]), '\n'); n >= 0 {
			end += n + 1 // with the comment behind
		}
		ends[end] = true
	}
	span(parsed.Doc, parsed.Package, parsed.Name.End())
	for _, decl := range parsed.Decls {
		var doc *ast.CommentGroup
		switch decl := decl.(type) {
		case *ast.FuncDecl:
			doc = decl.Doc
		case *ast.GenDecl:
			doc = decl.Doc
		}
		span(doc, decl.Pos(), decl.End())
	}
	fault := fmt.Sprintf("the snippet is not in %s: copy the declaration from there again, from the first line of its comment to its last line", file)
	for at := 0; text != ""; at++ {
		next := strings.Index(string(source[at:]), text)
		if next < 0 {
			break
		}
		at += next
		if begins[at] && ends[at+len(text)] {
			return ""
		}
		first := 1 + strings.Count(string(source[:at]), "\n")
		if begins[at] {
			fault = fmt.Sprintf("the snippet is cut: it ends within a declaration of %s: end it where the declaration ends (it begins in line %d there)", file, first)
		} else {
			fault = fmt.Sprintf("the snippet is cut: it begins at line %d of %s: begin it at a declaration, or at the first line of a declaration's comment", first, file)
		}
	}
	return fault
}

func TestTheRuleOfSnippets(t *testing.T) {
	const source = `// Package p is one.
package p

// Hello greets a person
// and nothing else.
func Hello(name string) string {
	return "hello " + name
}

// A and B.
const (
	A = 1 // the first
	B = 2
)

var last = A // the end
`
	hello := source[strings.Index(source, "// Hello"):strings.Index(source, "\n// A and B")]
	named := func(file, snippet string) string {
		return "# Title\n\n<!-- " + file + " -->\n```go\n" + snippet + "```\n"
	}
	tests := []struct {
		name, text string
		want       string // of the one fault; "" is none
	}{
		{"a declaration with its comment", named("a/p.go", hello), ""},
		{"a declaration without its comment", named("a/p.go", hello[strings.Index(hello, "func"):]), ""},
		{"the same twice", named("a/p.go", hello) + named("a/p.go", hello), "doc.md:14: the snippet stands in line 4 already: show what"},
		{"several declarations", named("a/p.go", source[strings.Index(source, "// Hello"):]), ""},
		{"a whole file", named("a/p.go", source), ""},
		{"a line with a comment behind", named("a/p.go", "var last = A // the end\n"), ""},
		{"another language", "```text\nfunc\n```\n", ""},
		{"cut in its comment", named("a/p.go", hello[strings.Index(hello, "// and"):]),
			"doc.md:4: the snippet is cut: it begins at line 5 of a/p.go: begin it at a declaration"},
		{"cut in its comment's line", named("a/p.go", hello[strings.Index(hello, "greets"):]), "it begins at line 4 of a/p.go"},
		{"a statement", named("a/p.go", "\treturn \"hello \" + name\n"), "it begins at line 7 of a/p.go"},
		{"cut at its end", named("a/p.go", strings.TrimSuffix(hello, "}\n")), "doc.md:4: the snippet is cut: it ends within a declaration of a/p.go"},
		{"changed", named("a/p.go", strings.Replace(hello, "hello ", "bye ", 1)), "doc.md:4: the snippet is not in a/p.go: copy"},
		{"empty", named("a/p.go", ""), "the snippet is not in a/p.go"},
		{"no file named", "# Title\n\n```go\n" + hello + "```\n", "doc.md:3: the snippet does not name its file: put"},
		{"no line above", "```go\n" + hello + "```\n", "doc.md:1: the snippet does not name its file"},
		{"no such file", named("a/q.go", hello), "doc.md:4: a/q.go is not there"},
		{"does not compile", named("broken/p.go", hello), "doc.md:4: broken/p.go does not compile: mend it first"},
		{"not compiled: constraint", named("ignored/p.go", hello), "doc.md:4: ignored/p.go is not compiled with the module"},
		{"not compiled: folder", named("a/testdata/p.go", hello), "because of the folder a/testdata"},
		{"another module", named("other/p.go", hello), "because of the folder other"},
		{"other word for Go", "<!-- a/p.go -->\n```golang\n" + hello + "```\n", "must be \"```go\" and no more"},
		{"in a list", "- <!-- a/p.go -->\n  ```go\n" + hello + "  ```\n", "must be \"```go\" and no more"},
		{"other fence", "<!-- a/p.go -->\n~~~go\n" + hello + "~~~\n", "must be \"```go\" and no more"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			files := fstest.MapFS{
				"doc.md":          {Data: []byte(test.text)},
				"a/p.go":          {Data: []byte(source)},
				"a/testdata/p.go": {Data: []byte(source)},
				"broken/p.go":     {Data: []byte(source + "func {\n")},
				"ignored/p.go":    {Data: []byte("//go:build ignore\n\n" + source)},
				"other/go.mod":    {Data: []byte("module other\n")},
				"other/p.go":      {Data: []byte(source)},
			}
			_, faults := checkSnippets(files, "doc.md")
			if test.want == "" && len(faults) > 0 || test.want != "" && (len(faults) != 1 || !strings.Contains(faults[0], test.want)) {
				t.Errorf("faults %q, want one with %q", faults, test.want)
			}
		})
	}
	two := named("a/p.go", hello) + named("a/p.go", "x\n")
	if n, faults := checkSnippets(fstest.MapFS{"doc.md": {Data: []byte(two)}, "a/p.go": {Data: []byte(source)}}, "doc.md"); n != 2 ||
		!slices.ContainsFunc(faults, func(fault string) bool { return strings.HasPrefix(fault, "doc.md:14: ") }) {
		t.Errorf("%d snippets with faults %q, want 2 with a fault in line 14", n, faults)
	}
}
