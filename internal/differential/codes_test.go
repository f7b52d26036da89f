// SPDX-License-Identifier: Apache-2.0

package differential_test

import (
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/penstock-go/penstock/internal/differential"
)

// Each code that the real server answered to the hostile requests and the sequences has a
// line in the testdata of milvuserr, whose tests say what it means. The SDK's own requests
// went through the adapter: a code that it lost would be another code here.
func TestEachCodeOfTheRealServerIsAmongThoseWhoseMeaningIsTested(t *testing.T) {
	text, err := os.ReadFile("../../pool/milvus/milvuserr/testdata/milvus-2.3.5.tsv")
	if err != nil {
		t.Fatal(err)
	}
	tested := map[int32]bool{}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Split(line, "\t"); !strings.HasPrefix(line, "#") {
			code, err := strconv.Atoi(fields[2])
			if err != nil {
				t.Fatalf("%q has no code", line)
			}
			tested[int32(code)] = true
		}
	}
	seen := map[int32]string{}
	for _, file := range []string{differential.CatalogueFile, differential.SequencesFile} {
		recording, err := differential.Recorded(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, records := range recording {
			for _, r := range records {
				if r.Outcome.Code > 0 {
					seen[r.Outcome.Code] = r.Request
				}
			}
		}
	}
	if len(seen) < 20 {
		t.Errorf("the recordings have %d codes, want at least 20", len(seen))
	}
	for _, code := range slices.Sorted(maps.Keys(seen)) {
		if !tested[code] {
			t.Errorf("the code %d (of %s) has no line in %s", code, seen[code], "milvus-2.3.5.tsv")
		}
	}
}
