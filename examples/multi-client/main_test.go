// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/fx"

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

// command returns the program with that file, which has a minute.
func command(t *testing.T, file string, env ...string) *exec.Cmd {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, path, "-config", file)
	cmd.Env = append(os.Environ(), "OTEL_SDK_DISABLED=true")
	cmd.Env = append(cmd.Env, env...)
	return cmd
}

// running is the program at work.
type running struct {
	cmd *exec.Cmd
	out *bufio.Reader
	log bytes.Buffer // complete after stop
}

// start starts the program, and compares what it prints until it waits for an interrupt.
func start(t *testing.T, file, want string, env ...string) *running {
	t.Helper()
	r := &running{cmd: command(t, file, env...)}
	r.cmd.Stderr = &r.log
	out, err := r.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	r.out = bufio.NewReader(out)
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r.prints(t, want+"change "+file+", and see the settings change; an interrupt ends the program\n")
	return r
}

// prints compares the lines that the program prints next.
func (r *running) prints(t *testing.T, want string) {
	t.Helper()
	for line := range strings.Lines(want) {
		if got, err := r.out.ReadString('\n'); got != line || err != nil {
			_ = r.cmd.Process.Kill()
			_ = r.cmd.Wait()
			t.Fatalf("it printed %q, %v, want %q\n%s", got, err, line, r.log.String())
		}
	}
}

// stop interrupts the program.
func (r *running) stop(t *testing.T) {
	t.Helper()
	if runtime.GOOS == "windows" { // a process cannot send another one an interrupt there
		_ = r.cmd.Process.Kill()
		_ = r.cmd.Wait()
		return
	}
	if err := r.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Error(err)
	}
	if err := r.cmd.Wait(); err != nil {
		t.Errorf("it ended with %v and logged\n%s", err, r.log.String())
	}
}

const printed = `articles: 1 collections, visit 1
images: 0 collections, visit 1
articles: 1 collections, visit 2
articles: 4 connections at most, 10s for an attempt, generation 1
images: 4 connections at most, 2s for an attempt, generation 1
visits: 2 connections at most, 10s for an attempt, generation 1
`

func TestEachClientHasItsOwnSettingsAndDatabase(t *testing.T) {
	srv := milvustest.Start(t)
	for range 2 { // the first run tidies up
		r := start(t, "clients.yaml", printed, "MILVUS_ADDRESS="+srv.Addr())
		if r.stop(t); r.log.Len() > 0 {
			t.Errorf("it logged\n%s", r.log.String())
		}
	}
	if made, dropped := srv.Calls("CreateDatabase"), srv.Calls("DropDatabase"); runtime.GOOS != "windows" && (made != 4 || dropped != 4) {
		t.Errorf("%d databases were made and %d dropped, want 4 and 4", made, dropped)
	}
	want := strings.Replace(printed, "images: 4 connections", "images: 3 connections", 1)
	start(t, "clients.yaml", want, "MILVUS_ADDRESS=", "PENSTOCK_CLIENTS_IMAGES_POOL_MAX_SIZE=3").stop(t)
}

// The test edits the file as a user does.
func TestAChangedFileIsInForceWithoutARestart(t *testing.T) {
	text, err := os.ReadFile("clients.yaml")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "clients.yaml")
	write := func(oldnew ...string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(strings.NewReplacer(oldnew...).Replace(string(text))), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write()
	r := start(t, file, printed, "MILVUS_ADDRESS=")
	write("attempt: 2s", "attempt: 2500ms")
	r.prints(t, "images: 4 connections at most, 2.5s for an attempt, generation 2\n")
	write("attempt: 2s", "attempt: 2500ms", "max_size: 2", "max_size: 12")
	r.prints(t, "visits: 12 connections at most, 10s for an attempt, generation 2\n")
	if r.stop(t); !strings.Contains(r.log.String(), "timeout.attempt 2s to 2.5s") || !strings.Contains(r.log.String(), "by=\"file ") {
		t.Errorf("the log does not say who changed what:\n%s", r.log.String())
	}
}

func TestTheDatabasesOfARealMilvus(t *testing.T) {
	m := servers.StartMilvus(t)
	start(t, "clients.yaml", printed, "MILVUS_ADDRESS="+m.Addr()).stop(t)
}

// fx finds everything that the application asks for.
func TestTheWiringIsWhole(t *testing.T) {
	if err := fx.ValidateApp(fx.NopLogger, app("clients.yaml"), fx.Invoke(func(clients) {})); err != nil {
		t.Error(err)
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
	cmd := command(t, file)
	text, _ := cmd.CombinedOutput() // the exit code says whether it failed
	out, code := string(text), cmd.ProcessState.ExitCode()
	for _, word := range append(want, "multi-client: ") {
		if !strings.Contains(out, word) || code != 1 || strings.Count(out, "\n") != 1 {
			t.Errorf("it ended with %d and printed\n%s\nwant one line with %q", code, out, word)
		}
	}
}
