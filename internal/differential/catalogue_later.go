// SPDX-License-Identifier: Apache-2.0

package differential

import (
	"fmt"
	"slices"
)

// LaterVersion is the release that a milvustest is started as to answer [Later].
const LaterVersion = "v2.6.0"

// Later returns requests for what Milvus 2.3.5 lacks and later releases have, so that
// milvustest as a later release is compared with a server too. They are chosen so that
// each has one right answer; the catalogue of hostile requests is [Catalogue].
func Later() []Group {
	return slices.Concat(laterFilters(), hybridGroups(), laterSearches(), laterAdmin())
}

const laterRows = `{"id":1,"k":1,"s":"abc","j":{"a":1},"v":[1,0],"w":[0,0,3],"d":"x"} ` +
	`{"id":2,"k":1,"s":"ab","j":{"a":2},"v":[2,0],"w":[0,2,0],"d":1} ` +
	`{"id":3,"k":2,"s":"b%c","j":{"b":[1,2]},"v":[0,3],"w":[1,0,0]} ` +
	`{"id":4,"k":2,"s":"","j":{"a":"1"},"v":[0,5],"w":[4,4,4],"d":true} ` +
	`{"id":5,"k":3,"s":"ABC","j":{"a":null},"v":[-6,1],"w":[0,0,0.5]} ` +
	`{"id":6,"k":3,"s":"xabcx","j":{},"v":[7,7],"w":[2,0,0],"d":"x"}`

// laterReady are the requests that make a collection with two vector fields ready.
func laterReady(on, first, second string) []Request {
	return []Request{
		{Do: "create!", On: on, Text: "id int64 pk; k int64; s varchar 32; j json; v vector 2; w vector 3; dynamic"},
		{Do: "insert", On: on, Text: laterRows},
		{Do: "index", On: on, Field: "v", Metric: first},
		{Do: "index", On: on, Field: "w", Metric: second},
		{Do: "load", On: on},
	}
}

func laterFilters() []Group {
	filters := []string{
		"k == 1 AND s == \"ab\"", "k == 1 OR k == 3", "NOT (k == 1)", "k IN [1, 3]", "k NOT IN [1, 3]", "NOT k IN [2]", "s LIKE \"ab%\"", "k == 1 and (s == \"ab\" OR s == \"abc\")",
		`s like "%c"`, `s like "%b%"`, `s like "a%c"`, `s like "%"`, `s like "ab_"`, `s like "_b_"`, `s like "x%x"`, `s like "%%"`, `s like "A%"`, `s like "b\\%c"`, `d like "%x"`, `j["a"] like "%1"`,
		"id in []", "id not in []", "s in []", "k in [] or id == 1",
		"array_length(j[\"b\"]) == 2", "j[\"a\"] == 1", "j[\"a\"] in [1, 2]", "exists j[\"a\"]", "exists j[\"b\"][0]", "exists d", "json_contains(j[\"b\"], 2)", "json_contains_all(j[\"b\"], [1, 2])", "json_contains_any(j[\"b\"], [2, 3])",
		"k + 1 == 2", "k * 2 > 3", "k - 1 < 1", "k % 2 == 1", "1 < k <= 3", "2 >= k", "k == 1 ||", "k ===1", "nosuch == 1 and", "s == 1", "k == \"a\"", "k like \"a%\"", "v == 1",
	}
	return []Group{{"later: filters", laterReady("c", "L2", "L2"), queries("later: filter", "c", filters...)}}
}

func hybridGroups() []Group {
	r := Request{Kind: "hybrid search", Do: "hybrid", On: "c", Out: []string{"k"}, Limit: 6, Params: "rrf 60"}
	var all []Request
	for _, ranker := range []string{"rrf 60", "rrf 1", "weighted 0.5 0.5", "weighted 0.9 0.1", "weighted 0 1", "normalized 0.5 0.5", "normalized 0.9 0.1", "normalized 0 1"} {
		for _, vectors := range []string{`{"v":[[1,0]],"w":[[0,0,1]]}`, `{"v":[[0,4]],"w":[[4,4,3]]}`} {
			x := r
			x.Params, x.Vectors = ranker, vectors
			all = append(all, x)
		}
	}
	with := func(change func(*Request)) {
		x := r
		x.Vectors = `{"v":[[1,0]],"w":[[0,0,1]]}`
		change(&x)
		all = append(all, x)
	}
	with(func(r *Request) { r.Limit = 2 })
	with(func(r *Request) { r.Filter = "k < 3" })
	with(func(r *Request) { r.Filter = "k > 100" })
	with(func(r *Request) { r.Out = []string{"id", "s", "d"} })
	with(func(r *Request) { r.Vectors = `{"v":[[1,0]]}` })
	with(func(r *Request) { r.Vectors = `{"v":[[1,0]],"v#2":[[0,5]]}` })
	with(func(r *Request) { r.Vectors = `{"v":[[1,0,0]],"w":[[0,0,1]]}` })
	with(func(r *Request) { r.Vectors = `{"v":[[1,0]],"nosuch":[[0,0,1]]}` })
	with(func(r *Request) { r.Params = "weighted 0.5" })
	with(func(r *Request) { r.Params = "weighted 1.5 0.5" })
	with(func(r *Request) { r.Params = "nosuch" })
	with(func(r *Request) { r.Filter = "k <" })
	with(func(r *Request) { r.On = "nosuch" })
	var groups []Group
	for _, metrics := range [][2]string{{"L2", "L2"}, {"IP", "COSINE"}, {"COSINE", "IP"}, {"L2", "IP"}} {
		these := slices.Clone(all)
		for i := range these {
			these[i].Metric = metrics[0] + " " + metrics[1]
		}
		groups = append(groups, Group{"later: hybrid " + metrics[0] + " " + metrics[1], laterReady("c", metrics[0], metrics[1]), these})
	}
	return groups
}

func laterSearches() []Group {
	r := Request{Kind: "search, two vector fields", Do: "search", On: "c", Out: []string{"k"}, Field: "w", Vectors: "[[0,0,1]]", Metric: "L2", Limit: 6}
	two := made(r, setFilter, "", "k == 2", "s like \"%b%\"", "k > 100")
	r.Kind = "later: group by"
	for _, by := range []string{"k", "s", "id", "nosuch", "v"} {
		for _, limit := range []int{1, 2, 6} {
			x := r
			x.Field, x.Vectors, x.Limit, x.Params = "v", "[[1,1]]", limit, fmt.Sprintf(`{"group_by":%q}`, by)
			x.Out = []string{"k", "s"}
			two = append(two, x)
		}
	}
	sparse := []Request{
		{Do: "create!", On: "sp", Text: "id int64 pk; k int64; v sparse"},
		{Do: "insert", On: "sp", Text: `{"id":1,"k":1,"v":{"1":1,"2":0.5}} {"id":2,"k":1,"v":{"2":2}} {"id":3,"k":2,"v":{"1":0.25,"100000":3}} {"id":4,"k":2,"v":{"7":1}}`},
		{Do: "index!", On: "sp", Field: "v", Params: "index_type=SPARSE_INVERTED_INDEX metric_type=IP"},
		{Do: "load", On: "sp"},
	}
	s := Request{Kind: "sparse vectors", Do: "search", On: "sp", Out: []string{"k"}, Field: "v", Metric: "IP", Limit: 4}
	searches := made(s, func(r *Request, v string) { r.Vectors = v }, `sparse:[{"1":1}]`, `sparse:[{"2":1}]`, `sparse:[{"1":1,"2":1}]`, `sparse:[{"100000":2}]`, `sparse:[{"9":1}]`, `sparse:[{"1":1},{"7":2}]`, `[[1,2]]`)
	s.Vectors = `sparse:[{"1":1,"2":1}]`
	searches = append(searches, made(s, setFilter, "k == 2", "k > 100")...)
	s.Kind, s.Metric = "sparse vectors: metric", "L2"
	searches = append(searches, s)
	return []Group{
		{"later: searches", laterReady("c", "L2", "L2"), two},
		{"later: sparse", sparse, append(searches, queries("sparse vectors", "sp", "k == 1", "v == 1")...)},
	}
}

func laterAdmin() []Group {
	return []Group{
		{"later: databases", nil, []Request{
			{Kind: "later: database", Do: "createDB", Name: "later_b"}, {Kind: "later: database", Do: "createDB", Name: "later_b"},
			{Kind: "later: database", Do: "raw!", Raw: hasIn("later_b", "c")}, {Kind: "later: database", Do: "raw!", Raw: showIn("later_b")},
			{Kind: "later: database", Do: "dropDB", Name: "later_b"}, {Kind: "later: database", Do: "raw!", Raw: showIn("later_b")},
			{Kind: "later: database", Do: "raw!", Raw: describeDatabase("default")}, {Kind: "later: database", Do: "raw!", Raw: describeDatabase("nosuch")},
		}},
		{"later: aliases", laterReady("c", "L2", "L2"), []Request{
			{Kind: "later: alias", Do: "alias", On: "c", Name: "other"},
			{Kind: "later: alias", Do: "query", On: "other", Filter: "id < 3", Out: []string{"id", "k"}},
			{Kind: "later: alias", Do: "search", On: "other", Field: "v", Vectors: "[[1,0]]", Metric: "L2", Limit: 2, Out: []string{"k"}},
			{Kind: "later: alias", Do: "alias", On: "c", Name: "other"}, {Kind: "later: alias", Do: "alias", On: "nosuch", Name: "third"},
			{Kind: "later: alias", Do: "hybrid", On: "other", Limit: 3, Out: []string{"k"}, Metric: "L2 L2", Params: "rrf 60", Vectors: `{"v":[[1,0]],"w":[[0,0,1]]}`},
			{Kind: "later: alias", Do: "dropAlias", Name: "other"}, {Kind: "later: alias", Do: "query", On: "other", Filter: "id < 3", Out: []string{"id"}},
		}},
	}
}
