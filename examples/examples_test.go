// SPDX-License-Identifier: Apache-2.0

// Package examples runs the examples.
package examples

import (
	"bytes"
	"context"
	"go/ast"
	"go/parser"
	"go/scanner"
	"go/token"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/penstock-go/penstock/pool/milvus/milvustest"
)

// run runs an example against an in-process server and returns what it prints.
func run(t *testing.T, dir string) string {
	t.Helper()
	s, err := milvustest.New(milvustest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute) // it may have to compile
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", "run", "./"+dir)
	cmd.Env = append(os.Environ(), "MILVUS_ADDRESS="+s.Addr())
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s%s", dir, err, out, &stderr)
	}
	return string(out)
}

func TestFxApp(t *testing.T) {
	if out := run(t, "fx-app"); out != "0 collections\n" {
		t.Errorf("it printed %q", out)
	}
}

func TestWithoutFx(t *testing.T) {
	out := run(t, "without-fx")
	for _, want := range []string{"0 collections\n", `"state":"closed"`, `"total_requests":1`, `"success_rate_percent":100`} {
		if !strings.Contains(out, want) {
			t.Errorf("no %s in %s", want, out)
		}
	}
}

func TestCustomMiddleware(t *testing.T) {
	want := regexp.MustCompile(`^quota > breaker > retry > audit > timeout
level=WARN msg="attempt failed" op=Ask attempt=1 error="line is noisy"
red: answer to everything
level=WARN msg="attempt failed" op=Ask attempt=1 error="line is noisy"
red: answer to everything
red: Ask: tenant "red" is over its quota: come back in \S+s
level=WARN msg="attempt failed" op=Ask attempt=1 error="line is noisy"
blue: answer to everything
$`)
	if out := run(t, "custom-middleware"); !want.MatchString(out) {
		t.Errorf("it printed\n%s\nwant\n%v", out, want)
	}
}

func TestGenericPool(t *testing.T) {
	want := regexp.MustCompile(`^8 workers printed 40 pages, never on more than [123] sessions at once
a session was discarded: paper jam
a page was printed after a restart of the device; dead sessions that were closed: \d
no session is free: true; pool "device" exhausted after \S+s: 3 of 3 in use, 0 waiting.*
3 of 3 sessions are in use; 1 waits ended without one
$`)
	if out := run(t, "generic-pool"); !want.MatchString(out) {
		t.Errorf("it printed\n%s\nwant\n%v", out, want)
	}
}

// shortPrograms says how many lines of code a whole program may have, as the
// README promises: all of a file but its imports, comments and blank lines.
var shortPrograms = map[string]int{
	"without-fx/main.go":        48, // with a server of its own
	"custom-middleware/main.go": 33, // beside the backend and the stages
}

func TestProgramsAreShort(t *testing.T) {
	for name, most := range shortPrograms {
		lines, err := linesOfCode(name)
		if err != nil {
			t.Error(err)
		}
		if lines == 0 || lines > most {
			t.Errorf("%s has %d lines of code, want at most %d", name, lines, most)
		}
		t.Logf("%s has %d lines of code", name, lines)
	}
}

// linesOfCode counts the lines of a file that hold a token of a declaration,
// without those of imports.
func linesOfCode(name string) (int, error) {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, name, nil, parser.SkipObjectResolution)
	if err != nil {
		return 0, err
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return 0, err
	}
	begin := set.Position(file.Name.End()).Offset
	for _, decl := range file.Decls {
		if d, ok := decl.(*ast.GenDecl); ok && d.Tok == token.IMPORT {
			begin = set.Position(d.End()).Offset
		}
	}
	var s scanner.Scanner
	source := set.AddFile(name, -1, len(text)-begin)
	s.Init(source, text[begin:], nil, 0) // without comments
	lines := map[int]bool{}
	for {
		pos, tok, literal := s.Scan()
		if tok == token.EOF {
			return len(lines), nil
		}
		if tok != token.SEMICOLON || literal == ";" { // the scanner adds others at the ends of lines
			lines[source.Line(pos)] = true
		}
	}
}

// The README promises a stage in ten lines.
func TestAStageTakesTenLines(t *testing.T) {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, "custom-middleware/audit.go", nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, decl := range file.Decls {
		if f, ok := decl.(*ast.FuncDecl); ok && f.Name.Name == "NewAudit" {
			found = true
			if lines := set.Position(f.Body.End()).Line - set.Position(f.Body.Pos()).Line - 1; lines > 10 {
				t.Errorf("NewAudit has %d lines", lines)
			}
		}
	}
	if !found {
		t.Error("there is no NewAudit")
	}
}

// docs/chain.md has the worst cases; a test of the recipes compares them.
func TestChainRecipes(t *testing.T) {
	out := run(t, "chain-recipes")
	for _, name := range []string{"reads", "writes", "batch", "strict latency", "a chain for tests"} {
		if !strings.Contains(out, name+":\n\n") {
			t.Errorf("no %s in %s", name, out)
		}
	}
	if chains := strings.Count(out, "\none operation: at most "); chains != 8 {
		t.Errorf("%d worst cases, want 8, in %s", chains, out)
	}
}
