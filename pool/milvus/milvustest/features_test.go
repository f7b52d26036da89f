// SPDX-License-Identifier: Apache-2.0

package milvustest_test

import (
	"slices"
	"testing"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
	"github.com/milvus-io/milvus-sdk-go/v2/entity"
	"github.com/penstock-go/penstock/pool/milvus/milvustest"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/protoadapt"
)

// as23 is a server that behaves as Milvus 2.3.5, as24 one that behaves as later releases.
var (
	as23 = milvustest.Config{Version: "v2.3.5"}
	as24 = milvustest.Config{Version: "v2.4.17"}
)

func marshaled(t testing.TB, m protoadapt.MessageV1) []byte {
	t.Helper()
	raw, err := proto.Marshal(protoadapt.MessageV2Of(m))
	must(t, err)
	return raw
}

func placeholders(t testing.TB, kind commonpb.PlaceholderType, vectors ...[]byte) []byte {
	t.Helper()
	return marshaled(t, &commonpb.PlaceholderGroup{Placeholders: []*commonpb.PlaceholderValue{{Tag: "$0", Type: kind, Values: vectors}}})
}

// lineRequest searches line, from the start, with other parameters than the usual ones. A
// value of "-" takes the parameter out.
func lineRequest(t testing.TB, over ...string) *milvuspb.SearchRequest {
	t.Helper()
	params := map[string]string{"anns_field": "vec", "topk": "10", "metric_type": "L2", "params": "{}"}
	for kv := range slices.Chunk(over, 2) {
		params[kv[0]] = kv[1]
		if kv[1] == "-" {
			delete(params, kv[0])
		}
	}
	req := &milvuspb.SearchRequest{
		CollectionName: "line", Nq: 1, DslType: commonpb.DslType_BoolExprV1,
		PlaceholderGroup: placeholders(t, commonpb.PlaceholderType_FloatVector, entity.FloatVector{0, 0}.Serialize()),
	}
	for k, v := range params {
		req.SearchParams = append(req.SearchParams, &commonpb.KeyValuePair{Key: k, Value: v})
	}
	return req
}

// line starts a server with a collection of five rows: row i is at (i-1, 0), and k is 10
// times 1, 2, 1, 2, 3. The key dn is dynamic.
func line(t testing.TB, cfg milvustest.Config) (*milvustest.Server, milvuspb.MilvusServiceClient) {
	t.Helper()
	srv := start(t, cfg)
	c := connect(t, srv)
	ctx := testContext(t)
	must(t, c.CreateCollection(ctx, entity.NewSchema().WithName("line").WithDynamicFieldEnabled(true).
		WithField(entity.NewField().WithName("id").WithDataType(entity.FieldTypeInt64).WithIsPrimaryKey(true)).
		WithField(entity.NewField().WithName("k").WithDataType(entity.FieldTypeInt32)).
		WithField(entity.NewField().WithName("f").WithDataType(entity.FieldTypeFloat)).
		WithField(entity.NewField().WithName("vec").WithDataType(entity.FieldTypeFloatVector).WithDim(2)), 1))
	_, err := c.Insert(ctx, "line", "", entity.NewColumnInt64("id", []int64{1, 2, 3, 4, 5}),
		entity.NewColumnInt32("k", []int32{10, 20, 10, 20, 30}), entity.NewColumnFloat("f", make([]float32, 5)),
		entity.NewColumnFloatVector("vec", 2, [][]float32{{0, 0}, {1, 0}, {2, 0}, {3, 0}, {4, 0}}), entity.NewColumnInt64("dn", []int64{1, 2, 3, 4, 5}))
	must(t, err)
	load(t, c, "line", entity.L2)
	return srv, stub(t, srv)
}

// answer is what a search is expected to give: the ids, or an error with this code.
type answer struct {
	code int32
	ids  []int64
}

func checkSearch(t *testing.T, raw milvuspb.MilvusServiceClient, req *milvuspb.SearchRequest, want answer) *schemapb.SearchResultData {
	t.Helper()
	reply, err := raw.Search(testContext(t), req)
	must(t, err)
	if got := reply.GetStatus().GetCode(); got != want.code {
		t.Errorf("code %d, %q, want %d", got, reply.GetStatus().GetReason(), want.code)
	}
	if got := reply.GetResults().GetIds().GetIntId().GetData(); !slices.Equal(got, want.ids) {
		t.Errorf("ids %v, want %v", got, want.ids)
	}
	return reply.GetResults()
}

// TestSearchParametersAsMilvus has what the real 2.3.5 answered, where code23 is the code
// of 2.3 and code24 that of later releases.
func TestSearchParametersAsMilvus(t *testing.T) {
	all := []int64{1, 2, 3, 4, 5}
	for _, test := range []struct {
		name           string
		over           []string
		code23, code24 int32
		ids            []int64
	}{
		{"nothing special", nil, 0, 0, all},
		{"radius is exclusive", []string{"params", `{"radius": 9}`}, 0, 0, all[:3]},
		{"range_filter is inclusive", []string{"params", `{"radius": 9, "range_filter": 1}`}, 0, 0, all[1:3]},
		{"range in the wrong order", []string{"params", `{"radius": 1, "range_filter": 9}`}, 65535, 1100, nil},
		{"range without a width", []string{"params", `{"radius": 4, "range_filter": 4}`}, 65535, 1100, nil},
		{"range_filter alone is ignored", []string{"params", `{"range_filter": 4}`}, 0, 0, all},
		{"radius of text", []string{"params", `{"radius": "9"}`}, 65535, 1100, nil},
		{"radius of null", []string{"params", `{"radius": null}`}, 65535, 1100, nil},
		{"radius of true is one", []string{"params", `{"radius": true}`}, 0, 0, all[:1]},
		{"radius that is too large", []string{"params", `{"radius": 1e400}`}, 65535, 1100, nil},
		{"radius below all", []string{"params", `{"radius": -1}`}, 0, 0, nil},
		{"radius at the top is ignored", []string{"radius", "9"}, 0, 0, all},
		{"params of an array", []string{"params", "[]"}, 0, 0, all},
		{"params of text", []string{"params", "x"}, 65535, 1100, nil},
		{"no params", []string{"params", "-"}, 65535, 0, nil},
		{"no topk", []string{"topk", "-"}, 65535, 1100, nil},
		{"empty topk", []string{"topk", ""}, 65535, 1100, nil},
		{"hexadecimal topk", []string{"topk", "0x3"}, 0, 0, all[:3]},
		{"topk with a fraction", []string{"topk", "1.5"}, 65535, 1100, nil},
		{"largest topk", []string{"topk", "16384"}, 0, 0, all},
		{"larger topk", []string{"topk", "16385"}, 65535, 1100, nil},
		{"offset", []string{"offset", "3"}, 0, 0, all[3:]},
		{"negative offset", []string{"offset", "-1"}, 65535, 1100, nil},
		{"empty offset", []string{"offset", ""}, 65535, 1100, nil},
		{"offset and topk too large", []string{"topk", "16000", "offset", "385"}, 65535, 1100, nil},
		{"no metric", []string{"metric_type", "-"}, 0, 0, all},
		{"lower case metric", []string{"metric_type", "l2"}, 65535, 0, nil},
		{"other metric", []string{"metric_type", "IP"}, 65535, 1100, nil},
		{"no field", []string{"anns_field", "-"}, 0, 0, all},
		{"unknown field", []string{"anns_field", "nope"}, 65535, 1100, nil},
		{"field without vectors", []string{"anns_field", "k"}, 65535, 1100, nil},
		{"round_decimal", []string{"round_decimal", "6"}, 0, 0, all},
		{"round_decimal too large", []string{"round_decimal", "7"}, 65535, 1100, nil},
		{"round_decimal too small", []string{"round_decimal", "-2"}, 65535, 1100, nil},
		{"empty round_decimal", []string{"round_decimal", ""}, 65535, 1100, nil},
		{"bad ignore_growing", []string{"ignore_growing", "x"}, 65535, 1100, nil},
		{"iterator", []string{"iterator", "True"}, 0, 0, all},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, raw := line(t, as23)
			checkSearch(t, raw, lineRequest(t, test.over...), answer{test.code23, test.ids})
			ids := test.ids
			if test.code23 != 0 && test.code24 == 0 {
				ids = all // Later releases take it.
			}
			_, raw = line(t, as24)
			checkSearch(t, raw, lineRequest(t, test.over...), answer{test.code24, ids})
		})
	}
}

func TestGroupByField(t *testing.T) {
	_, old := line(t, as23)
	checkSearch(t, old, lineRequest(t, "group_by_field", "k"), answer{0, []int64{1, 2, 3, 4, 5}})
	checkSearch(t, old, lineRequest(t, "group_by_field", "nope"), answer{0, []int64{1, 2, 3, 4, 5}})

	_, raw := line(t, as24)
	results := checkSearch(t, raw, lineRequest(t, "group_by_field", "k"), answer{0, []int64{1, 2, 5}})
	if got := results.GetGroupByFieldValue().GetScalars().GetIntData().GetData(); !slices.Equal(got, []int32{10, 20, 30}) {
		t.Errorf("values of the groups = %v, want 10, 20 and 30", got)
	}
	checkSearch(t, raw, lineRequest(t, "group_by_field", "k", "topk", "2"), answer{0, []int64{1, 2}})
	checkSearch(t, raw, lineRequest(t, "group_by_field", "k", "topk", "2", "offset", "1"), answer{0, []int64{2, 5}})
	checkSearch(t, raw, lineRequest(t, "group_by_field", "nope"), answer{code: 1700})
	checkSearch(t, raw, lineRequest(t, "group_by_field", "f"), answer{code: 65535})
	checkSearch(t, raw, lineRequest(t, "group_by_field", "k", "params", `{"radius": 9}`), answer{code: 1100})
	checkSearch(t, raw, lineRequest(t, "group_by_field", "k", "iterator", "true"), answer{code: 1100})
}

func TestUnknownParametersAreRefusedSince24(t *testing.T) {
	for _, over := range [][]string{{"foo", "x"}, {"group_size", "3"}, {"hints", "iterative_filter"}, {"params", `{"foo": 1}`}} {
		_, raw := line(t, as23)
		checkSearch(t, raw, lineRequest(t, over...), answer{0, []int64{1, 2, 3, 4, 5}})
		_, raw = line(t, as24)
		checkSearch(t, raw, lineRequest(t, over...), answer{code: 1100})
	}
}

func TestSearchWithoutHits(t *testing.T) {
	empty := func(raw milvuspb.MilvusServiceClient, offset string, outputs ...string) *schemapb.SearchResultData {
		req := lineRequest(t, "offset", offset)
		req.OutputFields = outputs
		if offset == "0" {
			req.Dsl = "k > 100"
		}
		results := checkSearch(t, raw, req, answer{})
		if got := results.GetTopks(); !slices.Equal(got, []int64{0}) {
			t.Errorf("topks = %v, want a zero", got)
		}
		return results
	}
	srv, raw := line(t, as23)
	if f := empty(raw, "0", "k").GetFieldsData(); len(f) != 1 || f[0].GetField() != nil || f[0].GetFieldName() != "k" {
		t.Errorf("field data as 2.3 = %v, want one without values", f)
	}
	if f := empty(raw, "0", "k", "vec").GetFieldsData(); f != nil {
		t.Errorf("field data with a vector as 2.3 = %v, want none", f)
	}
	if f := empty(raw, "10", "k").GetFieldsData(); len(f) != 1 || f[0].GetField() == nil {
		t.Errorf("field data behind the last hit as 2.3 = %v, want empty values", f)
	}
	// What a client of 2.3 sees: a result with an error.
	results, err := search(testContext(t), connect(t, srv), "line", entity.L2, 3, "k > 100", []string{"k"}, []float32{0, 0})
	must(t, err)
	if len(results) != 1 || results[0].Err == nil {
		t.Errorf("results of the SDK as 2.3 = %v, want one with an error", results)
	}

	srv, raw = line(t, as24)
	if f := empty(raw, "0", "k", "vec").GetFieldsData(); len(f) != 2 || f[0].GetField() == nil {
		t.Errorf("field data as 2.4 = %v, want empty values", f)
	}
	results, err = search(testContext(t), connect(t, srv), "line", entity.L2, 3, "k > 100", []string{"k"}, []float32{0, 0})
	must(t, err)
	if len(results) != 1 || results[0].Err != nil {
		t.Errorf("results of the SDK as 2.4 = %v, want one without an error", results)
	}
}

func TestSearchInACollectionThatNeverHadRows(t *testing.T) {
	srv := start(t, as23)
	c := connect(t, srv)
	must(t, c.CreateCollection(testContext(t), schemaOf("people"), 1))
	load(t, c, "people", entity.L2)
	req := searchRequest(t, []float32{1, 2, 3, 4})
	req.SearchParams = append(req.SearchParams, pairs("params", "{}")...)
	req.OutputFields = []string{"age"}
	reply, err := stub(t, srv).Search(testContext(t), req)
	must(t, err)
	if r := reply.GetResults(); r.GetIds() != nil || r.GetFieldsData() != nil || r.GetOutputFields() != nil || !slices.Equal(r.GetTopks(), []int64{0}) {
		t.Errorf("results = %v, want topks alone", r)
	}
}

func TestNumbersThatAreTooLargeAreNoHits(t *testing.T) {
	nan, inf := []byte{0, 0, 0xc0, 0x7f, 0, 0, 0, 0}, []byte{0, 0, 0x80, 0x7f, 0, 0, 0, 0}
	for _, vector := range [][]byte{nan, inf, entity.FloatVector{1e30, 0}.Serialize()} {
		req := lineRequest(t)
		req.PlaceholderGroup = placeholders(t, commonpb.PlaceholderType_FloatVector, vector)
		_, raw := line(t, as23)
		checkSearch(t, raw, req, answer{})
	}
	req := lineRequest(t)
	req.PlaceholderGroup = placeholders(t, commonpb.PlaceholderType_FloatVector, nan)
	_, raw := line(t, as24)
	checkSearch(t, raw, req, answer{code: 1100})
}

func TestOutputFieldsAsMilvus(t *testing.T) {
	for _, test := range []struct {
		name  string
		code  int32
		names []string // of the field data
		out   []string // of the reply
	}{
		{"k", 0, []string{"k"}, []string{"k"}},
		{" k ", 0, []string{"k"}, []string{"k"}},
		{"dn", 0, []string{"$meta"}, []string{"dn"}},
		{"zz", 0, []string{"$meta"}, []string{"zz"}},
		{"*", 0, []string{"id", "k", "f", "vec", "$meta"}, []string{"id", "k", "f", "vec", "$meta"}},
		{"", 65535, nil, nil},
		{"%", 65535, nil, nil},
		{"a b", 65535, nil, nil},
		{`dn["x"]`, 65535, nil, nil},
		{"and", 65535, nil, nil},
		{"true", 65535, nil, nil},
		{"count(k)", 65535, nil, nil},
	} {
		for _, cfg := range []milvustest.Config{as23, as24} {
			_, raw := line(t, cfg)
			req := lineRequest(t, "topk", "1")
			req.OutputFields = []string{test.name}
			reply, err := raw.Search(testContext(t), req)
			must(t, err)
			var names []string
			for _, f := range reply.GetResults().GetFieldsData() {
				names = append(names, f.GetFieldName())
			}
			if reply.GetStatus().GetCode() != test.code || !slices.Equal(names, test.names) || !slices.Equal(reply.GetResults().GetOutputFields(), test.out) {
				t.Errorf("%q as %s: %v, %v, %v, want code %d, %v, %v", test.name, cfg.Version, reply.GetStatus(), names,
					reply.GetResults().GetOutputFields(), test.code, test.names, test.out)
			}
		}
	}
}

// TestQueriesAsMilvus has what the real 2.3.5 answered.
func TestQueriesAsMilvus(t *testing.T) {
	for _, test := range []struct {
		name, expr string
		outputs    []string
		params     []string
		code23     int32
		code24     int32
		values     []int64 // of the last field: the count, or the ids
	}{
		{"count", "", []string{"count(*)"}, nil, 0, 0, []int64{5}},
		{"count with a filter", "k > 10", []string{" COUNT(*) "}, nil, 0, 0, []int64{3}},
		{"count with spaces", "", []string{"count( * )"}, nil, 65535, 65535, nil},
		{"count and a field", "k > 10", []string{"count(*)", "k"}, nil, 65535, 65535, nil},
		{"count twice", "k > 10", []string{"count(*)", "count(*)"}, nil, 65535, 65535, nil},
		{"count with a limit", "", []string{"count(*)"}, []string{"limit", "2"}, 65535, 1100, nil},
		{"count with an offset", "", []string{"count(*)"}, []string{"offset", "2"}, 0, 0, []int64{5}},
		{"everything", "", []string{"k"}, nil, 65535, 1100, nil},
		{"everything with a limit", "", []string{"k"}, []string{"limit", "2"}, 0, 0, []int64{1, 2}},
		{"no outputs", "id < 3", nil, nil, 0, 0, []int64{1, 2}},
		{"the key at the end", "id < 3", []string{"k"}, nil, 0, 0, []int64{1, 2}},
		{"limit 0", "id > 0", nil, []string{"limit", "0"}, 65535, 1100, nil},
		{"limit too large", "id > 0", nil, []string{"limit", "16385"}, 65535, 1100, nil},
		{"empty limit", "id > 0", nil, []string{"limit", ""}, 65535, 1100, nil},
		{"hexadecimal limit", "id > 0", nil, []string{"limit", "0x2"}, 0, 0, []int64{1, 2}},
		{"offset", "id > 0", nil, []string{"limit", "2", "offset", "0x2"}, 0, 0, []int64{3, 4}},
		{"negative offset", "id > 0", nil, []string{"limit", "2", "offset", "-1"}, 65535, 1100, nil},
		{"offset without limit", "id > 3", nil, []string{"offset", "x"}, 0, 0, []int64{4, 5}},
		{"bad reduce_stop_for_best", "id > 0", nil, []string{"reduce_stop_for_best", "x"}, 1100, 1100, nil},
		{"bad ignore_growing", "id > 0", nil, []string{"ignore_growing", "x"}, 65535, 1100, nil},
		{"iterator", "id > 0", nil, []string{"iterator", "true", "limit", "2", "reduce_stop_for_best", "true"}, 0, 0, []int64{1, 2}},
		{"unknown parameter", "id > 3", nil, []string{"foo", "x"}, 0, 1100, []int64{4, 5}},
		{"bad output before the missing limit", "", []string{"nope!"}, nil, 65535, 65535, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, cfg := range []milvustest.Config{as23, as24} {
				_, raw := line(t, cfg)
				reply, err := raw.Query(testContext(t), &milvuspb.QueryRequest{
					CollectionName: "line", Expr: test.expr, OutputFields: test.outputs, QueryParams: pairs(test.params...),
				})
				must(t, err)
				code, values := test.code23, test.values
				if cfg.Version == as24.Version {
					code = test.code24
				}
				if code != 0 {
					values = nil
				}
				var got []int64
				if n := len(reply.GetFieldsData()); n > 0 {
					got = reply.GetFieldsData()[n-1].GetScalars().GetLongData().GetData()
				}
				if reply.GetStatus().GetCode() != code || !slices.Equal(got, values) {
					t.Errorf("as %s: %v, %v, want code %d, %v", cfg.Version, reply.GetStatus(), got, code, values)
				}
			}
		})
	}
}

func TestReadsOfAPartitionThatIsNotThere(t *testing.T) {
	for _, test := range []struct {
		cfg  milvustest.Config
		name string
		code int32
	}{{as23, "nope", 65535}, {as23, "", 65535}, {as24, "nope", 200}, {as24, "", 1100}} {
		_, raw := line(t, test.cfg)
		reply, err := raw.Query(testContext(t), &milvuspb.QueryRequest{CollectionName: "line", Expr: "k > 1", PartitionNames: []string{test.name}})
		must(t, err)
		if got := reply.GetStatus().GetCode(); got != test.code {
			t.Errorf("Query of partition %q as %s = %v, want code %d", test.name, test.cfg.Version, reply.GetStatus(), test.code)
		}
		req := lineRequest(t)
		req.PartitionNames = []string{test.name}
		checkSearch(t, raw, req, answer{code: test.code})
	}
}
