// SPDX-License-Identifier: Apache-2.0

// The program runs the integration tests of the SDK, which come with its module, against
// a server: with the bare SDK, and with a connection of a Penstock pool in its place.
//
//	go run .                       # on milvustest
//	go run . -server milvus        # on a real Milvus 2.3.5, or milvus-lite
//	go run . -addr 127.0.0.1:19530 -run 'TestSearch|TestQuery'
//
// It starts the server, unless it has the address of one. The tests drop all databases of
// the server.
//
// The tests are those of Milvus 2.4, so on an older server some fail with the bare SDK
// too. It ends with an error if a test passes with the bare SDK and fails through
// Penstock.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/penstock-go/penstock/internal/servers"
	"github.com/penstock-go/penstock/pool/milvus/milvustest"
)

const (
	sdk   = "github.com/milvus-io/milvus-sdk-go/v2"
	tests = sdk + "/test/testcases"
	opens = "test/base/milvus_client.go" // it alone opens clients
)

// instead says which functions take the place of the SDK's.
var instead = strings.NewReplacer(
	"client.NewClient(", "through.New(",
	"client.NewDefaultGrpcClient(", "through.NewDefault(",
	"client.NewDefaultGrpcClientWithURI(", "through.NewDefaultWithURI(",
	"client.NewDefaultGrpcClientWithAuth(", "through.NewDefaultWithAuth(",
	"import (", "import (\n\t\"github.com/penstock-go/penstock/sdksuite/through\"",
)

func main() {
	addr := flag.String("addr", "", "address of a server whose data may be lost; empty starts one")
	server := flag.String("server", "milvustest", "which server to start: milvustest, milvus or milvus-lite")
	version := flag.String("version", "v2.4.5", "version of the milvustest")
	only := flag.String("run", "", "regular expression of the tests; all if empty")
	verbose := flag.Bool("v", false, "print the output of tests that fail through Penstock")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	err := servers.With(ctx, func(h testing.TB) error {
		address, err := *addr, error(nil)
		if address == "" {
			address, err = start(h, *server, *version)
		}
		if err != nil {
			return err
		}
		return run(ctx, address, *only, *verbose)
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// start starts a server and returns its address.
func start(h testing.TB, server, version string) (string, error) {
	switch server {
	case "milvustest":
		srv, err := milvustest.New(milvustest.Config{Version: version})
		if err != nil {
			return "", err
		}
		h.Cleanup(func() { _ = srv.Close() })
		return srv.Addr(), nil
	case "milvus":
		return servers.StartMilvus(h).Addr(), nil
	case "milvus-lite":
		return servers.StartMilvusLite(h).Addr(), nil
	default:
		return "", fmt.Errorf("-server %s: there is milvustest, milvus and milvus-lite", server)
	}
}

func run(ctx context.Context, addr, only string, verbose bool) error {
	dir, err := os.MkdirTemp("", "sdksuite-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	changed, err := copySDK(ctx, dir)
	if err != nil {
		return err
	}
	bare, err := testSDK(ctx, addr, only)
	if err != nil {
		return err
	}
	ours, err := testSDK(ctx, addr, only, "-modfile="+changed)
	if err != nil {
		return err
	}
	return compare(bare, ours, verbose)
}

// copySDK copies the SDK into dir, with the file of its tests that opens clients changed,
// and returns the name of a go.mod that uses the copy. A file of the module cache cannot be
// replaced by an overlay.
func copySDK(ctx context.Context, dir string) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", sdk).Output()
	if err != nil {
		return "", fmt.Errorf("find the SDK: %w", err)
	}
	copied := filepath.Join(dir, "sdk")
	if err := os.CopyFS(copied, os.DirFS(strings.TrimSpace(string(out)))); err != nil {
		return "", err
	}
	name := filepath.Join(copied, opens)
	text, err := os.ReadFile(name)
	if err != nil {
		return "", err
	}
	if err := errors.Join(os.Remove(name), os.WriteFile(name, []byte(instead.Replace(string(text))), 0o600)); err != nil {
		return "", err
	}
	for _, file := range []string{"go.mod", "go.sum"} {
		text, err := os.ReadFile(file)
		if err != nil {
			return "", err
		}
		if file == "go.mod" {
			text = fmt.Appendf(text, "\nreplace %s => %s\n", sdk, copied)
		}
		if err := os.WriteFile(filepath.Join(dir, file), text, 0o600); err != nil {
			return "", err
		}
	}
	return filepath.Join(dir, "go.mod"), nil
}

// outcome is how a test ended, and what it printed.
type outcome struct {
	action string // pass, fail or skip
	output bytes.Buffer
}

// testSDK runs the tests, and returns how the tests at the top level ended.
func testSDK(ctx context.Context, addr, only string, flags ...string) (map[string]*outcome, error) {
	args := append([]string{"test", "-json", "-count=1", "-tags=L0,L1,L2", "-timeout=60m", "-run=" + only}, flags...)
	cmd := exec.CommandContext(ctx, "go", append(args, tests, "-args", "-addr", addr)...)
	cmd.Stderr = os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	found := map[string]*outcome{}
	var other bytes.Buffer // such as the errors of a build
	lines := bufio.NewScanner(pipe)
	lines.Buffer(nil, 1<<26)
	for lines.Scan() {
		var event struct{ Action, Test, Output string }
		if json.Unmarshal(lines.Bytes(), &event) != nil || event.Test == "" {
			other.WriteString(event.Output)
			continue
		}
		name, _, _ := strings.Cut(event.Test, "/")
		o := found[name]
		if o == nil {
			o = new(outcome)
			found[name] = o
		}
		o.output.WriteString(event.Output)
		if name == event.Test && slices.Contains([]string{"pass", "fail", "skip"}, event.Action) {
			o.action = event.Action
		}
	}
	// The exit status alone tells again that tests failed.
	if err := errors.Join(lines.Err(), cmd.Wait()); len(found) == 0 {
		return nil, errors.Join(fmt.Errorf("the tests of the SDK did not run: %s", &other), err)
	}
	return found, context.Cause(ctx)
}

// compare prints how many tests pass, and which fail through Penstock alone.
func compare(bare, ours map[string]*outcome, verbose bool) error {
	var lost, both, gained []string
	passed := [2]int{}
	for _, name := range slices.Sorted(maps.Keys(bare)) {
		now, ok := ours[name]
		if !ok {
			now = new(outcome)
		}
		was := bare[name].action == "pass"
		is := now.action == "pass"
		switch {
		case bare[name].action == "skip":
			continue
		case was && !is:
			lost = append(lost, name)
			if verbose {
				fmt.Println(now.output.String())
			}
		case !was && is:
			gained = append(gained, name)
		case !was:
			both = append(both, name)
			if verbose {
				fmt.Println(now.output.String())
			}
		}
		if was {
			passed[0]++
		}
		if is {
			passed[1]++
		}
	}
	fmt.Println("fail with both:", strings.Join(both, " "))
	fmt.Println("pass through Penstock alone:", strings.Join(gained, " "))
	fmt.Println("pass with the bare SDK alone:", strings.Join(lost, " "))
	fmt.Printf("sdk tests: bare=%d penstock=%d of %d\n", passed[0], passed[1], passed[0]+len(both)+len(gained))
	if len(lost) > 0 {
		return fmt.Errorf("%d tests fail through Penstock alone", len(lost))
	}
	return nil
}
