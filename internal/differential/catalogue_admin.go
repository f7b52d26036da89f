// SPDX-License-Identifier: Apache-2.0

package differential

import (
	"slices"
	"strings"
)

func adminGroups() []Group {
	plain := []Request{{Do: "create", On: "c", Text: plainSchema}}
	return []Group{
		{"partitions: names", plain, partitionNames()},
		{"partitions", slices.Concat(plain, []Request{{Do: "index", On: "c", Field: "v", Metric: "L2"}}), partitionRequests()},
		{"alias", slices.Concat(ready("c", plainSchema, `{"id":1,"v":[1,0,0,0]} {"id":2,"v":[2,0,0,0]}`), []Request{{Do: "create", On: "other", Text: plainSchema}}), aliases()},
		{"alias: names", plain, aliasNames()},
		{"rename", []Request{{Do: "create", On: "c", Text: plainSchema}, {Do: "create", On: "other", Text: plainSchema}}, renames()},
		{"database", nil, databaseRequests()},
		{"users", nil, users()},
		{"alter collection", plain, alters()},
	}
}

func partitionNames() []Request {
	var all []Request
	for _, name := range names {
		all = append(all, Request{Kind: "partition name", Do: "partition!", On: "c", Name: name},
			Request{Kind: "partition name", Do: "hasPart", On: "c", Name: name}, Request{Kind: "partition name", Do: "dropPart", On: "c", Name: name})
	}
	return append(all, Request{Kind: "partition name", Do: "partitions", On: "c"})
}

func partitionRequests() []Request {
	const kind = "partition"
	do := func(do, on, name string) Request { return Request{Kind: kind, Do: do, On: on, Name: name} }
	return []Request{
		do("partition", "c", "p"), do("partition", "c", "p"), do("partition!", "c", "p"), do("partition!", "c", "P"), do("partition!", "nosuch", "p"), do("partition!", "", "p"), do("partition!", "c", "_default"),
		do("partitions", "c", ""), do("partitions", "nosuch", ""), do("partitions", "", ""), do("hasPart", "c", "p"), do("hasPart", "c", "nosuch"), do("hasPart", "nosuch", "p"), do("hasPart", "c", "_default"),
		do("dropPart", "c", "nosuch"), do("dropPart", "c", "_default"), do("dropPart", "nosuch", "p"), do("dropPart", "c", "p"), do("dropPart", "c", "p"),
		do("partition", "c", "q"), {Kind: kind, Do: "insert", On: "c", In: []string{"q"}, Text: `{"id":1,"v":[1,0,0,0]}`}, {Kind: kind, Do: "insert", On: "c", Text: `{"id":2,"v":[2,0,0,0]}`}, {Kind: kind, Do: "load", On: "c"}, do("dropPart", "c", "q"), do("partition", "c", "r"), {Kind: kind, Do: "query", On: "c", In: []string{"r"}, Filter: "id > 0", Out: []string{"id"}}, {Kind: kind, Do: "insert", On: "c", In: []string{"r"}, Text: `{"id":3,"v":[3,0,0,0]}`}, {Kind: kind, Do: "query", On: "c", In: []string{"r"}, Filter: "id > 0", Out: []string{"id"}}, {Kind: kind, Do: "query", On: "c", Filter: "id > 0", Out: []string{"id"}},
		{Kind: kind, Do: "query", On: "c", In: []string{"q", "r"}, Filter: "id > 0", Out: []string{"id"}}, {Kind: "partition: pattern", Do: "query", On: "c", In: []string{"q.*"}, Filter: "id > 0", Out: []string{"id"}}, {Kind: "partition: pattern", Do: "query", On: "c", In: []string{"*"}, Filter: "id > 0", Out: []string{"id"}}, {Kind: "partition: query several, one unknown", Do: "query", On: "c", In: []string{"q", "nosuch"}, Filter: "id > 0", Out: []string{"id"}},
		{Kind: kind, Do: "release", On: "c"}, do("dropPart", "c", "q"), {Kind: kind, Do: "load", On: "c"}, {Kind: kind, Do: "query", On: "c", Filter: "id > 0", Out: []string{"id"}}, {Kind: kind, Do: "query", On: "c", Out: []string{"count(*)"}}, {Kind: kind, Do: "raw!", Raw: partitionStats("c", "nosuch")}, {Kind: kind, Do: "raw!", Raw: partitionStats("nosuch", "r")},
	}
}

func aliases() []Request {
	const kind = "alias"
	do := func(do, on, name string) Request { return Request{Kind: kind, Do: do, On: on, Name: name} }
	query := func(on string) Request {
		return Request{Kind: kind, Do: "query", On: on, Filter: "id > 0", Out: []string{"id"}}
	}
	return []Request{
		do("alias", "c", "x"), do("alias", "c", "x"), do("alias", "other", "x"), do("alias", "nosuch", "y"), do("alias", "c", "c"), do("alias", "c", "other"), do("alias", "other", "c"), do("alias", "x", "y"),
		query("x"), {Kind: kind, Do: "search", On: "x", Field: "v", Metric: "L2", Limit: 2, Vectors: "[[1,0,0,0]]"}, {Kind: kind, Do: "insert", On: "x", Text: `{"id":3,"v":[3,0,0,0]}`}, {Kind: kind, Do: "upsert", On: "x", Text: `{"id":3,"v":[4,0,0,0]}`}, {Kind: kind, Do: "deleteIDs", On: "x", Text: "[1]"}, query("c"), {Kind: kind, Do: "query", On: "x", Out: []string{"count(*)"}}, do("has", "x", ""), do("describe", "x", ""), {Kind: kind, Do: "raw!", Raw: describeRaw("x")}, {Kind: kind, Do: "raw!", Raw: describeRaw("c")}, do("stats", "x", ""), do("state", "x", ""), do("partitions", "x", ""), do("partition", "x", "p"), do("partitions", "c", ""), {Kind: kind, Do: "indexes", On: "x", Field: "v"}, do("flush", "x", ""), do("load", "x", ""), do("list", "", ""), {Kind: kind, Do: "get", On: "x", Text: "[2]", Out: []string{"id"}},
		do("create!", "x", ""), {Kind: kind, Do: "create!", On: "x", Text: plainSchema}, do("rename", "x", "z"), do("rename", "c", "x"), do("drop", "x", ""), query("x"),
		do("alterAlias", "other", "x"), do("describe", "x", ""), query("x"), do("alterAlias", "c", "x"), query("x"), do("alterAlias", "nosuch", "x"), do("alterAlias", "c", "nosuch"), do("alterAlias", "c", "other"), do("alterAlias", "c", "c"),
		do("alias", "c", "y"), do("rename", "c", "d"), query("x"), query("d"), query("c"), do("rename", "d", "c"),
		{Kind: kind, Do: "raw!", Raw: describeAlias("x")}, {Kind: kind, Do: "raw!", Raw: describeAlias("nosuch")}, {Kind: kind, Do: "raw!", Raw: listAliases("c")}, {Kind: kind, Do: "raw!", Raw: listAliases("nosuch")},
		do("dropAlias", "", "y"), do("dropAlias", "", "y"), do("dropAlias", "", "nosuch"), do("dropAlias", "", "c"), do("dropAlias", "", ""), query("y"), do("drop", "c", ""), query("x"), do("dropAlias", "", "x"), do("drop", "c", ""), query("x"), do("has", "c", ""),
	}
}

func aliasNames() []Request {
	var all []Request
	for _, name := range names {
		all = append(all, Request{Kind: "alias name", Do: "alias", On: "c", Name: name}, Request{Kind: "alias name", Do: "dropAlias", Name: name})
	}
	return all
}

func renames() []Request {
	do := func(do, on, name string) Request { return Request{Kind: "rename", Do: do, On: on, Name: name} }
	all := []Request{
		do("rename", "c", "d"), do("has", "c", ""), do("has", "d", ""), do("describe", "d", ""), do("rename", "c", "e"), do("rename", "d", "other"), do("rename", "d", "d"), do("rename", "nosuch", "e"), do("rename", "", "e"),
	}
	for _, name := range []string{"", " ", "1a", "a-b", "a b", "имя", "_x", strings.Repeat("n", 256), "$a"} {
		all = append(all, do("rename", "d", name), do("rename", name, "d"))
	}
	return append(all, do("list", "", ""))
}

func databaseRequests() []Request {
	var all []Request
	do := func(do, name string) Request { return Request{Kind: "database", Do: do, Name: name} }
	for _, name := range []string{"cat_a", "", " ", "1a", "a-b", "a b", "a.b", "имя", "_cat", "default", "cat_" + strings.Repeat("n", 251), "cat_" + strings.Repeat("n", 252), "$a", "a$"} {
		all = append(all, do("createDB", name), do("dropDB", name))
	}
	return append(all, do("createDB", "cat_b"), do("createDB", "cat_b"), do("createDB", "CAT_b"), do("databases", ""), do("dropDB", "CAT_b"), do("dropDB", "cat_b"), do("dropDB", "cat_b"), do("dropDB", "nosuch"), do("databases", ""),
		Request{Kind: "database", Do: "raw!", Raw: describeDatabase("nosuch")}, Request{Kind: "database", Do: "raw!", Raw: describeDatabase("default")},
		Request{Kind: "database: unknown", Do: "raw!", Raw: hasIn("nosuch", "c")}, Request{Kind: "database: unknown", Do: "raw!", Raw: showIn("nosuch")}, Request{Kind: "database: unknown", Do: "raw!", Raw: queryIn("nosuch")}, Request{Kind: "database: unknown", Do: "raw!", Raw: describeIn("nosuch", "c")}, Request{Kind: "database: unknown", Do: "raw!", Raw: dropIn("nosuch", "c")}, Request{Kind: "database: unknown", Do: "raw!", Raw: loadStateIn("nosuch", "c")},
		Request{Kind: "database: unknown", Do: "raw!", Raw: hasIn("bad name", "c")}, Request{Kind: "database", Do: "raw!", Raw: hasIn("default", "c")})
}

func users() []Request {
	do := func(do, name, text string) Request { return Request{Kind: "users", Do: do, Name: name, Text: text} }
	return []Request{
		do("createUser", "alice", "secret1"), do("createUser", "alice", "secret1"), do("createUser", "", "secret1"), do("createUser", "1a", "secret1"), do("createUser", "a-b", "secret1"), do("createUser", "a b", "secret1"), do("createUser", strings.Repeat("n", 33), "secret1"), do("createUser", "bob", "short"), do("createUser", "bob", ""), do("createUser", "bob", strings.Repeat("p", 73)), do("createUser", "bob", strings.Repeat("p", 257)),
		do("users", "", ""), do("updateUser", "alice", "secret1 secret2"), do("updateUser", "alice", "wrong11 secret3"), do("updateUser", "nosuch", "secret1 secret2"), do("updateUser", "alice", "secret2 x"),
		do("createRole", "reader", ""), do("createRole", "reader", ""), do("createRole", "", ""), do("createRole", "1a", ""), do("createRole", "a-b", ""), do("createRole", "admin", ""), do("createRole", "public", ""),
		do("addRole", "alice", "reader"), do("addRole", "alice", "reader"), do("addRole", "alice", "nosuch"), do("addRole", "nosuch", "reader"), {Kind: "users", Do: "raw!", Raw: selectUser("alice")}, {Kind: "users", Do: "raw!", Raw: selectUser("nosuch")}, {Kind: "users", Do: "raw!", Raw: selectRole("reader")}, {Kind: "users", Do: "raw!", Raw: selectRole("nosuch")},
		{Kind: "users", Do: "raw!", Raw: grant("reader", "Collection", "*", "Search")}, {Kind: "users", Do: "raw!", Raw: grant("reader", "Collection", "*", "Search")}, {Kind: "users", Do: "raw!", Raw: grant("reader", "Collection", "*", "Nope")}, {Kind: "users", Do: "raw!", Raw: grant("reader", "Nope", "*", "Search")}, {Kind: "users", Do: "raw!", Raw: grant("nosuch", "Collection", "*", "Search")}, {Kind: "users", Do: "raw!", Raw: grant("reader", "Global", "*", "CreateCollection")}, {Kind: "users", Do: "raw!", Raw: selectGrant("reader")}, {Kind: "users", Do: "raw!", Raw: selectGrant("nosuch")},
		do("dropRole", "reader", ""), {Kind: "users", Do: "raw!", Raw: revoke("reader", "Collection", "*", "Search")}, {Kind: "users", Do: "raw!", Raw: revoke("reader", "Collection", "*", "Search")}, {Kind: "users", Do: "raw!", Raw: revoke("reader", "Global", "*", "CreateCollection")},
		do("removeRole", "alice", "reader"), do("removeRole", "alice", "nosuch"), do("dropRole", "reader", ""), do("dropRole", "reader", ""), do("dropRole", "admin", ""), do("dropRole", "public", ""), do("dropUser", "alice", ""), do("dropUser", "alice", ""), do("dropUser", "", ""), do("users", "", ""),
	}
}

func alters() []Request {
	alter := func(on string, pairs string) Request {
		return Request{Kind: "alter collection", Do: "raw!", Raw: alterRaw(on, pairs)}
	}
	return []Request{
		{Kind: "alter collection", Do: "alter", On: "c", Limit: 60}, {Kind: "alter collection", Do: "describe", On: "c"}, {Kind: "alter collection", Do: "alter", On: "nosuch", Limit: 60},
		alter("c", "collection.ttl.seconds=x"), alter("c", "collection.ttl.seconds=-1"), alter("c", "nosuch=1"), alter("c", ""), alter("c", "mmap.enabled=true"), alter("c", "collection.insertRate.max.mb=1"), alter("nosuch", "a=b"), alter("", "a=b"), {Kind: "alter collection", Do: "raw!", Raw: describeRaw("c")},
		{Kind: "other RPC", Do: "health"}, {Kind: "other RPC", Do: "compact", On: "c"}, {Kind: "other RPC", Do: "compact", On: "nosuch"}, {Kind: "other RPC", Do: "flush", On: "c"}, {Kind: "other RPC", Do: "flush", On: "nosuch"}, {Kind: "other RPC", Do: "flush", On: ""}, {Kind: "statistics", Do: "stats", On: "nosuch"}, {Kind: "statistics", Do: "stats", On: ""}, {Kind: "list", Do: "list"},
	}
}
