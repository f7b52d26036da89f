// SPDX-License-Identifier: Apache-2.0

package milvus_test

import (
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/pool/milvus"
)

func readyOps() map[string]core.Op {
	return map[string]core.Op{
		"Search": milvus.Search("docs"), "HybridSearch": milvus.HybridSearch("docs"), "Query": milvus.Query("docs"), "Get": milvus.Get("docs"),
		"Insert": milvus.Insert("docs"), "Upsert": milvus.Upsert("docs"), "Delete": milvus.Delete("docs"),
		"CreateCollection": milvus.CreateCollection("docs"), "DropCollection": milvus.DropCollection("docs"),
		"DescribeCollection": milvus.DescribeCollection("docs"), "ListCollections": milvus.ListCollections(),
		"CreateIndex": milvus.CreateIndex("docs"), "Load": milvus.Load("docs"), "Release": milvus.Release("docs"), "Flush": milvus.Flush("docs"),
	}
}

func TestAReadyOperationIsNamedForTheMethodOfTheConnection(t *testing.T) {
	conn := reflect.TypeFor[*milvus.Conn]()
	for function, op := range readyOps() {
		if _, ok := conn.MethodByName(op.Name); !ok {
			t.Errorf("milvus.%s has the name %q, and Conn has no such method", function, op.Name)
		}
		if want := "docs"; op.Target != want && function != "ListCollections" {
			t.Errorf("milvus.%s has the target %q, want %q", function, op.Target, want)
		}
		writes := op.Name == "Insert" || op.Name == "Upsert" || op.Name == "Delete"
		if op.Safety == core.ReadOnly && writes || op.Safety == core.Unsafe != (op.Name == "Insert") {
			t.Errorf("milvus.%s is %v", function, op.Safety)
		}
	}
}

func TestTheReadyOperationsAreInTheDocument(t *testing.T) {
	page, err := os.ReadFile("../../docs/milvus.md")
	if err != nil {
		t.Fatal(err)
	}
	for function, op := range readyOps() {
		safety := map[core.Safety]string{core.Unsafe: "unsafe", core.Idempotent: "idempotent", core.ReadOnly: "read-only"}[op.Safety]
		if row := fmt.Sprintf("| `milvus.%s` | `%s` | %s |", function, op.Name, safety); !strings.Contains(string(page), row) {
			t.Errorf("docs/milvus.md has no row %s", row)
		}
	}
}
