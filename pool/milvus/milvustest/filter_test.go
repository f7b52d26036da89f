// SPDX-License-Identifier: Apache-2.0

package milvustest_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
	"github.com/milvus-io/milvus-sdk-go/v2/entity"
	"github.com/penstock-go/penstock/pool/milvus/milvustest"
)

func TestFilters(t *testing.T) {
	c := connect(t, start(t, milvustest.Config{}))
	fill(t, c, "people", entity.L2)
	for _, test := range []struct {
		filter string
		want   []int64
	}{
		{"id == 3", []int64{3}},
		{"3 == id", []int64{3}},
		{"id != 3", []int64{1, 2, 4, 5}},
		{"id < 3", []int64{1, 2}},
		{"id <= 3", []int64{1, 2, 3}},
		{"id > 3", []int64{4, 5}},
		{"id >= 3", []int64{3, 4, 5}},
		{"3 < id", []int64{4, 5}},
		{"1 < id <= 3", []int64{2, 3}},
		{"5 > id > 3 > 1", []int64{4}},
		{"id > 1.5", []int64{2, 3, 4, 5}},
		{"id > -1", []int64{1, 2, 3, 4, 5}},
		{"id > +4", []int64{5}},
		{"id in [1, 3, 99]", []int64{1, 3}},
		{"id IN [1,3]", []int64{1, 3}},
		{"id not in [1, 3]", []int64{2, 4, 5}},
		{"id in []", nil},
		{"not (id in [1, 3])", []int64{2, 4, 5}},

		{"age == 30", []int64{3}},
		{"size == 0.1", []int64{1}}, // In float32, as the field is.
		{"0.1 == size", []int64{1}},
		{"size in [0.1, 0.5, 7]", []int64{1, 5}},
		{"size >= 4e-1", []int64{4, 5}},
		{"weight < 0", []int64{1, 2, 3}},
		{"weight == -1.5", []int64{1}},
		{"weight in [5.5, -2.5]", []int64{2, 5}},
		{"weight > .5", []int64{4, 5}},

		{`name == "ann"`, []int64{1}},
		{`name == 'ann'`, []int64{1}},
		{`name == "bob's"`, []int64{2}},
		{`name == 'bob\'s'`, []int64{2}},
		{`name == "dan \"d\""`, []int64{4}},
		{`name > "bob's"`, []int64{3, 4, 5}},
		{`name in ["ann", "eve"]`, []int64{1, 5}},
		{`name like "a%"`, []int64{1}},
		{`name like "%e"`, []int64{5}},
		{`name like "%e%"`, []int64{3, 5}},
		{`name like "c%e%o"`, []int64{3}},
		{`name like "ann"`, []int64{1}},
		{`name like "an"`, nil},
		{`name like "eve%eve"`, nil},

		{"active", []int64{1, 3, 5}},
		{"not active", []int64{2, 4}},
		{"!active", []int64{2, 4}},
		{"active == true", []int64{1, 3, 5}},
		{"active != TRUE", []int64{2, 4}},
		{"active in [false]", []int64{2, 4}},
		{"true", []int64{1, 2, 3, 4, 5}},
		{"1 == 2", nil},

		{"id == 1 or id == 5", []int64{1, 5}},
		{"id == 1 || id == 5", []int64{1, 5}},
		{"id > 1 and id < 3", []int64{2}},
		{"id > 1 && id < 3", []int64{2}},
		{"id == 1 or id == 2 and age > 10", []int64{1, 2}},
		{"(id == 1 or id == 2) and age > 10", []int64{2}},
		{"not id == 1 and id < 3", []int64{2}},
		{"\t((id\n==\r4)) ", []int64{4}},

		{`meta["n"] == 3`, []int64{3}},
		{`meta["n"] > 1`, []int64{2, 3}},
		{`meta["n"] == "five"`, []int64{5}},
		{`meta["n"] in [1, "five"]`, []int64{1, 5}},
		{`meta["n"] like "f%"`, []int64{5}},
		{`meta["ok"]`, []int64{2}},
		{`meta["deep"]["s"] == "x"`, []int64{3}},
		{`meta["n"]["s"] == "x"`, nil},
		{`meta["nope"] != 1`, nil},
	} {
		rs, err := c.Query(testContext(t), "people", nil, test.filter, []string{"id"})
		if err != nil {
			t.Errorf("%s: %v", test.filter, err)
			continue
		}
		if got := int64s(t, rs.GetColumn("id")); !slices.Equal(got, test.want) {
			t.Errorf("%s: ids = %v, want %v", test.filter, got, test.want)
		}
	}
}

func TestBadFiltersAreRefused(t *testing.T) {
	c := connect(t, start(t, milvustest.Config{}))
	fill(t, c, "people", entity.L2)
	for _, filter := range []string{
		"id", "id ==", "== 1", "id = 1", "id == 1 id", "id == nope", "nope == 1", "id == 1 and", "or id == 1", "(id == 1", "id == 1)",
		"id in", "id in 1", "id in [1", "id in [1,]", "id in [1 2]", "id in [id]", "id not [1]", "id not", "!",
		`id == "1"`, `name == 1`, `name in [1]`, "id in [1.5]", `id in ["1"]`, "active > true", "active == 1", "size == true",
		"id like \"1\"", "name like 1", "vec == 1", "id[\"x\"] == 1", "meta[1] == 1", "meta[\"x\" == 1", "-name == 1", "- \"x\" == name",
		"id == 99999999999999999999", "id == 1.2.3", `name == "x`, "id == 1 # 2", "id == 1 & id == 2", "id == é", "1", `"x"`,
		strings.Repeat("(", 100_000), strings.Repeat("not ", 100_000) + "active",
	} {
		if _, err := c.Query(testContext(t), "people", nil, filter, []string{"id"}); err == nil || !strings.Contains(err.Error(), "cannot parse expression") {
			t.Errorf("%.40s: %.80v, want an error", filter, err)
		}
	}
}

func FuzzFilter(f *testing.F) {
	for _, seed := range []string{
		"id in [1, 2]", `name == "x" and (size > 1.5 || not active)`, `$meta["a"]["b"] != -1`, "1 < id <= 5", `name like "a%b"`,
		"id not in []", `'\'`, "((", "1e", ".", "!!active", "other == 3",
	} {
		f.Add(seed)
	}
	fields := []*schemapb.FieldSchema{
		{Name: "id", DataType: schemapb.DataType_Int64, IsPrimaryKey: true},
		{Name: "name", DataType: schemapb.DataType_VarChar},
		{Name: "size", DataType: schemapb.DataType_Float},
		{Name: "active", DataType: schemapb.DataType_Bool},
		{Name: "meta", DataType: schemapb.DataType_JSON},
		{Name: "vec", DataType: schemapb.DataType_FloatVector, TypeParams: []*commonpb.KeyValuePair{{Key: "dim", Value: "2"}}},
	}
	f.Fuzz(func(t *testing.T, filter string) {
		const rows = 3
		n, err := milvustest.Filter(filter, rows, fields...)
		if err != nil || strings.TrimSpace(filter) == "" {
			return
		}
		inverse, err := milvustest.Filter("not ("+filter+")", rows, fields...)
		if err != nil {
			if strings.Contains(err.Error(), "nested deeper") {
				return
			}
			t.Fatalf("%q is a filter, but not its inverse: %v", filter, err)
		}
		if n+inverse != rows {
			t.Errorf("%q lets %d of %d rows through, its inverse %d", filter, n, rows, inverse)
		}
	})
}
