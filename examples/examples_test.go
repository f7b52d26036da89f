// SPDX-License-Identifier: Apache-2.0

// Package examples runs the examples.
package examples

import (
	"bytes"
	"context"
	"os"
	"os/exec"
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
