// SPDX-License-Identifier: Apache-2.0

package main

import (
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const source = `package p

import "time"

const (
	Wait  = 90 * time.Second
	Ratio = 0.1
	Name  = "a\nb"
	inner = 1
)

type Level uint8

const (
	Low Level = iota
	High
)

var ErrX error

func Do[C any, R comparable](c *Pool[C], fn func(C) (R, error)) (r R, err error) { panic(inner) }

func hidden() {}

type Pool[C any] struct {
	Size int ` + "`json:\"size\"`" + `
	free []C
	base
	*time.Timer
}

func (p *Pool[C]) Close() error { return nil }
func (p Pool[C]) Len() int { return 0 }
func (p Pool[C]) grow() {}

type base struct {
	Idle time.Duration
	deeper
}

func (*base) Ping(n int) {}

type deeper struct{ Depth int }

func (deeper) Deep() {}

type Source interface {
	error
	Level(l Level) any
	seal()
}

type Plain interface{ Level() }

type Handler func(l Level) error

func (h Handler) Serve() {}

type Clock = time.Time
`

const want = `top-level names: 13
type Clock = time.Time
func Do[C any, R comparable](c *Pool[C], fn func(C) (R, error)) (r R, err error)
var ErrX error
type Handler func(l Level) error
type Handler, method (Handler) Serve()
const High Level = 1
type Level uint8
const Low Level = 0
const Name untyped string = "a\nb"
type Plain interface
type Plain interface, method Level()
type Pool[C any] struct
type Pool struct, field Size int "json:\"size\""
type Pool struct, field Idle time.Duration
type Pool struct, field Depth int
type Pool struct, embeds *time.Timer
type Pool, method (*Pool) Close() error
type Pool, method (Pool) Deep()
type Pool, method (Pool) Len() int
type Pool, method (*Pool) Ping(n int)
const Ratio untyped float = 0.1
type Source interface
type Source interface, embeds error
type Source interface, method Level(l Level) any
type Source interface, with a method that is not exported
const Wait time.Duration = 1m30s
`

func TestPage(t *testing.T) {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, "p.go", source, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	pkg, err := (&types.Config{Importer: importer.Default()}).Check("example.com/p", set, []*ast.File{file}, nil)
	if err != nil {
		t.Fatal(err)
	}
	got := page(pkg)
	if line, inGot, inWant := firstDifference(got, want); line > 0 {
		t.Errorf("line %d of the page is\n%s\nwant\n%s\nin\n%s", line, inGot, inWant, got)
	}
}

type importerOf map[string]*types.Package

func (i importerOf) Import(path string) (*types.Package, error) { return i[path], nil }

// An alias of a type that users cannot import is the only place to read of the type.
func TestPageOfAliases(t *testing.T) {
	packages := importerOf{}
	check := func(path, source string) *types.Package {
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, "p.go", source, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		packages[path], err = (&types.Config{Importer: packages}).Check(path, set, []*ast.File{file}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return packages[path]
	}
	const declared = "type T struct{ F int; Next *T; g int }\nfunc (*T) M() {}\n"
	check("example.com/internal/a", "package a\n"+declared)
	check("example.com/b", "package b\n"+declared)
	got := page(check("example.com/p", `package p
import ("example.com/internal/a"; "example.com/b")
type Hidden = a.T
type Seen = b.T
`))
	const want = "top-level names: 2\ntype Hidden struct\ntype Hidden struct, field F int\ntype Hidden struct, field Next *T\ntype Hidden, method (*Hidden) M()\ntype Seen = b.T\n"
	if got != want {
		t.Errorf("the page is\n%s\nwant\n%s", got, want)
	}
}

func TestPublic(t *testing.T) {
	module := &struct{ Path string }{"example.com/m"}
	for path, want := range map[string]string{ // the file; "" where the package is not public
		"example.com/m":               "m.txt",
		"example.com/m/pool":          "pool.txt",
		"example.com/m/pool/milvus":   "pool-milvus.txt",
		"example.com/m/examples/seed": "",
		"example.com/m/examples":      "",
		"example.com/m/internal/list": "",
		"example.com/m/pool/internal": "",
		"example.com/m/internals":     "internals.txt",
	} {
		p := listed{ImportPath: path, Name: filepath.Base(path), Module: module, root: module.Path}
		got := ""
		if public(p) {
			got = fileName(p)
		}
		if got != want {
			t.Errorf("the file of %s is %q, want %q", path, got, want)
		}
	}
	if public(listed{ImportPath: "example.com/m/cmd", Name: "main", Module: module}) {
		t.Error("a program is public")
	}
}

func TestCompareNamesWhatWriteChanges(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "api")
	pages := map[string]string{"a.txt": "1\nfunc A()\n", "b.txt": "0\n"}
	if err := compare(dir, pages); err == nil || !strings.Contains(err.Error(), "a.txt is missing") || !strings.Contains(err.Error(), "run make api") {
		t.Errorf("compare = %v without files", err)
	}
	if err := write(dir, pages); err != nil {
		t.Fatal(err)
	}
	if err := compare(dir, pages); err != nil {
		t.Errorf("compare = %v after write", err)
	}

	changed := map[string]string{"a.txt": "1\nfunc A(int)\n"}
	err := compare(dir, changed)
	for _, part := range []string{"a.txt:2\n\tthe file: func A()\n\tthe code: func A(int)", "b.txt is of no public package"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("compare = %v, want %q in it", err, part)
		}
	}
	if err := write(dir, changed); err != nil {
		t.Fatal(err)
	}
	if err := compare(dir, changed); err != nil {
		t.Errorf("compare = %v after write", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "b.txt")); !os.IsNotExist(err) {
		t.Errorf("the file of a package that is gone: %v", err)
	}
}

func TestFirstDifference(t *testing.T) {
	for _, test := range []struct {
		a, b, inA, inB string
		line           int
	}{
		{a: "x\ny\n", b: "x\ny\n"},
		{a: "x\ny\n", b: "x\nz\n", line: 2, inA: "y", inB: "z"},
		{a: "x\n", b: "x\nz\n", line: 2, inA: "(nothing)", inB: "z"},
		{a: "x\ny\n", b: "", line: 1, inA: "x", inB: "(nothing)"},
	} {
		if line, inA, inB := firstDifference(test.a, test.b); line != test.line || inA != test.inA || inB != test.inB {
			t.Errorf("firstDifference(%q, %q) = %d, %q, %q", test.a, test.b, line, inA, inB)
		}
	}
}
