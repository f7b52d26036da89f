// SPDX-License-Identifier: Apache-2.0

package lab_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/penstock-go/penstock/internal/diagnose/lab"
)

func TestTargetsAreAFileForPrometheus(t *testing.T) {
	path := filepath.Join(t.TempDir(), "targets.json")
	targets, err := lab.NewTargets(path)
	want := func(text string) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != text {
			t.Errorf("the file has %s, %v, want %s", got, err, text)
		}
	}
	want(`[]`)
	err = targets.Add("svc-b", "127.0.0.1:2")
	want(`[{"targets":["127.0.0.1:2"],"labels":{"job":"svc-b"}}]`)
	err = targets.Add("svc-a", "127.0.0.1:1")
	want(`[{"targets":["127.0.0.1:1"],"labels":{"job":"svc-a"}},{"targets":["127.0.0.1:2"],"labels":{"job":"svc-b"}}]`)
	err = targets.Remove("svc-b")
	want(`[{"targets":["127.0.0.1:1"],"labels":{"job":"svc-a"}}]`)
}
