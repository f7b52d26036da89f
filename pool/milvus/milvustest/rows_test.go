// SPDX-License-Identifier: Apache-2.0

package milvustest_test

import (
	"slices"
	"testing"

	"github.com/milvus-io/milvus-sdk-go/v2/client"
	"github.com/milvus-io/milvus-sdk-go/v2/entity"
	"github.com/penstock-go/penstock/pool/milvus/milvustest"
)

func TestRowsComeBackAsTheyWereWritten(t *testing.T) {
	c := connect(t, start(t, milvustest.Config{}))
	ctx := testContext(t)
	fill(t, c, "people", entity.L2)
	rs, err := c.Query(ctx, "people", nil, "id in [1, 2, 3, 4, 5]", []string{"*"})
	must(t, err)
	if got := int64s(t, rs.GetColumn("id")); !slices.Equal(got, []int64{1, 2, 3, 4, 5}) {
		t.Errorf("ids = %v, want them in their order", got)
	}
	order := []int{1, 2, 0, 4, 3} // Of people, by id.
	for _, want := range people() {
		got := rs.GetColumn(want.Name())
		if got == nil {
			t.Errorf("Query answers without %s", want.Name())
			continue
		}
		for i, from := range order {
			g, err := got.Get(i)
			must(t, err)
			w, _ := want.Get(from)
			if !equalValues(g, w) {
				t.Errorf("%s of row %d = %v, want %v", want.Name(), i, g, w)
			}
		}
	}
}

func equalValues(a, b any) bool {
	switch a := a.(type) {
	case []float32:
		return slices.Equal(a, b.([]float32))
	case entity.FloatVector:
		return slices.Equal(a, b.(entity.FloatVector))
	case []byte:
		return slices.Equal(a, b.([]byte))
	default:
		return a == b
	}
}

func TestWritesReplaceAndDeleteRows(t *testing.T) {
	srv := start(t, milvustest.Config{})
	c := connect(t, srv)
	ctx := testContext(t)
	fill(t, c, "people", entity.L2)
	count := func() int64 {
		t.Helper()
		rs, err := c.Query(ctx, "people", nil, "", []string{"count(*)"})
		must(t, err)
		return int64s(t, rs.GetColumn("count(*)"))[0]
	}

	ids, err := c.Upsert(ctx, "people", "", people()...)
	must(t, err)
	if got := int64s(t, ids); !slices.Equal(got, []int64{3, 1, 2, 5, 4}) {
		t.Errorf("Upsert answers the ids %v, want them as they were sent", got)
	}
	if n := count(); n != 5 {
		t.Errorf("there are %d rows after an upsert, want 5", n)
	}
	must(t, c.DeleteByPks(ctx, "people", "", entity.NewColumnInt64("id", []int64{1, 5, 99})))
	must(t, c.Delete(ctx, "people", "", "id == 3"))
	rs, err := c.Query(ctx, "people", nil, "id > 0", []string{"name"})
	must(t, err)
	if got := int64s(t, rs.GetColumn("id")); !slices.Equal(got, []int64{2, 4}) {
		t.Errorf("ids after delete = %v, want 2 and 4", got)
	}
	if got := rs.GetColumn("name").(*entity.ColumnVarChar).Data(); !slices.Equal(got, []string{"bob's", "dan \"d\""}) {
		t.Errorf("names after delete = %v", got)
	}
	must(t, c.Delete(ctx, "people", "", "age > 0"))
	if n := count(); n != 0 {
		t.Errorf("there are %d rows after all were deleted, want 0", n)
	}
	// What was deleted can be written again.
	_, err = c.Insert(ctx, "people", "", people()...)
	must(t, err)
	if n := count(); n != 5 {
		t.Errorf("there are %d rows after another insert, want 5", n)
	}
}

func TestAutoIDAndStringKeys(t *testing.T) {
	c := connect(t, start(t, milvustest.Config{}))
	ctx := testContext(t)
	vec := entity.NewField().WithName("vec").WithDataType(entity.FieldTypeFloatVector).WithDim(2)
	vectors := entity.NewColumnFloatVector("vec", 2, [][]float32{{1, 2}, {3, 4}})

	auto := entity.NewSchema().WithName("auto").
		WithField(entity.NewField().WithName("id").WithDataType(entity.FieldTypeInt64).WithIsPrimaryKey(true).WithIsAutoID(true)).
		WithField(vec)
	must(t, c.CreateCollection(ctx, auto, 1))
	first, err := c.Insert(ctx, "auto", "", vectors)
	must(t, err)
	second, err := c.Insert(ctx, "auto", "", vectors)
	must(t, err)
	ids := append(slices.Clone(int64s(t, first)), int64s(t, second)...)
	if slices.Sort(ids); len(slices.Compact(ids)) != 4 {
		t.Errorf("AutoID gives %v, want four different ids", ids)
	}
	if _, err := c.Insert(ctx, "auto", "", entity.NewColumnInt64("id", []int64{1, 2}), vectors); err == nil {
		t.Error("Insert with ids of one's own succeeds where the server makes them")
	}
	if _, err := c.Upsert(ctx, "auto", "", vectors); err == nil {
		t.Error("Upsert succeeds where the server makes the ids")
	}

	texts := entity.NewSchema().WithName("texts").
		WithField(entity.NewField().WithName("id").WithDataType(entity.FieldTypeVarChar).WithMaxLength(30).WithIsPrimaryKey(true).WithIsAutoID(true)).
		WithField(vec)
	must(t, c.CreateCollection(ctx, texts, 1))
	made, err := c.Insert(ctx, "texts", "", vectors)
	must(t, err)
	if keys := made.(*entity.ColumnVarChar).Data(); len(keys) != 2 || keys[0] == keys[1] {
		t.Errorf("AutoID gives %v, want two different keys", keys)
	}

	named := entity.NewSchema().WithName("named").
		WithField(entity.NewField().WithName("key").WithDataType(entity.FieldTypeVarChar).WithMaxLength(9).WithIsPrimaryKey(true)).
		WithField(vec)
	must(t, c.CreateCollection(ctx, named, 1))
	_, err = c.Insert(ctx, "named", "", entity.NewColumnVarChar("key", []string{"b", "a"}), vectors)
	must(t, err)
	load(t, c, "named", entity.L2)
	hits, err := search(testContext(t), c, "named", entity.L2, 2, "", []string{"key", "vec"}, []float32{1, 2})
	must(t, err)
	if got := hits[0].IDs.(*entity.ColumnVarChar).Data(); !slices.Equal(got, []string{"b", "a"}) {
		t.Errorf("Search finds %v, want b and a", got)
	}
	must(t, c.DeleteByPks(ctx, "named", "", entity.NewColumnVarChar("key", []string{"b"})))
	rs, err := c.QueryByPks(ctx, "named", nil, entity.NewColumnVarChar("key", []string{"a", "b"}), []string{"key"})
	if err != nil || rs.Len() != 1 {
		t.Errorf("QueryByPks after delete = %v, %v, want one row", rs, err)
	}
}

func TestDynamicFieldsAreKeptAndFiltered(t *testing.T) {
	c := connect(t, start(t, milvustest.Config{}))
	ctx := testContext(t)
	must(t, c.CreateCollection(ctx, schemaOf("people").WithDynamicFieldEnabled(true), 1))
	_, err := c.Insert(ctx, "people", "", people()...)
	must(t, err)
	load(t, c, "people", entity.L2)

	more := append(people(), entity.NewColumnVarChar("color", []string{"red", "green", "red", "blue", "red"}))
	more[0] = entity.NewColumnInt64("id", []int64{13, 11, 12, 15, 14})
	_, err = c.Insert(ctx, "people", "", more...)
	must(t, err)
	rs, err := c.Query(ctx, "people", nil, `color == "red" and age > 25`, []string{"color"})
	must(t, err)
	if got := int64s(t, rs.GetColumn("id")); !slices.Equal(got, []int64{13, 14}) {
		t.Errorf("ids of red = %v, want 13 and 14", got)
	}
	color := rs.GetColumn("color")
	if color == nil {
		t.Fatal("Query answers without the dynamic key color")
	}
	if got, err := color.GetAsString(0); err != nil || got != "red" {
		t.Errorf("color = %q, %v, want red", got, err)
	}
	rs, err = c.Query(ctx, "people", nil, `$meta["color"] in ["blue"]`, []string{"id"})
	if err != nil || rs.Len() != 1 {
		t.Errorf("Query by a key of the dynamic field = %v, %v, want one row", rs, err)
	}
}

func TestQueryHasPages(t *testing.T) {
	c := connect(t, start(t, milvustest.Config{}))
	ctx := testContext(t)
	fill(t, c, "people", entity.L2)
	for _, test := range []struct {
		offset, limit int64
		want          []int64
	}{
		{0, 2, []int64{1, 2}}, {1, 2, []int64{2, 3}}, {4, 2, []int64{5}}, {9, 2, []int64{}}, {0, 100, []int64{1, 2, 3, 4, 5}},
	} {
		rs, err := c.Query(ctx, "people", nil, "", []string{"id"}, client.WithOffset(test.offset), client.WithLimit(test.limit))
		must(t, err)
		if got := int64s(t, rs.GetColumn("id")); !slices.Equal(got, test.want) {
			t.Errorf("offset %d, limit %d: ids = %v, want %v", test.offset, test.limit, got, test.want)
		}
	}
}
