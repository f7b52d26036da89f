// SPDX-License-Identifier: Apache-2.0

package milvustest_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
	"github.com/milvus-io/milvus-sdk-go/v2/entity"
	"github.com/penstock-go/penstock/pool/milvus/milvustest"
)

// filterCase is a line of testdata/filters.tsv.
type filterCase struct {
	filter string
	plain  bool // for a collection without a dynamic field
	// results are the results, each since a release; the first since 2.3.
	results []filterResult
}

type filterResult struct{ since, want string }

// in returns the result in a release such as "2.4".
func (c filterCase) in(release string) string {
	want := ""
	for _, r := range c.results {
		if r.since <= release {
			want = r.want
		}
	}
	return want
}

func filterCases(t testing.TB) []filterCase {
	t.Helper()
	raw, err := os.ReadFile("testdata/filters.tsv")
	must(t, err)
	var cases []filterCase
	for line := range strings.Lines(string(raw)) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, "#") {
			continue
		}
		columns := strings.Split(line, "\t")
		if len(columns) < 2 {
			t.Fatalf("%q has no result", line)
		}
		filter, plain := strings.CutPrefix(strings.ReplaceAll(columns[0], "<NL>", "\n"), "plain:")
		c := filterCase{filter: filter, plain: plain, results: []filterResult{{"2.3", columns[1]}}}
		for _, later := range columns[2:] {
			since, want, _ := strings.Cut(later, ": ")
			c.results = append(c.results, filterResult{since, want})
		}
		cases = append(cases, c)
	}
	return cases
}

// agrees reports whether the outcome of a filter is the one of the table.
func agrees(want string, ids []int64, err error) bool {
	text, isError := strings.CutPrefix(want, "! ")
	if isError != (err != nil) {
		return false
	}
	if !isError {
		got := strings.Trim(fmt.Sprint(ids), "[]")
		return got == want || got == "" && want == "none"
	}
	text, atWorker := strings.CutPrefix(text, "worker: ")
	return strings.Contains(strings.ReplaceAll(err.Error(), "\n", "<NL>"), strings.ReplaceAll(text, "\n", "<NL>")) &&
		strings.Contains(err.Error(), "worker(1) query failed: ") == atWorker
}

func TestFiltersAsMilvus(t *testing.T) {
	cases := filterCases(t)
	if len(cases) < 250 {
		t.Errorf("%d filters, want at least 250", len(cases))
	}
	for _, release := range []string{"2.3", "2.4", "2.5", "2.6"} {
		dynamic, err := milvustest.NewRows(release, filterSchema("dynamic", true), filterRows(true))
		must(t, err)
		plain, err := milvustest.NewRows(release, filterSchema("plain", false), filterRows(false))
		must(t, err)
		for _, c := range cases {
			rows := dynamic
			if c.plain {
				rows = plain
			}
			ids, err := rows.Match(c.filter)
			if want := c.in(release); !agrees(want, ids, err) {
				t.Errorf("%s: %s: rows = %v, error = %v, want %s", release, c.filter, ids, err, want)
			}
		}
	}
}

func TestFiltersOfRequests(t *testing.T) {
	c := connect(t, start(t, milvustest.Config{}))
	fill(t, c, "people", entity.L2)
	ctx := testContext(t)
	const filter = `age % 20 == 10 and meta["n"] != 3`
	rs, err := c.Query(ctx, "people", nil, filter, []string{"id"})
	must(t, err)
	if got := int64s(t, rs.GetColumn("id")); !slices.Equal(got, []int64{1, 5}) {
		t.Errorf("Query = %v, want 1 and 5", got)
	}
	found, err := search(ctx, c, "people", entity.L2, 5, filter, nil, []float32{0, 0, 0, 0})
	must(t, err)
	if got := int64s(t, found[0].IDs); !slices.Equal(got, []int64{1, 5}) {
		t.Errorf("Search = %v, want 1 and 5", got)
	}
	must(t, c.Delete(ctx, "people", "", filter))
	rs, err = c.Query(ctx, "people", nil, "id > 0", []string{"id"})
	must(t, err)
	if got := int64s(t, rs.GetColumn("id")); !slices.Equal(got, []int64{2, 3, 4}) {
		t.Errorf("after Delete Query = %v, want 2, 3 and 4", got)
	}
}

// Looked up on 2.3.5, as it stores JSON.
func TestFiltersReadJSONAsItIsWritten(t *testing.T) {
	documents := [][]byte{
		[]byte(`{"n": 1, "n": 2, "s": "caf\u00e9", "a": [1e2, -0, 0.0]}`),
		[]byte(`{"n": 1e2, "s": "a\"b", "k\u00e9y": 1, "a": [1.0, 2]}`),
		[]byte("{ \"n\" :\t-0 ,\n\"a\" : [ 1 , 2 ] } "),
		[]byte(`{"n": 0.0, "a": [[], [[]], {}]}`),
		[]byte(`{"n": 9223372036854775807, "a": [9223372036854775807]}`),
		[]byte(`{"n": 9223372036854775808, "a": [9223372036854775808]}`),
		[]byte(`{"n": -9223372036854775808, "a": [{"x": 1}, {"x": 2}]}`),
		[]byte(`{"n": 123456789012345678901234567890, "a": "]}\\"}`),
		[]byte(`{"n": {"n": 1}, "a": [null, true, false]}`),
		[]byte(`{"key with space": 1, "a.b": 2, "": 3, "n": 0.1, "a": [0.1, 0.2]}`),
	}
	ids := make([]int64, len(documents))
	for i := range ids {
		ids[i] = int64(i + 1)
	}
	rows := documentRows(t, "2.3", ids, documents)
	for filter, want := range map[string]string{
		`j["n"] == 1`: "1", `j["n"] == 2`: "none", `j["n"] == 100`: "2", `j["n"] == 0`: "3 4", `j["n"] == 0.1`: "10",
		`j["n"] > 9e18`: "5 6 8", `j["n"] > 9223372036854775806`: "5 8", `j["n"] in [9223372036854775807]`: "5", `j["n"] < -9e18`: "7",
		`j["n"] % 2 == 0`: "2 3 4 5 6 7 8 10", `j["n"]["n"] == 1`: "9", `exists j["a"]`: "1 2 3 4 5 6 7 8 9 10",
		`j["s"] == "café"`: "1", `j["s"] == "a\"b"`: "2", `j["kéy"] == 1`: "none", `j["k\u00e9y"] == 1`: "2", `j["key with space"] == 1`: "10",
		`j["a.b"] == 2`: "10", `j["a"] == "]}\\"`: "8", `j["a"][1]["x"] == 2`: "7", `j["a"][1] == 2`: "2 3", `j["a"] == [1, 2]`: "3",
		`j["a"] == [1.0, 2]`: "2 3", `json_contains(j["a"], 0)`: "1", `json_contains(j["a"], 1.0)`: "2 3", `array_length(j["a"]) == 3`: "1 4 9",
		`json_contains(j["a"], true)`: "9",
	} {
		if ids, err := rows.Match(filter); !agrees(want, ids, err) {
			t.Errorf("%s: rows = %v, error = %v, want %s", filter, ids, err, want)
		}
	}
}

// documentRows are rows with the fields id and j, which is JSON.
func documentRows(t testing.TB, release string, ids []int64, documents [][]byte) *milvustest.Rows {
	t.Helper()
	schema := &schemapb.CollectionSchema{Name: "c", Fields: []*schemapb.FieldSchema{
		{Name: "id", DataType: schemapb.DataType_Int64, IsPrimaryKey: true},
		{Name: "j", DataType: schemapb.DataType_JSON},
	}}
	rows, err := milvustest.NewRows(release, schema, []*schemapb.FieldData{
		{FieldName: "id", Field: &schemapb.FieldData_Scalars{Scalars: &schemapb.ScalarField{
			Data: &schemapb.ScalarField_LongData{LongData: &schemapb.LongArray{Data: ids}},
		}}},
		{FieldName: "j", Field: &schemapb.FieldData_Scalars{Scalars: &schemapb.ScalarField{
			Data: &schemapb.ScalarField_JsonData{JsonData: &schemapb.JSONArray{Data: documents}},
		}}},
	})
	must(t, err)
	return rows
}

// The texts and the codes of 2.3 were looked up on 2.3.5.
func TestTheErrorOfAFilterIsThatOfTheRelease(t *testing.T) {
	for _, test := range []struct{ version, request, filter, want string }{
		{"2.3.5", "query", "age ==", "65535 cannot parse expression: age ==, error: line 1:6 mismatched input '<EOF>' expecting {'(', "},
		{"2.3.5", "query", "active", "65535 predicate is not a boolean expression: active, data type: Bool"},
		{"2.3.5", "query", `1 == "1"`, `65535 cannot parse expression: 1 == "1"`},
		{"2.3.5", "query", "1 < 2", "65535 failed to search/query delegator 1 for channel by-dev-rootcoord-dml_0_"},
		{"2.3.5", "search", "active", "65535 failed to create query plan: predicate is not a boolean expression: active, data type: Bool"},
		{"2.3.5", "search", "1 < 2", "65535 failed to search/query delegator 1 for channel by-dev-rootcoord-dml_0_"},
		{"2.3.5", "delete", "active", "65535 failed to create expr plan, expr = active"},
		{"2.3.5", "delete", "1 < 2", "5 failed to search/query delegator 1 for channel by-dev-rootcoord-dml_0_"},
		{"2.4.1", "query", "active", "1100 failed to create query plan: predicate is not a boolean expression: active, data type: Bool: invalid parameter"},
		{"2.4.1", "search", "active", "1100 failed to create query plan: predicate is not a boolean expression: active, data type: Bool: invalid parameter"},
		{"2.4.1", "delete", "active", "1100 failed to create delete plan: predicate is not a boolean expression: active, data type: Bool: invalid parameter"},
		{"2.4.1", "query", "1 < 2", "65535 fail to Query on QueryNode 1: worker(1) query failed: "},
		{"2.4.1", "search", "1 < 2", "65535 fail to Search on QueryNode 1: worker(1) query failed: "},
	} {
		srv := start(t, milvustest.Config{Version: test.version})
		fill(t, connect(t, srv), "people", entity.L2)
		if got := statusOf(t, srv, test.request, test.filter); !strings.HasPrefix(got, test.want) {
			t.Errorf("%s: %s with %s: %s, want %s", test.version, test.request, test.filter, got, test.want)
		}
	}
}

// statusOf returns the code and the reason of a request with a filter.
func statusOf(t *testing.T, srv *milvustest.Server, request, filter string) string {
	t.Helper()
	ctx, c := testContext(t), stub(t, srv)
	var status *commonpb.Status
	switch request {
	case "query":
		reply, err := c.Query(ctx, &milvuspb.QueryRequest{CollectionName: "people", Expr: filter})
		must(t, err)
		status = reply.GetStatus()
	case "search":
		req := searchRequest(t, []float32{1, 2, 3, 4})
		req.Dsl = filter
		reply, err := c.Search(ctx, req)
		must(t, err)
		status = reply.GetStatus()
	case "delete":
		reply, err := c.Delete(ctx, &milvuspb.DeleteRequest{CollectionName: "people", Expr: filter})
		must(t, err)
		status = reply.GetStatus()
	}
	return fmt.Sprint(status.GetCode(), " ", status.GetReason())
}

// Looked up on 2.3.5: it parses first.
func TestAFilterIsParsedBeforeTheCollectionHasToBeLoaded(t *testing.T) {
	srv := start(t, milvustest.Config{Version: "2.3.5"})
	c := connect(t, srv)
	must(t, c.CreateCollection(testContext(t), schemaOf("people"), 1))
	for _, request := range []string{"query", "search"} {
		if got := statusOf(t, srv, request, "nope == 1"); !strings.Contains(got, "field nope not exist") {
			t.Errorf("%s = %s, want the error of the filter", request, got)
		}
		if got := statusOf(t, srv, request, "1 < 2"); !strings.HasPrefix(got, "101 ") {
			t.Errorf("%s = %s, want 101: the collection is not loaded", request, got)
		}
	}
}

func TestTheKeysThatAFilterNames(t *testing.T) {
	rows, err := milvustest.NewRows("2.3", filterSchema("c", true), filterRows(true))
	must(t, err)
	for filter, want := range map[string]string{
		"id in [77, 77, 2]": "77 77 2", "id == 3": "3", "3 == id": "3", "(id in [4])": "4", "id in [1 + 1]": "2", "id in []": "",
		"id > 3": "no", "id != 3": "no", "id not in [3]": "no", "id == 3 and id == 3": "no", "k == 3": "no", "": "no",
	} {
		got := "no"
		if keys, ok := rows.Keys(filter); ok {
			got = strings.Trim(fmt.Sprint(keys), "[]")
		}
		if got != want {
			t.Errorf("%s names %s, want %s", filter, got, want)
		}
	}
}

func TestHugeFilters(t *testing.T) {
	rows, err := milvustest.NewRows("2.6", filterSchema("c", true), filterRows(true))
	must(t, err)
	size := 1 << 20 // of the first filter of each list; the others are smaller, for the time of the test
	many := func(text, separator string) string {
		defer func() { size = 1 << 17 }()
		return strings.TrimSuffix(strings.Repeat(text+separator, size/len(text+separator)), separator)
	}
	for _, filter := range []string{
		many("id == 1", " or "), many("id > 0", " and "), "id in [" + many("1", ",") + "]", `s != "` + many("x", "") + `"`,
		many("(id == 1)", " or "), "id == 1 or id in [" + many(`"1"`, ",") + "] or id == 2",
	} {
		ids, err := rows.Match(filter)
		if strings.Contains(filter, `"1"`) != (err != nil) || err == nil && len(ids) == 0 {
			t.Errorf("%.20s...: %d rows, error %.100v", filter, len(ids), err)
		}
	}
	size = 1 << 20
	for _, filter := range []string{
		many("(", ""), many("not ", ""), many("[", ""), many("1", " + "), many("1", " < "), "k == " + many("-", "") + "1", many("exists ", "") + "dn",
		many("array_contains(", ""), many("a", " like "), many(`j["a"]`, " "), many(`"`, ""), many("#", ""), many("1 < k < ", ""), `j` + many(`["a"]`, "") + " 1",
		"k == " + many("2", " ** "), many("k", " or (") + many("", ")"), many("\n", "") + "#",
		"k == 1 " + many("#", ""), "k == " + many("#", "") + " 1", many("k[0", ""), many("'\\", ""), "k == 1 " + many("$m", ""), many("k in [", ""),
	} {
		if _, err := rows.Match(filter); err == nil {
			t.Errorf("%.20s... is a filter, want an error", filter)
		}
	}
}

func FuzzFilter(f *testing.F) {
	for _, c := range filterCases(f) {
		f.Add(c.filter)
	}
	var releases []*milvustest.Rows
	for _, release := range []string{"2.3", "2.4", "2.5", "2.6"} {
		rows, err := milvustest.NewRows(release, filterSchema("c", true), filterRows(true))
		must(f, err)
		releases = append(releases, rows)
	}
	f.Fuzz(func(t *testing.T, filter string) {
		for _, rows := range releases {
			ids, err := rows.Match(filter)
			if err != nil || strings.TrimSpace(filter) == "" {
				continue
			}
			others, err := rows.Match("not (" + filter + ")")
			if err != nil {
				if strings.Contains(err.Error(), "nested deeper") || strings.Contains(err.Error(), "unsupported expr proto node: ") {
					continue // An empty plan of 2.3 can only stand alone.
				}
				t.Fatalf("%q is a filter, but not its inverse: %v", filter, err)
			}
			if n := len(ids) + len(others); n != 10 {
				t.Errorf("%q and its inverse let %d of 10 rows through", filter, n)
			}
		}
	})
}

func BenchmarkFilter(b *testing.B) {
	const n = 100_000
	ids, documents := make([]int64, n), make([][]byte, n)
	for i := range ids {
		ids[i], documents[i] = int64(i), fmt.Appendf(nil, `{"s": "x", "n": %d}`, i)
	}
	rows := documentRows(b, "2.4", ids, documents)
	for _, filter := range []string{"id % 2 == 0", "10 < id < 50000", "id in [1, 2, 3]", `j["n"] % 2 == 0`} {
		b.Run(filter, func(b *testing.B) {
			for b.Loop() {
				if _, err := rows.Match(filter); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
