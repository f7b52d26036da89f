// SPDX-License-Identifier: Apache-2.0

package penstock_test

import (
	"go/scanner"
	"go/token"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A program for a backend of one's own is short: what is counted is all of it but
// the backend itself, imports and telemetry included.
func TestProgramsForABackendOfOnesOwnAreShort(t *testing.T) {
	for _, program := range []struct {
		file string
		most int
		has  []string // what makes it whole
	}{
		{"examples/own-backend-tcp/main.go", 40, []string{"sdk.Setup(", "penstock.Open(", "client.Close(", "telemetry.Shutdown("}},
		{"examples/own-backend-http/main.go", 25, []string{"fxmodule.Telemetry()", "fxmodule.Client[", "fx.New("}},
	} {
		text := read(t, program.file)
		if n := linesOfCode(text); n > program.most || n < len(program.has) {
			t.Errorf("%s has %d lines of code, want at most %d", program.file, n, program.most)
		}
		for _, call := range program.has {
			if !strings.Contains(text, call) {
				t.Errorf("%s has no %s", program.file, call)
			}
		}
	}
}

// A reader of docs/own-backend.md copies some files of the program, and finds the
// others on the page.
func TestTheGuideToABackendOfOnesOwnHasTheWholeProgram(t *testing.T) {
	const folder = "examples/own-backend-tcp/"
	guide := read(t, "docs/own-backend.md")
	copied := regexp.MustCompile(`(?m)^    cp "\$penstock"/examples/own-backend-tcp/{(\S+)}\.go \.$`).FindStringSubmatch(guide)
	if copied == nil {
		t.Fatal("the guide copies no files")
	}
	names, err := fs.Glob(os.DirFS("."), folder+"*.go")
	if err != nil || len(names) == 0 {
		t.Fatalf("no files of the program: %v", err)
	}
	shown := func(name string) bool {
		text := read(t, name)
		return strings.Contains(guide, "<!-- "+name+" -->\n```go\n"+text[strings.Index(text, "\npackage ")+1:]+"```\n")
	}
	for _, name := range names {
		base := strings.TrimSuffix(strings.TrimPrefix(name, folder), ".go")
		if strings.HasSuffix(base, "_test") && base != "client_test" {
			continue
		}
		if copies := slices.Contains(strings.Split(copied[1], ","), base); copies == shown(name) {
			t.Errorf("%s: the guide copies it: %t, and shows it whole: %t; want one of the two", name, copies, shown(name))
		}
	}
}

// linesOfCode counts the lines that are not blank and hold more than a comment.
func linesOfCode(text string) int {
	var s scanner.Scanner
	files := token.NewFileSet()
	file := files.AddFile("", files.Base(), len(text))
	s.Init(file, []byte(text), nil, 0)
	lines := map[int]bool{}
	for {
		pos, tok, literal := s.Scan()
		if tok == token.EOF {
			return len(lines)
		}
		if tok == token.SEMICOLON && literal != ";" {
			continue // added by the scanner
		}
		first := files.Position(pos).Line
		for n := range 1 + strings.Count(literal, "\n") {
			lines[first+n] = true
		}
	}
}

func TestLinesOfCodeAreCounted(t *testing.T) {
	const text = `// comment

package p // one

/* a
comment */ const ( // two
	x = 1; y = ` + "`a\n\nb`" + ` // three, and two more
) // six
`
	if got := linesOfCode(text); got != 6 {
		t.Errorf("linesOfCode = %d, want 6", got)
	}
}
