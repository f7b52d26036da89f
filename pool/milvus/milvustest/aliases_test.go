// SPDX-License-Identifier: Apache-2.0

package milvustest_test

import (
	"slices"
	"testing"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-sdk-go/v2/entity"
	"github.com/penstock-go/penstock/pool/milvus/milvustest"
)

func code(t testing.TB, st *commonpb.Status, err error) int32 {
	t.Helper()
	must(t, err)
	return st.GetCode()
}

// TestAliasesAsMilvus has the codes of the real 2.3.5.
func TestAliasesAsMilvus(t *testing.T) {
	for _, cfg := range []milvustest.Config{as23, as24} {
		srv, raw := line(t, cfg)
		c, ctx := connect(t, srv), testContext(t)
		fill(t, c, "people", entity.L2)
		create := func(name, alias string, want int32) {
			st, err := raw.CreateAlias(ctx, &milvuspb.CreateAliasRequest{CollectionName: name, Alias: alias})
			if got := code(t, st, err); got != want {
				t.Errorf("as %s: alias %q of %q = %v, want code %d", cfg.Version, alias, name, st, want)
			}
		}
		alter := func(name, alias string, want int32) {
			st, err := raw.AlterAlias(ctx, &milvuspb.AlterAliasRequest{CollectionName: name, Alias: alias})
			if got := code(t, st, err); got != want {
				t.Errorf("as %s: alias %q to %q = %v, want code %d", cfg.Version, alias, name, st, want)
			}
		}
		create("line", "al", 0)
		create("line", "al", 0)
		create("people", "al", 1602)
		create("nope", "al2", 100)
		create("line", "people", 1601)
		create("al", "al2", 100)
		create("line", "", 1100)
		create("line", "1x", 1100)
		create("line", "a-b", 1100)
		create("", "al2", 1100)
		alter("people", "al", 0)
		alter("line", "al", 0)
		alter("people", "none", 1600)
		alter("nope", "al", 100)
		alter("people", "line", 1601)
		alter("al", "al", 100)

		st, err := raw.RenameCollection(ctx, &milvuspb.RenameCollectionRequest{OldName: "al", NewName: "other"})
		if code(t, st, err) != 65535 {
			t.Errorf("rename by alias = %v, want code 65535", st)
		}
		st, err = raw.RenameCollection(ctx, &milvuspb.RenameCollectionRequest{OldName: "people", NewName: "al"})
		if code(t, st, err) != 65535 {
			t.Errorf("rename to an alias = %v, want code 65535", st)
		}
		st, err = raw.DropCollection(ctx, &milvuspb.DropCollectionRequest{CollectionName: "al"})
		if code(t, st, err) != 65535 {
			t.Errorf("drop by alias = %v, want code 65535", st)
		}
		if err := c.CreateCollection(ctx, schemaOf("al"), 1); err == nil {
			t.Error("a collection gets the name of an alias")
		}
	}
}

func TestAnAliasReachesItsCollection(t *testing.T) {
	srv, raw := line(t, as24)
	c, ctx := connect(t, srv), testContext(t)
	must(t, c.CreateAlias(ctx, "line", "al"))
	described, err := raw.DescribeCollection(ctx, &milvuspb.DescribeCollectionRequest{CollectionName: "al"})
	must(t, err)
	if described.GetCollectionName() != "al" || described.GetSchema().GetName() != "line" || !slices.Equal(described.GetAliases(), []string{"al"}) {
		t.Errorf("DescribeCollection by alias = %v", described)
	}
	if has, err := c.HasCollection(ctx, "al"); err != nil || !has {
		t.Errorf("HasCollection by alias = %v, %v", has, err)
	}
	shown, err := c.ListCollections(ctx)
	must(t, err)
	if len(shown) != 1 || shown[0].Name != "line" {
		t.Errorf("ListCollections = %v, want the collection alone", shown)
	}
	_, err = c.Upsert(ctx, "al", "", entity.NewColumnInt64("id", []int64{9}), entity.NewColumnInt32("k", []int32{1}),
		entity.NewColumnFloat("f", []float32{1}), entity.NewColumnFloatVector("vec", 2, [][]float32{{9, 9}}))
	must(t, err)
	must(t, c.Delete(ctx, "al", "", "id == 1"))
	must(t, c.CreatePartition(ctx, "al", "part"))
	must(t, c.ReleaseCollection(ctx, "al"))
	must(t, c.LoadCollection(ctx, "al", true))
	results, err := search(ctx, c, "al", entity.L2, 2, "", nil, []float32{9, 9})
	must(t, err)
	if got := int64s(t, results[0].IDs); !slices.Equal(got, []int64{9, 5}) {
		t.Errorf("search by alias = %v, want 9 and 5", got)
	}
	must(t, c.RenameCollection(ctx, "line", "renamed"))
	if has, err := c.HasCollection(ctx, "al"); err != nil || !has {
		t.Errorf("HasCollection by alias after a rename = %v, %v", has, err)
	}
	must(t, c.DropAlias(ctx, "al"))
	must(t, c.DropAlias(ctx, "al"))
	if has, err := c.HasCollection(ctx, "al"); err != nil || has {
		t.Errorf("HasCollection by a dropped alias = %v, %v", has, err)
	}
}

func TestDropOfACollectionWithAnAlias(t *testing.T) {
	drop := func(raw milvuspb.MilvusServiceClient, want int32) {
		st, err := raw.CreateAlias(testContext(t), &milvuspb.CreateAliasRequest{CollectionName: "line", Alias: "al"})
		if code(t, st, err) != 0 {
			t.Fatalf("CreateAlias = %v", st)
		}
		st, err = raw.DropCollection(testContext(t), &milvuspb.DropCollectionRequest{CollectionName: "line"})
		if code(t, st, err) != want {
			t.Errorf("DropCollection = %v, want code %d", st, want)
		}
	}
	_, raw := line(t, as24)
	drop(raw, 65535)

	// 2.3 drops it and keeps the alias, which leads to nothing until it is dropped.
	srv, raw := line(t, as23)
	drop(raw, 0)
	described, err := raw.DescribeCollection(testContext(t), &milvuspb.DescribeCollectionRequest{CollectionName: "al"})
	if code(t, described.GetStatus(), err) != 100 {
		t.Errorf("DescribeCollection by the alias = %v, want code 100", described.GetStatus())
	}
	fill(t, connect(t, srv), "people", entity.L2)
	st, err := raw.CreateAlias(testContext(t), &milvuspb.CreateAliasRequest{CollectionName: "people", Alias: "al"})
	if code(t, st, err) != 1602 {
		t.Errorf("CreateAlias = %v, want code 1602", st)
	}
	must(t, connect(t, srv).DropAlias(testContext(t), "al"))
	must(t, connect(t, srv).CreateAlias(testContext(t), "people", "al"))
}

func TestAliasesAreListedAndDescribed(t *testing.T) {
	_, raw := line(t, as24)
	ctx := testContext(t)
	for _, alias := range []string{"b", "a"} {
		st, err := raw.CreateAlias(ctx, &milvuspb.CreateAliasRequest{CollectionName: "line", Alias: alias})
		if code(t, st, err) != 0 {
			t.Fatalf("CreateAlias = %v", st)
		}
	}
	for name, want := range map[string]int32{"": 0, "line": 0, "nope": 100, "a": 100} {
		list, err := raw.ListAliases(ctx, &milvuspb.ListAliasesRequest{CollectionName: name})
		if code(t, list.GetStatus(), err) != want || want == 0 && !slices.Equal(list.GetAliases(), []string{"a", "b"}) {
			t.Errorf("ListAliases of %q = %v, want code %d", name, list, want)
		}
	}
	for alias, want := range map[string]int32{"a": 0, "line": 1600, "nope": 1600, "": 1101} {
		described, err := raw.DescribeAlias(ctx, &milvuspb.DescribeAliasRequest{Alias: alias})
		if code(t, described.GetStatus(), err) != want || want == 0 && described.GetCollection() != "line" {
			t.Errorf("DescribeAlias of %q = %v, want code %d", alias, described, want)
		}
	}
}
