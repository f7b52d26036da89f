// SPDX-License-Identifier: Apache-2.0

package penstock_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	milvusserver "github.com/penstock-go/penstock/pool/milvus/milvustest"
)

// A new user copies the program of the README into an empty module. The proxy is off: what
// the program needs is what Penstock needs, and that is in the cache of modules.
func TestTheFxProgramOfTheReadmeRunsInAnEmptyModule(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds a program")
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	const program = "examples/fx-app/main.go"
	text := read(t, program)
	// What the README shows, whatever it leaves out of the file.
	if _, shown, ok := strings.Cut(read(t, "README.md"), "<!-- "+program+" -->\n```go\n"); !ok || !strings.HasPrefix(shown, "func main() { fx.New(app()).Run() }\n") {
		t.Fatalf("the README does not show func main of %s", program)
	}
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("main.go", text)
	write("go.sum", read(t, "go.sum"))
	write("go.mod", "module example.com/mine\n\ngo 1.26\n\nrequire "+module+" v0.0.0\n\nreplace "+module+" => "+here+"\n")
	server := milvusserver.Start(t)
	command := func(name string, args ...string) string {
		t.Helper()
		c := exec.CommandContext(t.Context(), name, args...)
		c.Dir = dir
		c.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOPROXY=off", "GOWORK=off", "MILVUS_ADDRESS="+server.Addr())
		var stderr strings.Builder
		c.Stderr = &stderr
		out, err := c.Output()
		if err != nil {
			t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, out, &stderr)
		}
		return string(out)
	}
	command("go", "build", "-o", "mine", ".")
	if out := command(filepath.Join(dir, "mine")); out != "0 collections\n" {
		t.Errorf("it printed %q", out)
	}
}

// Modules below the SDK require a genproto from before the time when two of its folders
// became modules. "go mod tidy" of a module that uses Penstock finds their packages twice,
// unless Penstock requires a later one.
func TestAModuleThatUsesPenstockCanBeTidied(t *testing.T) {
	const split = "20230525"
	_, version, ok := strings.Cut(read(t, "go.mod"), "google.golang.org/genproto v0.0.0-")
	if !ok || version < split {
		t.Errorf("go.mod does not require a google.golang.org/genproto from after %s: see internal/pins", split)
	}
}
