// SPDX-License-Identifier: Apache-2.0

package penstock_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// onlyOne says why the API of one of the two adapters of Milvus has a line that the API
// of the other has not. Left out are the methods of Conn, which follow those of the SDK.
var onlyOne = map[string]string{
	"func WithConsistencyLevel(level entity.ConsistencyLevel) client.CreateCollectionOption": "The option of the current SDK has a method for it.",
	"type Conn struct, embeds client.Client":                                                 "The old SDK's client is an interface.",
	"type Conn struct, embeds *sdk":                                                          "The current SDK's client is a struct.",
}

// A program moves from one adapter to the other by its import, and by the calls of the
// SDK.
func TestTheAdaptersOfMilvusHaveTheSameNames(t *testing.T) {
	one, other := surface(t, "docs/api/pool-milvus.txt"), surface(t, "docs/api/pool-milvusv2.txt")
	if len(one) < 50 || len(other) < 50 {
		t.Fatalf("the pages have %d and %d lines", len(one), len(other))
	}
	used := map[string]bool{}
	for _, pages := range []struct {
		name     string
		has, not map[string]bool
	}{{"pool/milvus", one, other}, {"pool/milvusv2", other, one}} {
		for _, line := range slices.Sorted(maps.Keys(pages.has)) {
			if pages.not[line] {
				continue
			}
			used[line] = true
			if onlyOne[line] == "" {
				t.Errorf("only %s has %q: give it to the other adapter too, or say in the table why not", pages.name, line)
			}
		}
	}
	for line, why := range onlyOne {
		if !used[line] || !strings.HasSuffix(why, ".") {
			t.Errorf("%q of the table is in both adapters or in none, or has no sentence", line)
		}
	}
}

// An application with fx moves by its imports, too.
func TestTheFxModulesOfMilvusHaveTheSameNames(t *testing.T) {
	one, other := surface(t, "docs/api/fxmodule-milvusfx.txt"), surface(t, "docs/api/pool-milvusv2-milvusv2fx.txt")
	if len(one) == 0 || !maps.Equal(one, other) {
		t.Errorf("fxmodule/milvusfx has %v, and pool/milvusv2/milvusv2fx has %v: give both the same names", one, other)
	}
}

// twins are the files that both adapters have, apart from the name of the package.
var twins = []string{"config.go", "credentials.go", "error.go", "open.go", "settings.go", "several.go", "shared.go"}

func TestTheAdaptersOfMilvusHaveTheSameSettings(t *testing.T) {
	for _, file := range twins {
		one, other := read(t, "pool/milvus/"+file), read(t, "pool/milvusv2/"+file)
		if one != strings.ReplaceAll(other, "milvusv2", "milvus") {
			t.Errorf("pool/milvus/%s and pool/milvusv2/%s differ in more than the name of the package: change both", file, file)
		}
	}
}

// surface returns the lines of a page of docs/api, without the methods of Conn.
func surface(t *testing.T, file string) map[string]bool {
	t.Helper()
	lines := map[string]bool{}
	for line := range strings.Lines(read(t, file)) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "top-level names:") && !strings.HasPrefix(line, "type Conn, method ") {
			lines[line] = true
		}
	}
	return lines
}
