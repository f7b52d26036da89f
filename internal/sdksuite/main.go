// SPDX-License-Identifier: Apache-2.0

// The program runs the integration tests of the SDK, which come with its module, against
// a server: with the bare SDK, and with a connection of a Penstock pool in its place.
//
//	go run .                       # on milvustest
//	go run . -server milvus        # on a real Milvus 2.3.5, or milvus-lite
//	go run . -addr 127.0.0.1:19530 -run 'TestSearch|TestQuery'
//
// It starts a server for each of the two, unless it has the address of one. The tests drop
// all databases of the server.
//
// The tests are those of Milvus 2.4, so on an older server some fail with the bare SDK
// too. It ends with an error if a test passes with the bare SDK and fails through
// Penstock twice. A test that ends a server, or the program of the tests, has failed; the
// others go on with a new one.
package main

import (
	"bufio"
	"bytes"
	"cmp"
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
	tags  = "-tags=L0,L1,L2"
)

// instead says which functions take the place of the SDK's.
var instead = strings.NewReplacer(
	"client.NewClient(", "through.New(",
	"client.NewDefaultGrpcClient(", "through.NewDefault(",
	"client.NewDefaultGrpcClientWithURI(", "through.NewDefaultWithURI(",
	"client.NewDefaultGrpcClientWithAuth(", "through.NewDefaultWithAuth(",
	"import (", "import (\n\t\"github.com/penstock-go/penstock/sdksuite/through\"",
)

// onPurpose are the tests that fail through Penstock on purpose.
var onPurpose = map[string]string{
	"TestConnectInvalidAddr": "an address without a port is named at once; the bare SDK dials it until the deadline",
	"TestUsingDb":            "it wants the words of the bare SDK for an unknown database; ours name the call, the code and the remedy",
}

// options are the flags.
type options struct {
	addr, server, version, only string
	verbose                     bool
}

func main() {
	var o options
	flag.StringVar(&o.addr, "addr", "", "address of a server whose data may be lost; empty starts one")
	flag.StringVar(&o.server, "server", "milvustest", "which server to start: milvustest, milvus or milvus-lite")
	flag.StringVar(&o.version, "version", "v2.4.5", "version of the milvustest")
	flag.StringVar(&o.only, "run", "", "regular expression of the tests; all if empty")
	flag.BoolVar(&o.verbose, "v", false, "print the output of tests that fail through Penstock")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := o.run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// start starts a server. It returns its address, and a context that ends if it dies.
func (o options) start(h testing.TB) (string, context.Context, error) {
	switch {
	case o.addr != "":
		return o.addr, h.Context(), nil
	case o.server == "milvustest":
		srv, err := milvustest.New(milvustest.Config{Version: o.version})
		if err != nil {
			return "", nil, err
		}
		h.Cleanup(func() { _ = srv.Close() })
		return srv.Addr(), h.Context(), nil
	case o.server == "milvus":
		m := servers.StartMilvus(h)
		return m.Addr(), m.Context(), nil
	case o.server == "milvus-lite":
		m := servers.StartMilvusLite(h)
		return m.Addr(), m.Context(), nil
	default:
		return "", nil, fmt.Errorf("-server %s: there is milvustest, milvus and milvus-lite", o.server)
	}
}

func (o options) run(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "sdksuite-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	changed, err := copySDK(ctx, dir)
	if err != nil {
		return err
	}
	tests, err := list(ctx, o.only)
	if err != nil {
		return err
	}
	through := "-modfile=" + changed
	bare, err := o.test(ctx, tests)
	if err != nil {
		return err
	}
	ours, err := o.test(ctx, tests, through)
	if err != nil {
		return err
	}
	// A server under load fails a test now and then.
	if again := lost(bare, ours); len(again) > 0 {
		second, err := o.test(ctx, again, through)
		if err != nil {
			return err
		}
		maps.Copy(ours, second)
	}
	return compare(bare, ours, o.verbose)
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
	action string // pass, fail or skip; "" if the test did not end
	waits  bool   // the test is parallel and has not gone on
	output bytes.Buffer
}

// list returns the names of the tests.
func list(ctx context.Context, only string) ([]string, error) {
	// The error says nothing: after the list the program looks for a server and finds none.
	out, err := exec.CommandContext(ctx, "go", "test", tags, "-list="+cmp.Or(only, "."), tests).Output()
	names := slices.DeleteFunc(strings.Fields(string(out)), func(word string) bool { return !strings.HasPrefix(word, "Test") })
	if len(names) == 0 {
		return nil, fmt.Errorf("list the tests of the SDK: there are none: %w", err)
	}
	return names, nil
}

// test runs the named tests and returns how they ended. A test that ends the program of
// the tests, or the server, has failed; the others go on with new ones.
func (o options) test(ctx context.Context, names []string, flags ...string) (map[string]*outcome, error) {
	all := map[string]*outcome{}
	for len(names) > 0 {
		var round map[string]*outcome
		err := servers.With(ctx, func(h testing.TB) error {
			addr, alive, err := o.start(h)
			if err != nil {
				return err
			}
			round, err = testSDK(alive, addr, "^("+strings.Join(names, "|")+")$", flags...)
			return err
		})
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if err != nil {
			return nil, err
		}
		maps.Copy(all, round)
		rest := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return round[name] != nil })
		if len(rest) == len(names) {
			return nil, fmt.Errorf("none of %d tests of the SDK ended", len(names))
		}
		if names = rest; len(names) > 0 {
			fmt.Fprintf(os.Stderr, "the tests or the server died; %d tests to go\n", len(names))
		}
	}
	return all, nil
}

// testSDK runs the tests, until they or the server end, and returns how those at the top
// level ended that have begun to run.
func testSDK(alive context.Context, addr, only string, flags ...string) (map[string]*outcome, error) {
	args := append([]string{"test", "-json", "-count=1", tags, "-timeout=60m", "-run=" + only}, flags...)
	cmd := exec.CommandContext(alive, "go", append(args, tests, "-args", "-addr", addr)...)
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
		if name != event.Test {
			continue
		}
		switch event.Action {
		case "pause", "run", "cont":
			o.waits = event.Action == "pause"
		case "pass", "fail", "skip":
			// The connections of a test fail when the server has died.
			if alive.Err() == nil || event.Action == "pass" {
				o.action = event.Action
			}
		}
	}
	// The exit status alone tells again that tests failed.
	if err := errors.Join(lines.Err(), cmd.Wait()); len(found) == 0 {
		return nil, errors.Join(fmt.Errorf("the tests of the SDK did not run: %s", &other), err)
	}
	maps.DeleteFunc(found, func(_ string, o *outcome) bool { return o.action == "" && o.waits })
	return found, nil
}

// lost returns the tests that pass with the bare SDK and fail through Penstock.
func lost(bare, ours map[string]*outcome) []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(bare)) {
		now := ours[name]
		if bare[name].action == "pass" && (now == nil || now.action != "pass") && onPurpose[name] == "" {
			names = append(names, name)
		}
	}
	return names
}

// compare prints how many tests pass, and which fail through Penstock alone.
func compare(bare, ours map[string]*outcome, verbose bool) error {
	var both, gained, purpose []string
	failed := lost(bare, ours)
	counted, passed := 0, [2]int{}
	for _, name := range slices.Sorted(maps.Keys(bare)) {
		if bare[name].action == "skip" {
			continue
		}
		now := ours[name]
		if now == nil {
			now = new(outcome)
		}
		was, is := bare[name].action == "pass", now.action == "pass"
		counted++
		switch {
		case was && is:
			passed[0]++
			passed[1]++
		case was:
			passed[0]++
			if onPurpose[name] != "" {
				purpose = append(purpose, fmt.Sprintf("%s (%s)", name, onPurpose[name]))
			}
		case is:
			passed[1]++
			gained = append(gained, name)
		default:
			both = append(both, name)
		}
		if !is && verbose {
			fmt.Println(now.output.String())
		}
	}
	fmt.Println("fail with both:", strings.Join(both, " "))
	fmt.Println("pass through Penstock alone:", strings.Join(gained, " "))
	fmt.Println("fail through Penstock on purpose:", strings.Join(purpose, " "))
	fmt.Println("pass with the bare SDK alone:", strings.Join(failed, " "))
	fmt.Printf("sdk tests: bare=%d penstock=%d of %d\n", passed[0], passed[1], counted)
	if len(failed) > 0 {
		return fmt.Errorf("%d tests fail through Penstock alone", len(failed))
	}
	return nil
}
