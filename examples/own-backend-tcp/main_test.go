// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"
)

// built returns the program.
func built(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "own-backend-tcp.exe")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return program
}

// quiet is the environment without what could send telemetry elsewhere.
func quiet() []string { return append(os.Environ(), "OTEL_SDK_DISABLED=true") }

func TestTheProgram(t *testing.T) {
	program := built(t)

	t.Run("survives a restart of the server", func(t *testing.T) {
		cmd := exec.CommandContext(t.Context(), program)
		cmd.Env = quiet()
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("it ended with %v\n%s", err, out)
		}
		want := regexp.MustCompile(`^set color                attempts: 1  ok
get color                attempts: 1  blue
get shape                attempts: 1  \(not found\)
set, server busy         attempts: 2  ok
get, connection cut      attempts: 2  blue
set, connection cut      attempts: 1  Set: .* \(no further attempt: the operation is unsafe to repeat, and the backend may have applied it\)
the server has restarted
load: \d+ operations, 0 failed
pool: \d+ dials; closed \d+ that were found dead before a lease, \d+ that failed in use
breaker: closed
$`)
		if !want.Match(out) {
			t.Errorf("it printed\n%s\nwant\n%v", out, want)
		}
	})

	t.Run("ends cleanly when it is interrupted", func(t *testing.T) {
		if runtime.GOOS == "windows" {
			t.Skip("on Windows, a process cannot send another one an interrupt")
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, program, "-load", "1h")
		cmd.Env = quiet()
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		var printed []string
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			printed = append(printed, lines.Text())
			if strings.HasPrefix(lines.Text(), "set, connection cut") {
				if err := cmd.Process.Signal(os.Interrupt); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := cmd.Wait(); err != nil || stderr.Len() > 0 {
			t.Errorf("it ended with %v and %q", err, &stderr)
		}
		end := strings.Join(printed[max(0, len(printed)-4):], "\n")
		if want := regexp.MustCompile(`^interrupted\nload: \d+ operations, 0 failed\npool: .*\nbreaker: closed$`); !want.MatchString(end) {
			t.Errorf("it printed in the end\n%s\nwant\n%v", end, want)
		}
	})
}
