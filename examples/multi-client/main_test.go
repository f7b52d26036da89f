// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/penstock-go/penstock/internal/servers"
	"github.com/penstock-go/penstock/pool/milvus/milvustest"
)

var folder string // of the program, "" until it is built

// program compiles the example once for all tests.
var program = sync.OnceValues(func() (path string, err error) {
	folder, err = os.MkdirTemp("", "multi-client")
	if err != nil {
		return "", err
	}
	path = filepath.Join(folder, "multi-client.exe")
	out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput()
	if err != nil {
		_, _ = os.Stderr.Write(out)
	}
	return path, err
})

func TestMain(m *testing.M) {
	code := m.Run()
	_ = os.RemoveAll(folder) // nothing if folder is ""
	os.Exit(code)
}

// runProgram runs the program and returns what it prints, and its exit code.
func runProgram(t *testing.T, file string, env ...string) (output string, code int) {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "-config", file)
	cmd.Env = append(os.Environ(), "OTEL_SDK_DISABLED=true")
	cmd.Env = append(cmd.Env, env...)
	out, _ := cmd.CombinedOutput() // the exit code says whether it failed
	return string(out), cmd.ProcessState.ExitCode()
}

const printed = `articles: 1 collections, visit 1
images: 0 collections, visit 1
articles: 1 collections, visit 2
articles: 4 connections at most, 10s for an attempt
images: 4 connections at most, 2s for an attempt
visits: 2 connections at most, 10s for an attempt
`

func TestEachClientHasItsOwnSettingsAndDatabase(t *testing.T) {
	srv := milvustest.Start(t)
	for range 2 { // the first run tidies up
		if out, code := runProgram(t, "clients.yaml", "MILVUS_ADDRESS="+srv.Addr()); out != printed || code != 0 {
			t.Errorf("it ended with %d and printed\n%s\nwant\n%s", code, out, printed)
		}
	}
	if made, dropped := srv.Calls("CreateDatabase"), srv.Calls("DropDatabase"); made != 4 || dropped != 4 {
		t.Errorf("%d databases were made and %d dropped, want 4 and 4", made, dropped)
	}
	want := strings.Replace(printed, "images: 4 connections", "images: 3 connections", 1)
	if out, code := runProgram(t, "clients.yaml", "MILVUS_ADDRESS=", "PENSTOCK_CLIENTS_IMAGES_POOL_MAX_SIZE=3"); out != want || code != 0 {
		t.Errorf("with a variable it ended with %d and printed\n%s\nwant\n%s", code, out, want)
	}
}

func TestTheDatabasesOfARealMilvus(t *testing.T) {
	m := servers.StartMilvus(t)
	if out, code := runProgram(t, "clients.yaml", "MILVUS_ADDRESS="+m.Addr()); out != printed || code != 0 {
		t.Errorf("it ended with %d and printed\n%s\nwant\n%s", code, out, printed)
	}
}

func TestAWrongFileIsOneLine(t *testing.T) {
	text, err := os.ReadFile("clients.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		old, new string
		want     []string
	}{
		{"  images:\n", "  pictures:\n", []string{"clients.yaml", "pictures", "images"}},
		{"max_size: 2", "max_sise: 2", []string{"clients.yaml", "max_sise", "max_size"}},
		{"attempt: 2s", "attempt: two", []string{"clients.yaml", "timeout.attempt"}},
		{"  interval: 50ms", "  interval: -50ms", []string{"clients.yaml", "retry.interval"}},
	} {
		file := filepath.Join(t.TempDir(), "clients.yaml")
		if err := os.WriteFile(file, []byte(strings.Replace(string(text), row.old, row.new, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		check(t, file, row.want)
	}
	check(t, "missing.yaml", []string{"missing.yaml"})
}

func check(t *testing.T, file string, want []string) {
	t.Helper()
	out, code := runProgram(t, file)
	for _, word := range append(want, "multi-client: ") {
		if !strings.Contains(out, word) || code != 1 || strings.Count(out, "\n") != 1 {
			t.Errorf("it ended with %d and printed\n%s\nwant one line with %q", code, out, word)
		}
	}
}
