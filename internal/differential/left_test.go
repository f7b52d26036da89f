// SPDX-License-Identifier: Apache-2.0

package differential_test

import (
	"os"
	"strings"
	"testing"

	"github.com/penstock-go/penstock/internal/differential"
)

func TestTheCommentOfMilvustestListsWhatDiffers(t *testing.T) {
	doc, err := os.ReadFile("../../pool/milvus/milvustest/doc.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, class := range differential.Left() {
		if !strings.Contains(string(doc), "//\t"+class+" ") {
			t.Errorf("the package comment of milvustest has no row %q", class)
		}
	}
}
