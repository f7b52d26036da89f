// SPDX-License-Identifier: Apache-2.0

package milvusv2_test

import (
	"reflect"
	"testing"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/pool/milvusv2"
)

func readyOps() map[string]core.Op {
	return map[string]core.Op{
		"Search": milvusv2.Search("docs"), "HybridSearch": milvusv2.HybridSearch("docs"), "Query": milvusv2.Query("docs"), "Get": milvusv2.Get("docs"),
		"Insert": milvusv2.Insert("docs"), "Upsert": milvusv2.Upsert("docs"), "Delete": milvusv2.Delete("docs"),
		"CreateCollection": milvusv2.CreateCollection("docs"), "DropCollection": milvusv2.DropCollection("docs"),
		"DescribeCollection": milvusv2.DescribeCollection("docs"), "ListCollections": milvusv2.ListCollections(),
		"CreateIndex": milvusv2.CreateIndex("docs"), "Load": milvusv2.Load("docs"), "Release": milvusv2.Release("docs"), "Flush": milvusv2.Flush("docs"),
	}
}

func TestAReadyOperationIsNamedForTheMethodOfTheConnection(t *testing.T) {
	conn := reflect.TypeFor[*milvusv2.Conn]()
	for function, op := range readyOps() {
		if _, ok := conn.MethodByName(op.Name); !ok {
			t.Errorf("milvusv2.%s has the name %q, and Conn has no such method", function, op.Name)
		}
		if want := "docs"; op.Target != want && function != "ListCollections" {
			t.Errorf("milvusv2.%s has the target %q, want %q", function, op.Target, want)
		}
		writes := op.Name == "Insert" || op.Name == "Upsert" || op.Name == "Delete"
		if op.Safety == core.ReadOnly && writes || op.Safety == core.Unsafe != (op.Name == "Insert") {
			t.Errorf("milvusv2.%s is %v", function, op.Safety)
		}
	}
}
