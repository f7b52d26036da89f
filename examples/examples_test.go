// SPDX-License-Identifier: Apache-2.0

// Package examples runs the examples.
package examples

import (
	"bytes"
	"context"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/penstock-go/penstock/pool/milvus/milvustest"
)

// run runs an example against an in-process server and returns what it prints.
func run(t *testing.T, dir string) string {
	t.Helper()
	s, err := milvustest.Start(milvustest.Config{})
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

func TestApp(t *testing.T) {
	if out := run(t, "app"); out != "0 collections\n" {
		t.Errorf("it printed %q", out)
	}
}

func TestNofx(t *testing.T) {
	out := run(t, "nofx")
	for _, want := range []string{"0 collections\n", `"state":"closed"`, `"total_requests":1`, `"success_rate_percent":100`} {
		if !strings.Contains(out, want) {
			t.Errorf("no %s in %s", want, out)
		}
	}
}

func TestMiddleware(t *testing.T) {
	const want = `level=WARN msg="attempt failed" op=Ask attempt=1 error="line is noisy"
answer to everything
trace > breaker > retry > audit > timeout
`
	if out := run(t, "middleware"); out != want {
		t.Errorf("it printed\n%s\nwant\n%s", out, want)
	}
}

// docs/chain.md has the worst cases; a test of the recipes compares them.
func TestRecipes(t *testing.T) {
	out := run(t, "recipes")
	for _, name := range []string{"reads", "writes", "batch", "strict latency", "a chain for tests"} {
		if !strings.Contains(out, name+":\n\n") {
			t.Errorf("no %s in %s", name, out)
		}
	}
	if chains := strings.Count(out, "\none operation: at most "); chains != 8 {
		t.Errorf("%d worst cases, want 8, in %s", chains, out)
	}
}

// An example is a program. Package seed is none: its examples are those of the
// testing package, with the output that they must have.
func TestExamplesArePrograms(t *testing.T) {
	files, err := filepath.Glob("*/*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") || name == filepath.Join("seed", "doc.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.PackageClauseOnly)
		if err != nil {
			t.Error(err)
		} else if file.Name.Name != "main" {
			t.Errorf("%s is in package %s, want main", name, file.Name.Name)
		}
	}
}
