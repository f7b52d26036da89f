// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/penstock-go/penstock/core/coretest"
)

// TestHalfOpenFaults prints who survives what, a line each. It fails if our own
// breaker does not survive all of it, or if docs/benchmarks/conformance.md says otherwise.
func TestHalfOpenFaults(t *testing.T) {
	var lines strings.Builder
	for _, lib := range libraries {
		for _, r := range coretest.CheckBreaker(t, lib.new) {
			verdict := "survived"
			if r.Err != nil {
				verdict = "failed"
				if lib.name == ours {
					t.Errorf("half-open/%s: %v\n%s", r.Fault, r.Err, r.Transcript)
				}
			}
			fmt.Fprintf(&lines, "half-open/%s %s=%s\n", r.Fault, lib.name, verdict)
			t.Logf("half-open/%s %s=%s: %v\n%s", r.Fault, lib.name, verdict, r.Err, r.Transcript)
		}
	}
	fmt.Print(lines.String())
	readme, err := os.ReadFile("../../../docs/benchmarks/conformance.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(readme), "```text\n"+lines.String()+"```\n") {
		t.Error("docs/benchmarks/conformance.md does not show the lines above")
	}
}
