// SPDX-License-Identifier: Apache-2.0

package differential

import "slices"

const searchSchema = "id int64 pk; k int64; s varchar 32; f float; j json; v vector 4"

// searchRows have distances to [0,0,0,0] that are all different, but for two of them.
const searchRows = `
{"id":1,"k":1,"s":"a","f":0.5,"j":{"n":1},"v":[0.1,0,0,0]}
{"id":2,"k":2,"s":"b","f":1.5,"j":{"n":2},"v":[0,0.2,0,0]}
{"id":3,"k":3,"s":"c","f":2.5,"j":{"n":3},"v":[0,0,0.3,0]}
{"id":4,"k":1,"s":"d","f":3.5,"j":{},"v":[0,0,0,0.4]}
{"id":5,"k":2,"s":"e","f":4.5,"j":{"n":5},"v":[0.5,0,0,0]}
{"id":6,"k":3,"s":"f","f":5.5,"j":{"n":6},"v":[0,0.5,0,0]}
{"id":7,"k":1,"s":"g","f":6.5,"j":{"n":7},"v":[1,1,0,0]}
{"id":8,"k":2,"s":"h","f":7.5,"j":{"n":8},"v":[-1,1,2,0]}
{"id":9,"k":3,"s":"i","f":8.5,"j":{"n":9},"v":[3,-2,1,1]}
{"id":10,"k":1,"s":"j","f":9.5,"j":{"n":10},"v":[-4,0,0,5]}
`

const dynamicSearchRows = `
{"id":1,"k":1,"v":[0.1,0,0,0],"dn":{"x":1},"ds":"a"}
{"id":2,"k":2,"v":[0,0.2,0,0],"ds":"b"}
{"id":3,"k":3,"v":[0,0,0.3,0]}
`

// one is a search of three neighbours of one vector.
func one(kind string, change func(*Request)) Request {
	r := Request{Kind: kind, Do: "search", On: "c", Field: "v", Metric: "L2", Limit: 3, Vectors: "[[0,0,0,0]]", Out: []string{"k"}}
	if change != nil {
		change(&r)
	}
	return r
}

func setParams(r *Request, params string) { r.Params = params }
func setVectors(r *Request, v string)     { r.Vectors = v }
func setMetric(r *Request, m string)      { r.Metric = m }
func setField(r *Request, f string)       { r.Field = f }
func setOut(r *Request, name string)      { r.Out = []string{name} }
func setOn(r *Request, name string)       { r.On = name }
func setText(r *Request, text string)     { r.Text = text }

func searches() []Request {
	all := []Request{
		one("search", nil),
		one("search", func(r *Request) { r.Out = nil }),
		one("search", func(r *Request) { r.Filter = "k == 1" }),
		one("search", func(r *Request) { r.Filter = "k == 1"; r.Limit = 10 }),
		one("search: nothing found", func(r *Request) { r.Filter = "k > 100" }),
		one("search: nothing found", func(r *Request) { r.Filter = "k > 100"; r.Out = nil }),
		one("search: nothing found", func(r *Request) { r.Vectors = "[[0,0,0,0],[1,0,0,0]]"; r.Filter = "k > 100" }),
		one("search", func(r *Request) { r.Vectors = "[[0,0,0,0],[1,0,0,0],[-1,2,3,4]]" }),
		one("search: partition", func(r *Request) { r.In = []string{"_default"} }),
		one("search: partition", func(r *Request) { r.In = []string{"nosuch"} }),
		one("search: partition", func(r *Request) { r.In = []string{"_default", "nosuch"} }),
		one("search: partition", func(r *Request) { r.In = []string{""} }),
		one("search: partition", func(r *Request) { r.In = []string{"_default", "_default"} }),
		one("search: collection", func(r *Request) { r.On = "nosuch" }),
		one("search: collection", func(r *Request) { r.On = "" }),
		one("search: collection", func(r *Request) { r.On = "bad name" }),
		one("search: filter", func(r *Request) { r.Filter = "nosuch == 1" }),
		one("search: filter", func(r *Request) { r.Filter = "k ==" }),
		one("search: filter", func(r *Request) { r.Filter = "k" }),
		one("search: filter", func(r *Request) { r.Filter = "true" }),
		one("search: filter", func(r *Request) { r.Filter = `j["n"] != 1` }),
		one("search: filter", func(r *Request) { r.Filter = " " }),
	}
	for _, n := range []int{1, 10, 11, 100, 16384, 16385, 100000, 0, -1} {
		all = append(all, one("search: topk", func(r *Request) { r.Limit = n }))
	}
	for _, w := range [][2]int{{1, 3}, {9, 3}, {10, 3}, {100, 3}, {16381, 3}, {16382, 3}, {16384, 1}, {-1, 3}, {5, 16380}} {
		all = append(all, one("search: offset", func(r *Request) { r.Offset, r.Limit = w[0], w[1] }))
	}
	return slices.Concat(all,
		made(one("search: metric", nil), setMetric, "IP", "COSINE", "l2", "ip", "cosine", "", "NOPE", "HAMMING", "JACCARD", "L2 "),
		made(one("search: field", nil), setField, "", "nosuch", "k", "id", "V", "$meta"),
		made(one("search: dims", nil), setVectors, "[[0,0,0]]", "[[0,0,0,0,0]]", "[[]]", "[[0,0,0,0],[0,0,0]]", "[[0,0,0,0,0,0,0,0]]"),
		made(one("search: no vector", nil), setVectors, "[]"),
		made(one("search: values", nil), setVectors, `[["NaN",0,0,0]]`, `[["Inf",0,0,0]]`, `[["-Inf",0,0,0]]`, "[[1e30,0,0,0]]", "[[1e-40,0,0,0]]", "[[-0,0,0,0]]"),
		made(one("search: type of the vector", nil), setVectors, "binary:[[1,2]]", "float16:[[0,0,0,0]]", "bfloat16:[[0,0,0,0]]", "binary:[[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]]"),
		made(one("search: params", nil), setParams, `{"nprobe":10}`, `{"nprobe":0}`, `{"nprobe":"x"}`, `{"ef":1}`, `{"nosuch":1}`, `{"radius":null}`, `{"level":1}`, `{"search_list":1}`, `{"round_decimal":2}`),
		made(one("output fields", nil), setOut, "*", "%", "", "v", "id", "nosuch", "K", "k ", "$meta", "j", `j["n"]`, "count(*)", "s", "f"),
		made(one("group by", nil), setParams, `{"group_by":"k"}`, `{"group_by":"s"}`, `{"group_by":"nosuch"}`, `{"group_by":"v"}`, `{"group_by":"f"}`, `{"group_by":"id"}`, `{"group_by":"j"}`),
		[]Request{
			one("output fields", func(r *Request) { r.Out = []string{"k", "k"} }),
			one("output fields", func(r *Request) { r.Out = []string{"k", "v", "id", "s"} }),
			one("output fields", func(r *Request) { r.Out = []string{"*", "k"} }),
			one("output fields", func(r *Request) { r.Out = []string{"k", "nosuch"} }),
		},
	)
}

func ranges() []Request {
	return slices.Concat(
		made(one("range search", nil), setParams,
			`{"radius":1}`, `{"radius":0.1}`, `{"radius":0.25}`, `{"radius":100}`, `{"radius":0}`, `{"radius":-1}`, `{"radius":1,"range_filter":0.1}`, `{"radius":0.1,"range_filter":1}`, `{"radius":1,"range_filter":1}`, `{"range_filter":0.1}`, `{"radius":"1"}`, `{"radius":"x"}`, `{"radius":1,"range_filter":"x"}`, `{"radius":1,"range_filter":0.01}`, `{"radius":1e30}`, `{"radius":1,"range_filter":-1}`, `{"radius":true}`, `{"radius":[1]}`),
		[]Request{
			one("range search", func(r *Request) { r.Params = `{"radius":100}`; r.Limit = 100 }),
			one("range search", func(r *Request) { r.Params = `{"radius":100}`; r.Filter = "k == 1" }),
			one("range search", func(r *Request) { r.Params = `{"radius":100}`; r.Offset = 2 }),
			one("range search", func(r *Request) { r.Params = `{"radius":100}`; r.Vectors = "[[0,0,0,0],[1,1,0,0]]" }),
			one("range search", func(r *Request) { r.Params = `{"radius":0.0001}`; r.Vectors = "[[9,9,9,9]]" }),
		},
	)
}

func similar(metric string) []Request {
	return slices.Concat(
		made(one("range search "+metric, func(r *Request) { r.Metric = metric; r.Vectors = "[[1,2,0,0]]" }), setParams,
			`{}`, `{"radius":0.5}`, `{"radius":-0.5}`, `{"radius":0.5,"range_filter":0.9}`, `{"radius":0.9,"range_filter":0.5}`, `{"radius":0.5,"range_filter":0.5}`, `{"radius":2}`, `{"radius":0,"range_filter":0.8}`, `{"radius":-2,"range_filter":2}`),
		made(one("search "+metric, func(r *Request) { r.Metric = metric; r.Limit = 10 }), setVectors,
			"[[1,0,0,0]]", "[[0,0,0,0]]", "[[-1,-1,-1,-1]]", "[[1e-20,0,0,0]]", "[[100,0,0,0]]", "[[0.1,0.2,0.3,0.4],[4,3,2,1]]"),
	)
}

// bareQuery is a query over the stub.
func bareQueries() []Request {
	r := Request{Kind: "raw query params", Do: "query!", On: "c", Filter: "k > 0", Out: []string{"id"}}
	return slices.Concat(
		made(r, setParams, "limit=2", "limit=", "limit=x", "limit=0", "limit=-1", "limit=1.5", "limit=16384", "limit=16385", "limit=99999999999999999999", "limit=2 offset=1", "offset=1", "offset=-1 limit=2", "offset=x limit=2", "offset= limit=2", "limit=16384 offset=1", "limit=2 limit=3", "nosuch=1", "reduce_stop_for_best=x", "iterator=x", "iterator=True limit=2", "ignore_growing=x", "ignore_growing=true", "offset=9 limit=5", "offset=10 limit=5", "offset=11 limit=5", "offset=1000 limit=5", "=1", "Limit=2"),
		[]Request{
			{Kind: "raw query", Do: "query!", On: "c", Filter: "k > 0"},
			{Kind: "raw query", Do: "query!", On: "c", Out: []string{"id"}},
			{Kind: "raw query", Do: "query!", On: "c", Out: []string{"id"}, Params: "limit=3"},
			{Kind: "raw query", Do: "query!", On: "c", Filter: " ", Out: []string{"id"}, Params: "limit=3"},
			{Kind: "raw query", Do: "query!", On: "c", Filter: "id in [1, 1, 2]", Out: []string{"id"}},
			{Kind: "raw query", Do: "query!", On: "c", Filter: "id in [3, 1, 2]", Out: []string{"id"}},
			{Kind: "raw query", Do: "query!", On: "c", Filter: "id in [1]", Out: []string{"id", "v"}},
			{Kind: "raw query", Do: "query!", On: "c", Filter: "id in [1]", Out: []string{"v"}},
			{Kind: "raw query", Do: "query!", On: "c", Filter: "id in [1]", Out: []string{"*"}},
			{Kind: "raw query", Do: "query!", On: "c", Filter: "id in [1]", Out: []string{"%"}},
			{Kind: "raw query", Do: "query!", On: "c", Filter: "id in [1]", Out: []string{"j"}},
			{Kind: "raw query", Do: "query!", On: "c", Filter: "id in [99]", Out: []string{"k"}},
			{Kind: "raw query", Do: "query!", On: "c", Filter: "id in [99]", Out: []string{"v", "j"}},
			{Kind: "raw query", Do: "query!", On: "c", Filter: "id in [1]", Out: []string{"nosuch"}},
			{Kind: "raw query", Do: "query!", On: "c", Filter: "id in [1]", Out: []string{""}},
			{Kind: "raw query", Do: "query!", On: "c", Filter: "id in [1]", Out: []string{"s", "s"}},
			{Kind: "raw query", Do: "query!", On: "c", Filter: "id in [1]", Out: []string{"id"}, In: []string{"nosuch"}},
			{Kind: "raw query", Do: "query!", On: "c", Filter: "id in [1]", Out: []string{"id"}, In: []string{""}},
			{Kind: "count(*)", Do: "query!", On: "c", Filter: "k > 0", Out: []string{"count(*)"}},
			{Kind: "count(*)", Do: "query!", On: "c", Out: []string{"count(*)"}},
			{Kind: "count(*)", Do: "query!", On: "c", Filter: "k > 100", Out: []string{"count(*)"}},
			{Kind: "count(*)", Do: "query!", On: "c", Filter: "k > 0", Out: []string{"count(*)"}, Params: "limit=1"},
			{Kind: "count(*)", Do: "query!", On: "c", Filter: "k > 0", Out: []string{"count(*)"}, Params: "limit=1 offset=1"},
			{Kind: "count(*)", Do: "query!", On: "c", Filter: "k > 0", Out: []string{"count(*)", "id"}},
			{Kind: "count(*)", Do: "query!", On: "c", Filter: "k > 0", Out: []string{"id", "count(*)"}},
			{Kind: "count(*)", Do: "query!", On: "c", Filter: "k > 0", Out: []string{"COUNT(*)"}},
			{Kind: "count(*)", Do: "query!", On: "c", Filter: "k > 0", Out: []string{"Count(*)"}},
			{Kind: "count(*)", Do: "query!", On: "c", Filter: "k > 0", Out: []string{"count( * )"}},
			{Kind: "count(*)", Do: "query!", On: "c", Filter: "k > 0", Out: []string{"count(k)"}},
			{Kind: "count(*)", Do: "query!", On: "c", Filter: "k > 0", Out: []string{"count()"}},
			{Kind: "count(*)", Do: "query!", On: "c", Filter: "k > 0", Out: []string{"count"}},
			{Kind: "count(*)", Do: "query!", On: "c", Filter: "k > 0", Out: []string{"sum(k)"}},
		},
	)
}

func bareSearches() []Request {
	r := Request{Kind: "raw search", Do: "search!", On: "c", Vectors: "[[0,0,0,0]]", Out: []string{"k"}}
	return slices.Concat(
		made(r, setParams, "", "-params", "-topk", "-anns_field", "-metric_type", "-round_decimal", "params=", "params=x", "params=[]", "params=null", `params="x"`, "topk=", "topk=x", "topk=0", "topk=-1", "topk=2.5", "topk=16385", "topk=16384", "metric_type=", "metric_type=ip", "metric_type=l2", "metric_type=IP", "round_decimal=0", "round_decimal=1", "round_decimal=6", "round_decimal=7", "round_decimal=-2", "round_decimal=x", "round_decimal=", "offset=1", "offset=-1", "offset=x", "offset=", "ignore_growing=x", "ignore_growing=true", "group_by_field=k", "group_by_field=nosuch", "limit=1", "nosuch=1", "anns_field=", "anns_field=nosuch", "anns_field=k", `params={"round_decimal":1}`, `params={"metric_type":"IP"}`, `params={"ignore_growing":true}`, "-anns_field -topk -metric_type -params -round_decimal"),
		[]Request{
			{Kind: "raw search: nq", Do: "search!", On: "c", Vectors: "[[0,0,0,0]]", Offset: 1},
			{Kind: "raw search: nq", Do: "search!", On: "c", Vectors: "[[0,0,0,0]]", Offset: -1},
			{Kind: "raw search: nq", Do: "search!", On: "c", Vectors: "[[0,0,0,0]]", Offset: -2, Kills: true},
			{Kind: "raw search: nq", Do: "search!", On: "c", Vectors: "[[0,0,0,0],[1,0,0,0]]", Offset: -1},
			{Kind: "raw search: nq", Do: "search!", On: "c", Vectors: "[]"},
			{Kind: "raw search: nothing found", Do: "search!", On: "c", Vectors: "[[0,0,0,0]]", Filter: "k > 100", Out: []string{"k", "s"}},
			{Kind: "raw search: nothing found", Do: "search!", On: "c", Vectors: "[[0,0,0,0]]", Filter: "k > 100"},
		},
	)
}

func windows() []Request {
	var all []Request
	for _, w := range [][2]int{{0, 3}, {3, 3}, {8, 3}, {10, 3}, {0, 16384}, {0, 16385}, {1, 16384}, {16384, 1}, {0, -1}, {-1, 3}, {5, 0}, {1000, 1}} {
		all = append(all, Request{Kind: "query limit/offset", Do: "query", On: "c", Filter: "k > 0", Out: []string{"id"}, Offset: w[0], Limit: w[1]})
	}
	r := Request{Kind: "output fields", Do: "query", On: "c", Filter: "id in [1, 2]"}
	return slices.Concat(all, made(r, setOut, "*", "%", "", "v", "id", "nosuch", "k ", "K", "$meta", "j", `j["n"]`, "f", "count(*)", "RowID", "Timestamp", "row_id"),
		[]Request{
			{Kind: "output fields", Do: "query", On: "c", Filter: "id in [1, 2]"},
			{Kind: "output fields", Do: "query", On: "c", Filter: "id in [1, 2]", Out: []string{"k", "k"}},
			{Kind: "output fields", Do: "query", On: "c", Filter: "id in [1, 2]", Out: []string{"*", "nosuch"}},
			{Kind: "query: no filter", Do: "query", On: "c", Out: []string{"id"}},
			{Kind: "query: no filter", Do: "query", On: "c", Out: []string{"id"}, Limit: 3},
			{Kind: "query: no filter", Do: "query", On: "c", Out: []string{"id"}, Limit: 3, Offset: 8},
			{Kind: "query: nothing found", Do: "query", On: "c", Filter: "k > 100", Out: []string{"id", "s", "v", "j"}},
			{Kind: "query: partition", Do: "query", On: "c", Filter: "k > 0", Out: []string{"id"}, In: []string{"_default"}},
			{Kind: "query: partition", Do: "query", On: "c", Filter: "k > 0", Out: []string{"id"}, In: []string{"nosuch"}},
			{Kind: "query: partition", Do: "query", On: "c", Filter: "k > 0", Out: []string{"id"}, In: []string{"_default", "nosuch"}},
			{Kind: "query: collection", Do: "query", On: "nosuch", Filter: "k > 0", Out: []string{"id"}},
			{Kind: "query: collection", Do: "query", On: "", Filter: "k > 0", Out: []string{"id"}},
			{Kind: "query: collection", Do: "query", On: "a-b", Filter: "k > 0", Out: []string{"id"}},
			{Kind: "get by ids", Do: "get", On: "c", Text: "[1,2]", Out: []string{"k"}},
			{Kind: "get by ids", Do: "get", On: "c", Text: "[2,1,2]", Out: []string{"k"}},
			{Kind: "get by ids", Do: "get", On: "c", Text: "[99]", Out: []string{"k"}},
			{Kind: "get by ids", Do: "get", On: "c", Text: "[1]", Out: []string{"*"}},
			{Kind: "get by ids", Do: "get", On: "c", Text: "[1]", Out: []string{"nosuch"}},
			{Kind: "get by ids", Do: "get", On: "c", Text: "[1]", In: []string{"nosuch"}, Out: []string{"k"}},
			{Kind: "get by ids", Do: "get", On: "nosuch", Text: "[1]", Out: []string{"k"}},
			{Kind: "iterator", Do: "iterateQuery", On: "c", Filter: "k > 0", Limit: 3, Out: []string{"k"}},
			{Kind: "iterator", Do: "iterateQuery", On: "c", Filter: "", Limit: 4, Out: []string{"k"}},
			{Kind: "iterator", Do: "iterateQuery", On: "c", Filter: "k > 100", Limit: 4, Out: []string{"k"}},
			{Kind: "iterator", Do: "iterateQuery", On: "c", Filter: "nosuch > 1", Limit: 4, Out: []string{"k"}},
			{Kind: "iterator", Do: "iterateQuery", On: "nosuch", Filter: "", Limit: 4, Out: []string{"k"}},
		},
	)
}

func dynamicOutputs() []Request {
	q := Request{Kind: "output fields dyn", Do: "query", On: "c", Filter: "id > 0"}
	return slices.Concat(
		made(q, setOut, "*", "%", "", "dn", "ds", "nosuch", "$meta", `dn["x"]`, `$meta["ds"]`, "count(k)", "k", "v", "dn.x", "a b"),
		made(one("output fields dyn", nil), setOut, "*", "%", "", "dn", "ds", "nosuch", "$meta", `dn["x"]`, "count(*)", "k"),
		[]Request{
			{Kind: "output fields dyn", Do: "query", On: "c", Filter: "id > 0", Out: []string{"ds", "k", "nosuch"}},
			{Kind: "output fields dyn", Do: "query", On: "c", Filter: "id > 0", Out: []string{"*", "ds"}},
			one("output fields dyn", func(r *Request) { r.Out = []string{"ds", "k"} }),
			one("output fields dyn", func(r *Request) { r.Out = []string{"$meta", "ds"} }),
			one("output fields dyn", func(r *Request) { r.Out = []string{"ds"}; r.Filter = "k > 100" }),
		},
	)
}

// prepared is ready with another metric and another text of the vector field.
func prepared(metric, schema, rows string) []Request {
	steps := ready("c", schema, rows)
	steps[2].Metric = metric
	return steps
}

const binarySchema = "id int64 pk; k int64; v binary 16"

const binaryRows = `
{"id":1,"k":1,"v":[0,0]} {"id":2,"k":2,"v":[1,0]} {"id":3,"k":3,"v":[3,0]} {"id":4,"k":4,"v":[255,255]} {"id":5,"k":5,"v":[7,1]}
`

func binaries(metric string) []Request {
	r := one("binary vectors", func(r *Request) { r.Metric, r.Vectors, r.Limit = metric, "binary:[[0,0]]", 5 })
	return slices.Concat(
		made(r, setVectors, "binary:[[0,0]]", "binary:[[1,0]]", "binary:[[255,255]]", "binary:[[1,1],[7,0]]", "binary:[[1]]", "binary:[[1,2,3]]", "[[0,0,0,0]]"),
		made(r, setMetric, "HAMMING", "JACCARD", "L2", "SUBSTRUCTURE", "IP"),
		made(r, setParams, `{"radius":5}`, `{"radius":0.7}`, `{"radius":5,"range_filter":1}`, `{"radius":1,"range_filter":5}`),
		[]Request{
			{Kind: "binary vectors", Do: "query", On: "c", Filter: "id > 0", Out: []string{"v"}},
			one("binary vectors", func(r *Request) {
				r.Metric, r.Vectors, r.Limit, r.Out = metric, "binary:[[3,0]]", 3, []string{"v"}
			}),
		},
	)
}

// rangesOfNoRow ask for a range that is none, where there is no row to search and where
// there is one.
func rangesOfNoRow() []Request {
	const kind = "range search: no row"
	bad := Request{Kind: kind, Do: "search", On: "c", In: []string{"p1"}, Field: "v", Vectors: "[[1,0]]", Metric: "COSINE", Limit: 10, Params: `{"radius":0.5,"range_filter":0.2}`}
	everywhere, filtered := bad, bad
	everywhere.In, filtered.Filter = nil, "k == 99"
	return []Request{
		{Kind: kind, Do: "partition", On: "c", Name: "p1"}, bad, everywhere,
		{Kind: kind, Do: "insert", On: "c", In: []string{"p1"}, Text: `{"id":1,"k":1,"v":[1,0]}`}, bad, filtered,
		{Kind: kind, Do: "deleteIDs", On: "c", In: []string{"p1"}, Text: "[1]"}, bad, everywhere,
		{Kind: kind, Do: "release", On: "c"}, {Kind: kind, Do: "load", On: "c"}, bad, everywhere,
	}
}

func searchGroups() []Group {
	binary := func(metric string) []Request {
		steps := prepared(metric, binarySchema, binaryRows)
		steps[2].Params = "index_type=BIN_FLAT"
		return steps
	}
	return []Group{
		{"search", ready("c", searchSchema, searchRows), searches()},
		{"search: ranges", ready("c", searchSchema, searchRows), ranges()},
		{"search: ranges of no row", prepared("COSINE", "id int64 pk; k int64; v vector 2", `{"id":9,"k":1,"v":[1,0]}`), rangesOfNoRow()},
		{"search: IP", prepared("IP", searchSchema, searchRows), similar("IP")},
		{"search: COSINE", prepared("COSINE", searchSchema, searchRows), similar("COSINE")},
		{"search: raw", ready("c", searchSchema, searchRows), bareSearches()},
		{"query: raw", ready("c", searchSchema, searchRows), bareQueries()},
		{"query: windows", ready("c", searchSchema, searchRows), windows()},
		{"output fields: dynamic", ready("c", "id int64 pk; k int64; v vector 4; dynamic", dynamicSearchRows), dynamicOutputs()},
		{"search: HAMMING", binary("HAMMING"), binaries("HAMMING")},
		{"search: JACCARD", binary("JACCARD"), binaries("JACCARD")},
	}
}
