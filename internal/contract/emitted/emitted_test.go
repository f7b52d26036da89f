// SPDX-License-Identifier: Apache-2.0

package emitted_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/penstock-go/penstock/internal/contract/emitted"
	"github.com/penstock-go/penstock/otelx/otelxtest"
)

// least is the part of the registry that the tests must emit.
const least = 0.95

// TestTheTestsEmitTheRegistry adds up what the other test programs have written. Run
// by itself it has nothing to add up: "make test" runs it last.
func TestTheTestsEmitTheRegistry(t *testing.T) {
	folder := os.Getenv(emitted.Folder)
	if folder == "" {
		t.Skipf("%s names no folder: make contract runs all tests and then this one", emitted.Folder)
	}
	files, err := filepath.Glob(filepath.Join(folder, "*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%s has no file (%v): no test has written what it emitted", folder, err)
	}
	seen := map[string]bool{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			seen[strings.TrimSpace(line)] = true
		}
	}
	c, err := otelxtest.New(otelxtest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	all := c.Coverage().Missing // of a checker that has seen nothing
	var missing []string
	for _, item := range all {
		if !seen[item] {
			missing = append(missing, item)
		}
		delete(seen, item)
	}
	part := 1 - float64(len(missing))/float64(len(all))
	t.Logf("%d of %d items of the registry are emitted by a test: %.1f %%", len(all)-len(missing), len(all), 100*part)
	if len(missing) > 0 {
		t.Logf("no test emits\n%s", strings.Join(missing, "\n"))
	}
	if part < least {
		t.Errorf("the tests emit %.1f %% of docs/registry, want at least %.0f %%", 100*part, 100*least)
	}
	early := make([]string, 0, len(seen))
	for item := range seen {
		early = append(early, item)
	}
	slices.Sort(early)
	if len(early) > 0 {
		t.Errorf("docs/registry marks these as planned, and a test emits them: take the marks away\n%s", strings.Join(early, "\n"))
	}
}
