// SPDX-License-Identifier: Apache-2.0

package differential

import (
	"slices"
	"strconv"
	"strings"
)

const writeSchema = "id int64 pk; k int64; i8 int8; f float; d double; b bool; s varchar 8; j json; v vector 2"

// written returns a row of writeSchema with changes: a key and its JSON, or a key alone to
// leave it out.
func written(id int, changes ...string) string {
	cells := [][2]string{{"id", strconv.Itoa(id)}, {"k", "1"}, {"i8", "1"}, {"f", "1"}, {"d", "1"}, {"b", "true"}, {"s", `"a"`}, {"j", "{}"}, {"v", "[1,0]"}}
	for _, change := range changes {
		key, value, has := strings.Cut(change, ":")
		cells = slices.DeleteFunc(cells, func(c [2]string) bool { return c[0] == key })
		if has {
			cells = append(cells, [2]string{key, value})
		}
	}
	parts := make([]string, len(cells))
	for i, c := range cells {
		parts[i] = strconv.Quote(c[0]) + ":" + c[1]
	}
	return "{" + strings.Join(parts, ",") + "}"
}

// rowChanges are the changes that a server should look at closely.
var rowChanges = []string{
	"k:2", "k", "nosuch:1", `v:["NaN",0]`, `v:["Inf",0]`, `v:["-Inf",0]`, "v:[1]", "v:[1,2,3]", "v:[]", "v:[1e38,1e38]", "v:[0,0]", "v",
	`s:""`, `s:"12345678"`, `s:"123456789"`, `s:"日本"`, `s:"日本語"`, `s:"a\u0000b"`, "s",
	`f:"NaN"`, `f:"Inf"`, `d:"NaN"`, `d:"-Inf"`, "f:1e39", "f:1e-50", "d:1e308", "f:0.1",
	"i8:127", "i8:128", "i8:-129", "i8:1000", "k:9223372036854775807", "k:-9223372036854775808",
	`j:{"a":1}`, "j:[1,2]", "j:1", `j:"x"`, "j:null", "j:true", `j:"raw:"`, `j:"raw:{"`, `j:"raw:{\"a\":1,\"a\":2}"`, `j:"raw: { \"b\" : 1.50 , \"a\":2} "`, `j:"raw:{'a':1}"`, `j:"raw:nope"`, `j:"raw:{\"a\":01}"`, `j:"raw:{\"a\":1e400}"`, `j:"raw:{}{}"`, "j", `j:{"n":9007199254740993}`, `j:{"":1}`, `j:{"$meta":1}`,
}

// look returns what the collection holds.
func look(kind string) []Request {
	return []Request{
		{Kind: kind, Do: "query", On: "c", Filter: "id >= -9223372036854775807", Out: []string{"*"}},
		{Kind: kind, Do: "query", On: "c", Out: []string{"count(*)"}},
	}
}

func inserts() []Request {
	var all []Request
	for i, change := range rowChanges {
		all = append(all, Request{Kind: "insert", Do: "insert!", On: "c", Text: written(100+i, change)})
	}
	for i, change := range []string{"nosuch:1", "k", "v:[1]", `s:"123456789"`, `v:["NaN",0]`} {
		all = append(all, Request{Kind: "insert", Do: "insert", On: "c", Text: written(200+i, change)})
	}
	return slices.Concat(all, []Request{
		{Kind: "insert", Do: "insert", On: "nosuch", Text: written(300)},
		{Kind: "insert", Do: "insert!", On: "c", In: []string{"nosuch"}, Text: written(301)},
		{Kind: "insert", Do: "insert!", On: "c", In: []string{"bad name"}, Text: written(302)},
		{Kind: "insert", Do: "insert!", On: "c", In: []string{"_default"}, Text: written(303)},
		{Kind: "insert", Do: "insert!", On: "c", Text: written(9223372036854775807)},
		{Kind: "insert", Do: "insert!", On: "c", Text: written(0)},
		{Kind: "insert", Do: "insert!", On: "c", Text: written(-1)},
		{Kind: "insert", Do: "insert!", On: "c", Text: written(304) + written(305)},
		{Kind: "insert", Do: "insert!", On: "c", Text: written(306) + written(307, "k")},
		{Kind: "insert", Do: "insert!", On: "c", Text: ""},
	}, look("after inserts"))
}

func duplicates() []Request {
	const kind = "insert of a key that exists"
	query := func(filter string) Request {
		return Request{Kind: kind, Do: "query", On: "c", Filter: filter, Out: []string{"id", "k"}}
	}
	count := Request{Kind: kind, Do: "query", On: "c", Out: []string{"count(*)"}}
	near := func(v string) Request {
		return Request{Kind: kind, Do: "search", On: "c", Field: "v", Metric: "L2", Limit: 3, Vectors: v, Out: []string{"k"}}
	}
	insert := func(do, rows string) Request { return Request{Kind: kind, Do: do, On: "c", Text: rows} }
	return []Request{
		insert("insert", written(1, "k:1", "v:[1,0]")), insert("insert", written(1, "k:111", "v:[0,9]")), insert("insert", written(2, "k:2", "v:[5,5]")),
		query("id == 1"), query("k == 1"), query("k == 111"), query("id in [1, 2]"), query("id > 0"), count, near("[[1,0]]"), near("[[0,9]]"), near("[[0,9],[1,0]]"),
		{Kind: kind, Do: "get", On: "c", Text: "[1]", Out: []string{"k", "v"}}, {Kind: kind, Do: "query", On: "c", Filter: "id > 0", Out: []string{"id"}, Limit: 1}, {Kind: kind, Do: "query", On: "c", Filter: "id > 0", Out: []string{"id"}, Limit: 2}, {Kind: kind, Do: "query", On: "c", Filter: "id > 0", Out: []string{"id"}, Limit: 2, Offset: 1}, {Kind: kind, Do: "query", On: "c", Filter: "k > 100", Out: []string{"count(*)"}},
		insert("insert", written(1, "k:1111", "v:[3,3]")), query("id == 1"), count, near("[[3,3]]"),
		insert("insert", written(3, "k:3", "v:[7,7]")+written(3, "k:33", "v:[8,8]")), query("id == 3"), query("k == 33"), query("k == 3"), count, near("[[7,7]]"), near("[[8,8]]"),
		insert("upsert", written(4, "k:4", "v:[6,0]")+written(4, "k:44", "v:[0,6]")), query("id == 4"), count, near("[[0,6]]"),
		insert("upsert", written(1, "k:7", "v:[4,4]")), query("id == 1"), count, near("[[4,4]]"), near("[[0,9]]"),
		{Kind: kind, Do: "delete!", On: "c", Filter: "id in [3]"}, query("id == 3"), count, near("[[8,8]]"),
		insert("insert", written(3, "k:333", "v:[8,8]")), query("id == 3"), count,
		insert("insert", written(2, "k:22", "v:[5,6]")), {Kind: kind, Do: "delete!", On: "c", Filter: "k == 22"}, query("id == 2"), count, near("[[5,5]]"),
		{Kind: kind, Do: "flush", On: "c"}, count, query("id > 0"), insert("insert", written(4, "k:444", "v:[9,9]")), query("k == 444"), count, near("[[9,9]]"), near("[[0,6]]"), {Kind: kind, Do: "stats", On: "c"},
	}
}

func moves() []Request {
	const kind = "partition move"
	row := func(k string) string { return written(30, "k:"+k, "v:[3,0]") }
	query := func(in ...string) Request {
		return Request{Kind: kind, Do: "query", On: "c", In: in, Filter: "id == 30", Out: []string{"k"}}
	}
	count := Request{Kind: kind, Do: "query", On: "c", Out: []string{"count(*)"}}
	return []Request{
		{Kind: kind, Do: "insert", On: "c", Text: row("300")}, {Kind: kind, Do: "upsert!", On: "c", In: []string{"p2"}, Text: row("301")}, query(), query("_default"), query("p2"), count,
		{Kind: kind, Do: "delete!", On: "c", In: []string{"p1"}, Filter: "id in [30]"}, count, {Kind: kind, Do: "delete!", On: "c", In: []string{"p2"}, Filter: "id in [30]"}, query(), count, {Kind: kind, Do: "upsert!", On: "c", In: []string{"p1"}, Text: row("302")}, query(), count, {Kind: kind, Do: "delete!", On: "c", Filter: "id in [30]"}, query(), count,
		{Kind: kind, Do: "upsert!", On: "c", In: []string{"nosuch"}, Text: row("303")}, {Kind: kind, Do: "upsert!", On: "nosuch", Text: row("303")}, {Kind: kind, Do: "upsert!", On: "c", Text: ""}, {Kind: kind, Do: "delete!", On: "c", In: []string{"nosuch"}, Filter: "id in [30]"},
	}
}

func deletes() []Request {
	const kind = "raw delete"
	all := made(Request{Kind: kind, Do: "delete!", On: "c"}, setFilter,
		"id in [1]", "id in [1]", "id in [77, 78]", "id in [2, 2]", "id == 3", "id != 999 and id == 4", "id in []", "", " ", "id", "id ==", "k == 5", "k in [6, 7]", "id not in [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]", "id > 11", "id in [8] and k == 8", "id in [9] or id in [10]", "nosuch == 1", "id in [1.5]", `id in ["1"]`, "true", "1 == 1", `s == "a" and id == 999`, `s like "nothing%"`, `j["n"] != 1 and id == 999`, "k + 1 == 999", "not (id < 1000)", "id IN [1]", "ID in [1]", "exists j[\"x\"]", "count(*) > 1", "id >= 9223372036854775807", "id in [-1]")
	return slices.Concat(all, []Request{
		{Kind: kind, Do: "delete!", On: "nosuch", Filter: "id in [1]"}, {Kind: kind, Do: "delete!", On: "", Filter: "id in [1]"}, {Kind: kind, Do: "delete!", On: "c", In: []string{"nosuch"}, Filter: "id in [1]"},
		{Kind: kind, Do: "deleteIDs", On: "c", Text: "[10]"}, {Kind: kind, Do: "deleteIDs", On: "c", Text: "[77]"}, {Kind: kind, Do: "deleteIDs", On: "nosuch", Text: "[1]"}, {Kind: kind, Do: "delete", On: "c", Filter: ""},
		{Kind: kind, Do: "delete!", On: "c", In: []string{"_default"}, Filter: "id in [9]"},
	}, look("after deletes"), []Request{{Kind: "statistics", Do: "stats", On: "c"}, {Kind: "after flush", Do: "flush", On: "c"}, {Kind: "after flush", Do: "stats", On: "c"}}, look("after flush"))
}

func autoIDs() []Request {
	const kind = "autoID"
	return []Request{
		{Kind: kind, Do: "insert", On: "c", Text: `{"k":1,"v":[1,0]} {"k":2,"v":[2,0]}`},
		{Kind: kind, Do: "query", On: "c", Filter: "k > 0", Out: []string{"k"}},
		{Kind: kind, Do: "get", On: "c", Text: `["auto1"]`, Out: []string{"k"}},
		{Kind: kind, Do: "upsert", On: "c", Text: `{"k":1,"v":[1,0]}`},
		{Kind: kind, Do: "upsert!", On: "c", Text: `{"id":5,"k":1,"v":[1,0]}`},
		{Kind: kind, Do: "insert!", On: "c", Text: `{"id":5,"k":1,"v":[1,0]}`},
		{Kind: kind, Do: "deleteIDs", On: "c", Text: `["auto2"]`},
		{Kind: kind, Do: "query", On: "c", Filter: "id > 0", Out: []string{"k"}},
		{Kind: kind, Do: "search", On: "c", Field: "v", Metric: "L2", Limit: 3, Vectors: "[[1,0]]", Out: []string{"k"}},
		{Kind: kind, Do: "query", On: "c", Out: []string{"count(*)"}},
	}
}

func partitionKeys() []Request {
	const kind = "partition key"
	rows := strings.Builder{}
	for i := range 40 {
		rows.WriteString(`{"id":` + strconv.Itoa(i) + `,"k":` + strconv.Itoa(i%10) + `,"v":[` + strconv.Itoa(i) + `,0]}`)
	}
	return []Request{
		{Kind: kind, Do: "partitions", On: "c"}, {Kind: kind, Do: "insert", On: "c", Text: rows.String()}, {Kind: kind, Do: "insert!", On: "c", In: []string{"_default"}, Text: `{"id":90,"k":1,"v":[1,0]}`}, {Kind: kind, Do: "insert!", On: "c", In: []string{"_default_0"}, Text: `{"id":91,"k":1,"v":[1,0]}`},
		{Kind: kind, Do: "query", On: "c", Filter: "k == 3", Out: []string{"id"}}, {Kind: kind, Do: "query", On: "c", Filter: "k in [1, 2]", Out: []string{"id"}}, {Kind: kind, Do: "query", On: "c", Filter: "id > 30", Out: []string{"id"}}, {Kind: kind, Do: "query", On: "c", Filter: "k == 3", In: []string{"_default_0"}, Out: []string{"id"}}, {Kind: kind, Do: "query", On: "c", Filter: "id > 0", In: []string{"_default_1"}, Out: []string{"id"}}, {Kind: kind, Do: "query", On: "c", Filter: "id > 0", In: []string{"_default"}, Out: []string{"id"}}, {Kind: kind, Do: "search", On: "c", Field: "v", Metric: "L2", Limit: 3, Vectors: "[[3,0]]", Filter: "k == 3", Out: []string{"k"}}, {Kind: kind, Do: "search", On: "c", Field: "v", Metric: "L2", Limit: 3, Vectors: "[[3,0]]", In: []string{"_default_0"}, Out: []string{"k"}},
		{Kind: kind, Do: "partition", On: "c", Name: "mine"}, {Kind: kind, Do: "dropPart", On: "c", Name: "_default_0"}, {Kind: kind, Do: "load", On: "c", In: []string{"_default_0"}}, {Kind: kind, Do: "release", On: "c", In: []string{"_default_0"}}, {Kind: kind, Do: "delete!", On: "c", Filter: "id in [1]"}, {Kind: kind, Do: "delete!", On: "c", In: []string{"_default_0"}, Filter: "id in [2]"}, {Kind: kind, Do: "delete!", On: "c", Filter: "k == 4"}, {Kind: kind, Do: "upsert!", On: "c", Text: `{"id":5,"k":9,"v":[5,0]}`}, {Kind: kind, Do: "upsert!", On: "c", In: []string{"_default_3"}, Text: `{"id":6,"k":9,"v":[6,0]}`}, {Kind: kind, Do: "query", On: "c", Filter: "id < 20", Out: []string{"id", "k"}}, {Kind: kind, Do: "query", On: "c", Out: []string{"count(*)"}}, {Kind: kind, Do: "describe", On: "c"}, {Kind: kind, Do: "raw!", Raw: partitionStats("c", "_default_0")},
	}
}

func loaded(schema string, partitions ...string) []Request {
	steps := []Request{{Do: "create", On: "c", Text: schema}}
	if len(partitions) > 0 {
		steps = append(steps, Request{Do: "partition", On: "c", In: partitions})
	}
	return append(steps, Request{Do: "index", On: "c", Field: "v", Metric: "L2"}, Request{Do: "load", On: "c"})
}

func writeGroups() []Group {
	var rows strings.Builder
	for i := range 12 {
		rows.WriteString(written(i+1, "k:"+strconv.Itoa(i+1)))
	}
	keyed := []Request{{Do: "create", On: "c", Text: "id int64 pk; k int64 pkey; v vector 2", Params: "partitions=4"}, {Do: "index", On: "c", Field: "v", Metric: "L2"}, {Do: "load", On: "c"}}
	return []Group{
		{"insert", loaded(writeSchema), inserts()},
		{"insert: a key that exists", loaded(writeSchema), duplicates()},
		{"upsert: partitions", loaded(writeSchema, "p1", "p2"), moves()},
		{"delete", slices.Concat(loaded(writeSchema), []Request{{Do: "insert", On: "c", Text: rows.String()}}), deletes()},
		{"autoID", loaded("id int64 pk auto; k int64; v vector 2"), autoIDs()},
		{"autoID: varchar", loaded("id varchar 32 pk auto; k int64; v vector 2"), autoIDs()[:6]},
		{"partition key", keyed, partitionKeys()},
		{"partition key: default", []Request{{Do: "create!", On: "c", Text: "id int64 pk; s varchar 16 pkey; v vector 2"}}, []Request{{Kind: "partition key", Do: "partitions", On: "c"}, {Kind: "partition key", Do: "describe", On: "c"}}},
		{"insert: dynamic", loaded("id int64 pk; v vector 2; dynamic"), dynamicInserts()},
		{"insert: arrays", loaded("id int64 pk; ai array int64 3; as array varchar 3 4; ab array bool 3; a8 array int8 3; v vector 2"), arrayInserts()},
		{"insert: varchar key", loaded("id varchar 4 pk; v vector 2"), []Request{
			{Kind: "insert: varchar key", Do: "insert!", On: "c", Text: `{"id":"b","v":[1,0]} {"id":"a","v":[2,0]} {"id":"B","v":[3,0]} {"id":"日","v":[4,0]} {"id":"","v":[5,0]} {"id":"1","v":[6,0]}`},
			{Kind: "insert: varchar key", Do: "insert!", On: "c", Text: `{"id":"abcde","v":[1,0]}`},
			{Kind: "insert: varchar key", Do: "query", On: "c", Filter: `id >= ""`, Out: []string{"id"}},
			{Kind: "insert: varchar key", Do: "query", On: "c", Filter: `id > "a"`, Out: []string{"id"}, Limit: 2},
			{Kind: "insert: varchar key", Do: "get", On: "c", Text: `["a","日"]`, Out: []string{"v"}},
			{Kind: "insert: varchar key", Do: "delete!", On: "c", Filter: `id in ["a", "zz"]`},
			{Kind: "insert: varchar key", Do: "deleteIDs", On: "c", Text: `["b"]`},
			{Kind: "insert: varchar key", Do: "delete!", On: "c", Filter: "id in [1]"},
			{Kind: "insert: varchar key", Do: "query", On: "c", Filter: `id like "%"`, Out: []string{"id"}},
			{Kind: "insert: varchar key", Do: "search", On: "c", Field: "v", Metric: "L2", Limit: 5, Vectors: "[[0,0]]", Out: []string{"id"}},
		}},
	}
}

func dynamicInserts() []Request {
	row := func(id int, rest string) Request {
		return Request{Kind: "insert: dynamic", Do: "insert!", On: "c", Text: `{"id":` + strconv.Itoa(id) + `,"v":[1,0]` + rest + `}`}
	}
	return slices.Concat([]Request{
		row(1, ""), row(2, `,"a":1`), row(3, `,"a b":1`), row(4, `,"":1`), row(5, `,"$meta":1`), row(6, `,"a":{"b":{"c":[1,2]}}`), row(7, `,"a":null`), row(8, `,"count(*)":1`), row(9, `,"ключ":"ж"`), row(10, `,"n":9007199254740993`),
		{Kind: "insert: dynamic", Do: "raw!", Raw: dynamicInsert(`{"k":1}`)}, {Kind: "insert: dynamic", Do: "raw!", Raw: dynamicInsert(`[1]`)}, {Kind: "insert: dynamic", Do: "raw!", Raw: dynamicInsert(`1`)}, {Kind: "insert: dynamic", Do: "raw!", Raw: dynamicInsert(`{`)}, {Kind: "insert: dynamic", Do: "raw!", Raw: dynamicInsert(``)}, {Kind: "insert: dynamic", Do: "raw!", Raw: dynamicInsert(`{"id":1}`)}, {Kind: "insert: dynamic", Do: "raw!", Raw: dynamicInsert(`{"$meta":{}}`)}, {Kind: "insert: dynamic", Do: "raw!", Raw: dynamicInsert(`null`)},
	}, look("insert: dynamic"))
}

func arrayInserts() []Request {
	row := func(id int, cells string) Request {
		return Request{Kind: "insert: arrays", Do: "insert!", On: "c", Text: `{"id":` + strconv.Itoa(id) + `,"v":[1,0],` + cells + `}`}
	}
	return slices.Concat([]Request{
		row(1, `"ai":[1],"as":["a"],"ab":[true],"a8":[1]`), row(2, `"ai":[],"as":[],"ab":[],"a8":[]`), row(3, `"ai":[1,2,3],"as":["a","b","c"],"ab":[],"a8":[]`), row(4, `"ai":[1,2,3,4],"as":[],"ab":[],"a8":[]`), row(5, `"ai":[],"as":["abcd"],"ab":[],"a8":[]`), row(6, `"ai":[],"as":["abcde"],"ab":[],"a8":[]`), row(7, `"ai":[],"as":[],"ab":[],"a8":[127,-128]`), row(8, `"ai":[],"as":[],"ab":[],"a8":[128]`), row(9, `"as":[],"ab":[],"a8":[]`), row(10, `"ai":[9223372036854775807],"as":["日"],"ab":[false,true],"a8":[]`),
	}, look("insert: arrays"))
}
