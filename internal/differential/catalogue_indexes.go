// SPDX-License-Identifier: Apache-2.0

package differential

import (
	"slices"
	"strings"
)

const indexSchema = "id int64 pk; k int64; i8 int8; d double; b bool; s varchar 32; j json; v vector 4"

// vectorIndexes are the parameters of indexes on a float vector.
var vectorIndexes = []string{
	"index_type=FLAT metric_type=L2", "index_type=FLAT metric_type=IP", "index_type=FLAT metric_type=COSINE", "index_type=FLAT", "metric_type=L2", "", "index_type= metric_type=L2", "index_type=FLAT metric_type=", "index_type=flat metric_type=L2", "index_type=FLAT metric_type=l2", "index_type=NOPE metric_type=L2", "index_type=FLAT metric_type=NOPE", "index_type=FLAT metric_type=HAMMING", "index_type=FLAT metric_type=JACCARD",
	"index_type=IVF_FLAT metric_type=L2 nlist=16", "index_type=IVF_FLAT metric_type=L2", "index_type=IVF_FLAT metric_type=L2 nlist=0", "index_type=IVF_FLAT metric_type=L2 nlist=-1", "index_type=IVF_FLAT metric_type=L2 nlist=65536", "index_type=IVF_FLAT metric_type=L2 nlist=65537", "index_type=IVF_FLAT metric_type=L2 nlist=x", "index_type=IVF_FLAT metric_type=L2 nlist=1.5", "index_type=IVF_FLAT metric_type=L2 nlist=",
	"index_type=IVF_SQ8 metric_type=L2 nlist=16", "index_type=IVF_SQ8 metric_type=L2", "index_type=IVF_PQ metric_type=L2 nlist=16 m=2", "index_type=IVF_PQ metric_type=L2 nlist=16 m=3", "index_type=IVF_PQ metric_type=L2 nlist=16", "index_type=IVF_PQ metric_type=L2 nlist=16 m=0", "index_type=IVF_PQ metric_type=L2 nlist=16 m=2 nbits=8", "index_type=IVF_PQ metric_type=L2 nlist=16 m=2 nbits=99", "index_type=IVF_PQ metric_type=L2 m=2",
	"index_type=HNSW metric_type=L2 M=8 efConstruction=32", "index_type=HNSW metric_type=COSINE M=8 efConstruction=32", "index_type=HNSW metric_type=L2", "index_type=HNSW metric_type=L2 M=8", "index_type=HNSW metric_type=L2 efConstruction=32", "index_type=HNSW metric_type=L2 M=1 efConstruction=32", "index_type=HNSW metric_type=L2 M=2 efConstruction=32", "index_type=HNSW metric_type=L2 M=2048 efConstruction=32", "index_type=HNSW metric_type=L2 M=2049 efConstruction=32", "index_type=HNSW metric_type=L2 M=10000 efConstruction=32", "index_type=HNSW metric_type=L2 M=8 efConstruction=0", "index_type=HNSW metric_type=L2 M=x efConstruction=32", "index_type=HNSW metric_type=L2 M=8 efConstruction=100000000",
	"index_type=DISKANN metric_type=L2", "index_type=SCANN metric_type=L2 nlist=16", "index_type=SCANN metric_type=L2 nlist=16 with_raw_data=true", "index_type=AUTOINDEX metric_type=L2", "index_type=AUTOINDEX", "index_type=BIN_FLAT metric_type=L2", "index_type=BIN_FLAT metric_type=HAMMING", "index_type=BIN_IVF_FLAT metric_type=HAMMING nlist=16", "index_type=SPARSE_INVERTED_INDEX metric_type=IP", "index_type=GPU_IVF_FLAT metric_type=L2 nlist=16", "index_type=ANNOY metric_type=L2 n_trees=8", "index_type=RHNSW_FLAT metric_type=L2 M=8 efConstruction=32", "index_type=STL_SORT metric_type=L2", "index_type=Trie metric_type=L2", "index_type=INVERTED metric_type=L2",
	"index_type=FLAT metric_type=L2 nosuch=1", "index_type=FLAT metric_type=L2 index_type=HNSW", "index_type=FLAT metric_type=L2 dim=8", "index_type=FLAT metric_type=L2 nlist=0", `params={"nlist":16} index_type=IVF_FLAT metric_type=L2`, `params={} index_type=FLAT metric_type=L2`, "params=x index_type=FLAT metric_type=L2",
}

// scalarIndexes are fields and parameters of indexes on scalars.
var scalarIndexes = [][2]string{
	{"k", ""}, {"k", "index_type=STL_SORT"}, {"k", "index_type=Trie"}, {"k", "index_type=marisa-trie"}, {"k", "index_type=INVERTED"}, {"k", "index_type=BITMAP"}, {"k", "index_type=FLAT metric_type=L2"}, {"k", "index_type=AUTOINDEX"}, {"k", "index_type=NOPE"}, {"k", "index_type=HNSW metric_type=L2 M=8 efConstruction=32"}, {"k", "metric_type=L2"}, {"k", "index_type="},
	{"s", ""}, {"s", "index_type=Trie"}, {"s", "index_type=marisa-trie"}, {"s", "index_type=STL_SORT"}, {"s", "index_type=INVERTED"}, {"s", "index_type=trie"}, {"d", ""}, {"d", "index_type=STL_SORT"}, {"d", "index_type=Trie"}, {"i8", ""}, {"i8", "index_type=STL_SORT"}, {"b", ""}, {"b", "index_type=STL_SORT"}, {"b", "index_type=Trie"}, {"b", "index_type=INVERTED"}, {"j", ""}, {"j", "index_type=STL_SORT"}, {"j", "index_type=INVERTED"}, {"id", ""}, {"id", "index_type=STL_SORT"}, {"nosuch", "index_type=STL_SORT"}, {"", "index_type=STL_SORT"}, {"K", "index_type=STL_SORT"}, {"$meta", "index_type=STL_SORT"},
}

func indexGroups() []Group {
	create := []Request{{Do: "create", On: "c", Text: indexSchema}}
	// Each is looked at, and dropped under the name that it has then.
	drop := func(field, name string) []Request {
		return []Request{{Kind: "raw describe index", Do: "indexes", On: "c", Field: field}, {Kind: cleanup, Do: "dropIndex", On: "c", Field: field, Name: name}}
	}
	of := func(kind string, params []string, field string) []Request {
		var all []Request
		for _, p := range params {
			all = append(all, Request{Kind: kind, Do: "index!", On: "c", Field: field, Name: "x", Params: p}, drop(field, "x")[1])
		}
		return all
	}
	var scalar []Request
	for _, x := range scalarIndexes {
		scalar = append(scalar, Request{Kind: "raw create index", Do: "index!", On: "c", Field: x[0], Name: "x", Params: x[1]})
		scalar = append(scalar, drop(x[0], "x")...)
	}
	var named []Request
	for _, name := range []string{"", " ", "a", "_a", "1a", "a-b", "a.b", "a b", "имя", "v", "_default_idx", strings.Repeat("n", 255), strings.Repeat("n", 256), "a/b", "a$b"} {
		named = append(named, Request{Kind: "index name", Do: "index!", On: "c", Field: "v", Name: name, Params: "index_type=FLAT metric_type=L2"})
		named = append(named, drop("v", name)...)
	}
	return []Group{
		{"index: vectors", create, of("raw create index", vectorIndexes, "v")},
		{"index: scalars", create, scalar},
		{"index: names", create, named},
		{"index: binary", []Request{{Do: "create", On: "c", Text: binarySchema}}, of("raw create index", []string{
			"index_type=BIN_FLAT metric_type=HAMMING", "index_type=BIN_FLAT metric_type=JACCARD", "index_type=BIN_FLAT metric_type=L2", "index_type=BIN_FLAT metric_type=SUBSTRUCTURE", "index_type=BIN_FLAT metric_type=SUPERSTRUCTURE", "index_type=BIN_IVF_FLAT metric_type=HAMMING nlist=16", "index_type=BIN_IVF_FLAT metric_type=HAMMING", "index_type=BIN_IVF_FLAT metric_type=SUBSTRUCTURE nlist=16", "index_type=FLAT metric_type=L2", "index_type=FLAT metric_type=HAMMING", "index_type=HNSW metric_type=HAMMING M=8 efConstruction=32", "index_type=BIN_FLAT", "index_type=AUTOINDEX metric_type=HAMMING",
		}, "v")},
		{"index: several", create, []Request{
			{Kind: "index", Do: "index!", On: "c", Field: "v", Params: "index_type=FLAT metric_type=L2"},
			{Kind: "index", Do: "index!", On: "c", Field: "v", Params: "index_type=FLAT metric_type=L2"},
			{Kind: "index", Do: "index!", On: "c", Field: "v", Params: "index_type=FLAT metric_type=IP"},
			{Kind: "index", Do: "index!", On: "c", Field: "v", Name: "other", Params: "index_type=FLAT metric_type=L2"},
			{Kind: "index", Do: "index!", On: "c", Field: "v", Name: "v", Params: "index_type=FLAT metric_type=L2"},
			{Kind: "index", Do: "index!", On: "c", Field: "k", Name: "v", Params: "index_type=STL_SORT"},
			{Kind: "index", Do: "index!", On: "c", Field: "k", Params: "index_type=STL_SORT"},
			{Kind: "index", Do: "index!", On: "nosuch", Field: "k", Params: "index_type=STL_SORT"},
			{Kind: "index", Do: "index!", On: "", Field: "k", Params: "index_type=STL_SORT"},
			{Kind: "index", Do: "indexes", On: "c", Field: "v"},
			{Kind: "index", Do: "indexes", On: "c", Field: "k"},
			{Kind: "index", Do: "indexes", On: "c", Field: "s"},
			{Kind: "index", Do: "indexes", On: "c", Field: "nosuch"},
			{Kind: "index", Do: "indexes", On: "nosuch", Field: "v"},
			{Kind: "index", Do: "load", On: "c"},
			{Kind: "index", Do: "dropIndex", On: "c", Field: "v"},
			{Kind: "index", Do: "dropIndex", On: "c", Field: "k"},
			{Kind: "index", Do: "index!", On: "c", Field: "s", Params: "index_type=Trie"},
			{Kind: "index", Do: "release", On: "c"},
			{Kind: "index", Do: "dropIndex", On: "c", Field: "nosuch"},
			{Kind: "index", Do: "dropIndex", On: "c", Field: "v"},
			{Kind: "index", Do: "dropIndex", On: "c", Field: "v"},
			{Kind: "index", Do: "dropIndex", On: "nosuch", Field: "v"},
			{Kind: "index", Do: "load", On: "c"},
		}},
		{"load", slices.Concat(ready("c", searchSchema, searchRows), []Request{{Do: "create", On: "bare", Text: searchSchema}, {Do: "insert", On: "bare", Text: searchRows}}), loads()},
		{"load: partitions", []Request{
			{Do: "create", On: "c", Text: searchSchema}, {Do: "partition", On: "c", In: []string{"p1", "p2"}}, {Do: "index", On: "c", Field: "v", Metric: "L2"},
			{Do: "insert", On: "c", In: []string{"p1"}, Text: `{"id":1,"k":1,"s":"a","f":1,"j":{},"v":[1,0,0,0]}`},
			{Do: "insert", On: "c", In: []string{"p2"}, Text: `{"id":2,"k":2,"s":"b","f":2,"j":{},"v":[2,0,0,0]}`},
		}, partlyLoaded()},
	}
}

func loads() []Request {
	search := one("not loaded", nil)
	query := Request{Kind: "not loaded", Do: "query", On: "c", Filter: "k > 0", Out: []string{"id"}}
	return []Request{
		{Kind: "load", Do: "load", On: "c"}, {Kind: "load", Do: "state", On: "c"}, {Kind: "load", Do: "progress", On: "c"},
		{Kind: "load", Do: "load", On: "nosuch"}, {Kind: "load", Do: "load", On: ""}, {Kind: "load", Do: "load", On: "a-b"}, {Kind: "load", Do: "load", On: "bare"},
		{Kind: "load", Do: "state", On: "nosuch"}, {Kind: "load", Do: "state", On: ""}, {Kind: "load", Do: "state", On: "bare"}, {Kind: "load", Do: "progress", On: "nosuch"}, {Kind: "load", Do: "progress", On: "bare"},
		{Kind: "load", Do: "load", On: "c", In: []string{"nosuch"}}, {Kind: "load", Do: "load", On: "c", In: []string{"_default"}}, {Kind: "load", Do: "load", On: "bare", In: []string{"_default"}}, {Kind: "load", Do: "state", On: "c", In: []string{"nosuch"}}, {Kind: "load", Do: "state", On: "c", In: []string{"_default"}},
		{Kind: "load", Do: "raw!", Raw: loadReplicas(2)}, {Kind: "load", Do: "raw!", Raw: loadReplicas(-1)}, {Kind: "load", Do: "raw!", Raw: loadReplicas(1)},
		{Kind: "load", Do: "release", On: "nosuch"}, {Kind: "load", Do: "release", On: ""}, {Kind: "load", Do: "release", On: "bare"}, {Kind: "load", Do: "release", On: "c", In: []string{"nosuch"}},
		{Kind: "load", Do: "release", On: "c"}, {Kind: "load", Do: "release", On: "c"}, {Kind: "load", Do: "state", On: "c"}, {Kind: "load", Do: "progress", On: "c"},
		search, query,
		{Kind: "not loaded", Do: "query", On: "c", Filter: "k ==", Out: []string{"id"}}, {Kind: "not loaded", Do: "query", On: "c", Filter: "nosuch == 1", Out: []string{"id"}},
		{Kind: "not loaded", Do: "query", On: "c", Filter: "k > 0", Out: []string{"nosuch"}}, {Kind: "not loaded", Do: "query", On: "c", Filter: "k > 0", Out: []string{"id"}, In: []string{"nosuch"}},
		one("not loaded", func(r *Request) { r.Field = "nosuch" }), one("not loaded", func(r *Request) { r.Vectors = "[[0,0]]" }), one("not loaded", func(r *Request) { r.Metric = "IP" }), one("not loaded", func(r *Request) { r.Limit = 0 }), one("not loaded", func(r *Request) { r.Filter = "k ==" }), one("not loaded", func(r *Request) { r.Out = []string{"nosuch"} }), one("not loaded", func(r *Request) { r.In = []string{"nosuch"} }),
		{Kind: "not loaded", Do: "get", On: "c", Text: "[1]", Out: []string{"k"}}, {Kind: "not loaded", Do: "delete", On: "c", Filter: "k == 1"}, {Kind: "not loaded", Do: "delete", On: "c", Filter: "id in [1]"}, {Kind: "not loaded", Do: "delete", On: "c", Filter: "id == 2"}, {Kind: "not loaded", Do: "delete", On: "c", Filter: "id > 9"}, {Kind: "not loaded", Do: "delete", On: "c", Filter: "k =="},
		{Kind: "not loaded", Do: "insert", On: "c", Text: `{"id":50,"k":1,"s":"a","f":1,"j":{},"v":[1,0,0,0]}`}, {Kind: "not loaded", Do: "upsert", On: "c", Text: `{"id":50,"k":2,"s":"a","f":1,"j":{},"v":[1,0,0,0]}`}, {Kind: "not loaded", Do: "query", On: "c", Out: []string{"count(*)"}},
		{Kind: "not loaded", Do: "query", On: "bare", Filter: "k > 0", Out: []string{"id"}}, one("not loaded", func(r *Request) { r.On = "bare" }),
		{Kind: "load", Do: "load", On: "c"}, query, {Kind: "load", Do: "rename", On: "c", Name: "d"}, {Kind: "load", Do: "state", On: "d"}, {Kind: "load", Do: "query", On: "d", Filter: "k > 0", Out: []string{"id"}}, {Kind: "load", Do: "drop", On: "d"}, {Kind: "load", Do: "state", On: "d"},
	}
}

func partlyLoaded() []Request {
	query := func(in ...string) Request {
		return Request{Kind: "partly loaded", Do: "query", On: "c", In: in, Filter: "id > 0", Out: []string{"id"}}
	}
	search := func(in ...string) Request { return one("partly loaded", func(r *Request) { r.In = in }) }
	state := func(in ...string) Request { return Request{Kind: "partly loaded", Do: "state", On: "c", In: in} }
	load := func(in ...string) Request { return Request{Kind: "partly loaded", Do: "load", On: "c", In: in} }
	release := func(in ...string) Request { return Request{Kind: "partly loaded", Do: "release", On: "c", In: in} }
	return []Request{
		query("p1"), load("p1"), state(), state("p1"), state("p2"), state("p1", "p2"), query("p1"), query("p2"), query(), query("p1", "p2"), query("_default"), search("p1"), search("p2"), search(), search("p1", "p2"), {Kind: "partly loaded", Do: "progress", On: "c", In: []string{"p1"}}, {Kind: "partly loaded", Do: "progress", On: "c", In: []string{"p2"}}, {Kind: "partly loaded", Do: "progress", On: "c"},
		{Kind: "partly loaded", Do: "dropPart", On: "c", Name: "p1"}, {Kind: "partly loaded", Do: "delete", On: "c", Filter: "k == 9"}, {Kind: "partly loaded", Do: "delete", On: "c", In: []string{"p2"}, Filter: "k == 9"}, {Kind: "partly loaded", Do: "query", On: "c", Out: []string{"count(*)"}}, {Kind: "partly loaded", Do: "query", On: "c", In: []string{"p1"}, Out: []string{"count(*)"}},
		load("p2"), query(), query("p1", "p2"), release("p1"), query("p1"), query("p2"), query(), state(), release("p1"), load(), query(), release("p2"), query(), query("_default"), release("p1", "_default"), state(), query("p1"), {Kind: "partly loaded", Do: "dropPart", On: "c", Name: "p2"}, {Kind: "partly loaded", Do: "partitions", On: "c"}, load("p1", "nosuch"), load("p1", "p1"), query("p1"), release(), state(), query("p1"), {Kind: "partly loaded", Do: "raw!", Raw: loadNoPartitions()}, {Kind: "partly loaded", Do: "raw!", Raw: releaseNoPartitions()},
	}
}
