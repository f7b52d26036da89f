// SPDX-License-Identifier: Apache-2.0

package seed_test

import (
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// examples returns the file of each example of this package that runs as a test.
func examples(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range doc.Examples([]*ast.File{file}...) {
			if e.Output == "" {
				t.Errorf("Example%s has no output, and so is never run", e.Name)
			}
			found["Example"+e.Name] = name
		}
	}
	return found
}

var row = regexp.MustCompile(`(?m)^\| (.+) \| (.+) \| (.+) \|$`)

var link = regexp.MustCompile(`^\[(Example_\w+)\]\(\.\./examples/from-the-seed/(\w+\.go)\)$`)

func TestEachRowOfTheTableNamesAnExampleThatExists(t *testing.T) {
	text, err := os.ReadFile("../../docs/from-the-seed.md")
	if err != nil {
		t.Fatal(err)
	}
	existing, used := examples(t), map[string]bool{}
	rows := row.FindAllStringSubmatch(string(text), -1)
	for _, r := range rows[1:] { // the first is the head
		cell := strings.TrimSpace(r[3])
		m := link.FindStringSubmatch(cell)
		switch {
		case m == nil:
			t.Errorf("%s: %q is no link to an example", r[1], cell)
		case existing[m[1]] != m[2]:
			t.Errorf("%s: %s is not in %s", r[1], m[1], m[2])
		default:
			used[m[1]] = true
		}
	}
	for name := range existing {
		if !used[name] {
			t.Errorf("no row names %s", name)
		}
	}
}

// Users of the Python module find every name they know in the table.
func TestTheTableHasEveryNameOfTheOriginal(t *testing.T) {
	text, err := os.ReadFile("../../docs/from-the-seed.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		"ConnectionManager", "enable_circuit_breaker", "execute_operation", "execute_operation_async",
		"MilvusConnectionPool", "get_connection", "CircuitBreakerConfig",
		"failure_threshold", "recovery_timeout", "half_open_success_threshold", "max_half_open_requests",
		"is_circuit_breaker_open", "get_circuit_breaker_metrics", "reset_circuit_breaker", "check_server_status",
		"retry_count", "retry_interval", "connection_pool_size", "timeout", "load_settings", "close",
		"ConnectionError", "ConnectionPoolExhaustedError", "MaxRetriesExceededError", "ServerUnavailableError",
		"ConnectionTimeoutError", "OperationTimeoutError", "ConnectionClosedError", "ConnectionInitializationError",
		"ConnectionAuthenticationError",
	} {
		if !regexp.MustCompile(`\b` + name + `\b`).Match(text) {
			t.Errorf("%s is not in docs/from-the-seed.md", name)
		}
	}
}
