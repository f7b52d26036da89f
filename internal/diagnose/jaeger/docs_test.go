// SPDX-License-Identifier: Apache-2.0

package jaeger_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/penstock-go/penstock/internal/diagnose/jaeger"
)

// The document for a person on call and the rules say the same, in the same order.
func TestTheDocumentHasASectionForEachRule(t *testing.T) {
	text, err := os.ReadFile("../../../docs/reading-traces.md")
	if err != nil {
		t.Fatal(err)
	}
	heading := regexp.MustCompile(`(?m)^## ([a-z_]+): .*$`)
	at := heading.FindAllStringSubmatchIndex(string(text), -1)
	rules := jaeger.Rules()
	if len(at) != len(rules) {
		t.Fatalf("the document has %d sections, want one for each of %d rules", len(at), len(rules))
	}
	for i, r := range rules {
		end := len(text)
		if i+1 < len(at) {
			end = at[i+1][0]
		}
		kind, section := string(text[at[i][2]:at[i][3]]), string(text[at[i][0]:end])
		if kind != r.Kind {
			t.Errorf("section %d is %s, want %s", i, kind, r.Kind)
			continue
		}
		for _, want := range []string{"Part: " + r.Part + ".", "**Proof:** " + r.Says + ".\n", "**Search:** ", "**Not to be confused with** ", "**Do:** ", "\n    "} {
			if !strings.Contains(strings.ReplaceAll(section, "`", ""), want) {
				t.Errorf("the section of %s has no %q", kind, want)
			}
		}
	}
}
