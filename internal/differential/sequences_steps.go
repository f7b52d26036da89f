// SPDX-License-Identifier: Apache-2.0

package differential

import (
	"fmt"
	"strings"
)

func (g *generator) insert() {
	var rows []string
	for range 1 + g.IntN(6) {
		key := g.next
		if !g.auto && len(g.keys) > 0 && g.chance(12) {
			key = pick(g, g.keys...) // a key that exists
		} else {
			g.next++
		}
		rows = append(rows, g.row(key))
		if g.auto {
			g.made++
			key = g.made
		}
		g.keys = append(g.keys, key)
	}
	g.do(Request{Do: "insert", On: g.on(), In: g.into(), Text: strings.Join(rows, " ")})
}

func (g *generator) upsert() {
	if g.auto {
		g.count()
		return
	}
	var rows []string
	seen := map[int]bool{}
	for range 1 + g.IntN(3) {
		key := g.next
		if len(g.keys) > 0 && !g.chance(4) {
			key = pick(g, g.keys...)
		} else {
			g.next++
		}
		if !seen[key] {
			seen[key] = true
			rows = append(rows, g.row(key))
			g.keys = append(g.keys, key)
		}
	}
	g.do(Request{Do: "upsert", On: g.on(), In: g.into(), Text: strings.Join(rows, " ")})
}

func (g *generator) deleteIDs() {
	g.do(Request{Kind: "delete by ids", Do: "deleteIDs", On: g.on(), In: g.into(), Text: g.someKeys()})
}

func (g *generator) deleteFilter() {
	g.do(Request{Kind: "delete by expression", Do: "delete", On: g.on(), In: g.into(), Filter: g.filter(2)})
}

// outputs returns output fields, "id" among them.
func (g *generator) outputs() []string {
	if g.chance(6) {
		return []string{"*"}
	}
	out := []string{"id"}
	for _, name := range []string{"k", "i8", "f", "d", "b", "s", "j", "v"} {
		if g.chance(4) {
			out = append(out, name)
		}
	}
	if g.arrays && g.chance(2) {
		out = append(out, "a", "t")
	}
	if g.dynamic && g.chance(3) {
		out = append(out, pick(g, "dn", "ds", "$meta"))
	}
	return out
}

func (g *generator) query() {
	g.do(Request{Kind: "query filter", Do: "query", On: g.on(), In: g.in(), Filter: g.filter(2), Out: g.outputs()})
}

func (g *generator) queryWindow() {
	g.do(Request{Kind: "query limit/offset", Do: "query", On: g.on(), In: g.in(), Filter: g.filter(1), Out: g.outputs(), Limit: 1 + g.IntN(5), Offset: g.IntN(4)})
}

func (g *generator) count() {
	filter := ""
	if g.chance(2) {
		filter = g.filter(2)
	}
	g.do(Request{Kind: "count(*)", Do: "query", On: g.on(), In: g.in(), Filter: filter, Out: []string{"count(*)"}})
}

func (g *generator) get() {
	g.do(Request{Kind: "get by ids", Do: "get", On: g.on(), In: g.in(), Text: g.someKeys(), Out: g.outputs()})
}

// searching returns a search without a filter.
func (g *generator) searching(kind string) Request {
	r := Request{Kind: kind, Do: "search", On: g.on(), In: g.in(), Field: "v", Metric: g.metric, Limit: 1 + g.IntN(8), Vectors: g.target()}
	if !g.chance(3) {
		r.Out = g.outputs()
	}
	return r
}

func (g *generator) search() { g.do(g.searching("search")) }

func (g *generator) searchFilter() {
	r := g.searching("search with filter")
	r.Filter = g.filter(2)
	g.do(r)
}

func (g *generator) searchOffset() {
	r := g.searching("search offset")
	r.Offset = 1 + g.IntN(4)
	if g.chance(2) {
		r.Filter = g.filter(1)
	}
	g.do(r)
}

func (g *generator) searchMany() {
	r := g.searching("search nq>1")
	prefix := ""
	if g.binary {
		prefix = "binary:"
	}
	r.Vectors = prefix + "[" + g.vector() + "," + g.vector() + "," + g.vector() + "]"
	if g.chance(2) {
		r.Kind, r.Filter = "search with filter nq>1", g.filter(1)
	}
	g.do(r)
}

func (g *generator) rangeSearch() {
	r := g.searching("range search")
	radius, within := pick(g, "1", "2.5", "6", "100"), pick(g, "0.5", "0", "2")
	if g.metric == "IP" || g.metric == "COSINE" {
		radius, within = pick(g, "-0.5", "0", "0.5", "-8"), pick(g, "0.9", "4", "0.2")
	}
	r.Params = fmt.Sprintf(`{"radius":%s}`, radius)
	if g.chance(2) {
		r.Params = fmt.Sprintf(`{"radius":%s,"range_filter":%s}`, radius, within)
	}
	r.Limit = 100
	g.do(r)
}

func (g *generator) groupSearch() {
	r := g.searching("search group by")
	r.Params = fmt.Sprintf(`{"group_by":%q}`, pick(g, "k", "i32", "s", "b"))
	g.do(r)
}

// look asks about the collection.
func (g *generator) look() {
	r := pick(g,
		Request{Kind: "describe collection", Do: "describe"}, Request{Kind: "describe index", Do: "indexes", Field: "v"}, Request{Kind: "has collection", Do: "has"},
		Request{Kind: "load state", Do: "state"}, Request{Kind: "show partitions", Do: "partitions"})
	r.On = g.on()
	if r.Do == "indexes" {
		r.On = g.name // the SDK looks up the field of an alias otherwise
	}
	g.do(r)
}

func (g *generator) load() {
	g.do(Request{Do: "load", On: g.name})
	g.loaded = true
}

// reload releases the collection, tries it, and loads it again.
func (g *generator) reload() {
	g.do(Request{Do: "release", On: g.name})
	for range g.IntN(3) {
		pick(g, (*generator).query, (*generator).search, (*generator).get, (*generator).insert, (*generator).deleteIDs)(g)
	}
	g.load()
}

func (g *generator) rename() {
	g.renames++
	name := fmt.Sprintf("docs%d", g.renames)
	g.do(Request{Do: "rename", On: g.name, Name: name})
	g.name = name
}

func (g *generator) partition() {
	name := fmt.Sprintf("q%d", len(g.partitions))
	g.do(Request{Kind: "create partition", Do: "partition", On: g.name, Name: name})
	g.partitions = append(g.partitions, name)
}

func (g *generator) alias() {
	if len(g.aliases) > 0 && g.chance(2) {
		g.do(Request{Kind: "drop alias", Do: "dropAlias", Name: g.aliases[0]})
		g.aliases = g.aliases[1:]
		return
	}
	name := fmt.Sprintf("alias%d", len(g.requests))
	g.do(Request{Kind: "create alias", Do: "alias", On: g.name, Name: name})
	g.aliases = append(g.aliases, name)
}

// mistake sends a request that must fail.
func (g *generator) mistake() {
	ok := g.searching("")
	ok.In, ok.Filter = nil, ""
	with := func(kind string, change func(*Request)) Request {
		r := ok
		r.Kind = kind
		change(&r)
		return r
	}
	query := Request{Do: "query", On: g.name, Out: []string{"id"}}
	asked := func(kind string, change func(*Request)) Request {
		r := query
		r.Kind = kind
		change(&r)
		return r
	}
	unknown := "nosuch == 1"
	if g.dynamic {
		unknown = "k.x == 1"
	}
	g.do(pick(g,
		with("bad: other metric", func(r *Request) { r.Metric = pick(g, "L2", "IP", "COSINE", "NOPE"); r.Metric += pick(g, "x", "") }),
		with("bad: search wrong dim", func(r *Request) { r.Vectors = "[[1,2,3]]" }),
		with("bad: search unknown vector field", func(r *Request) { r.Field = "nosuch" }),
		with("bad: topk", func(r *Request) { r.Limit = pick(g, 0, -1, 16385) }),
		with("bad: search of no collection", func(r *Request) { r.On = "nosuch" }),
		with("bad: unknown partition", func(r *Request) { r.In = []string{"nosuch"} }),
		asked("bad: expression", func(r *Request) {
			r.Filter = pick(g, "k >", "k == ", "(k == 1", "k = 1", "== 3", "k in", "k == 1 k", "k & 1 == 1", "s like")
		}),
		asked("bad: unknown field in expression", func(r *Request) { r.Filter = unknown }),
		asked("bad: types in expression", func(r *Request) {
			r.Filter = pick(g, `k == "a"`, "s == 1", "b == 1", "k == 1.5", "k", "b", "j", "j == 1", "k in [1, \"a\"]", "v == 1", "s > true")
		}),
		asked("bad: query without filter and limit", func(*Request) {}),
		asked("bad: query of no collection", func(r *Request) { r.On, r.Filter = "nosuch", "k > 1" }),
		asked("bad: query of an unknown partition", func(r *Request) { r.In, r.Filter = []string{"nosuch"}, "k > 1" }),
		asked("bad: unknown output field", func(r *Request) { r.Filter = "k > 1"; r.Out = []string{pick(g, "nosuch", "K", "k2")} }),
		Request{Kind: "bad: drop index of loaded collection", Do: "dropIndex", On: g.name, Field: "v"},
		Request{Kind: "bad: delete empty expression", Do: "delete", On: g.name},
		Request{Kind: "bad: insert into unknown partition", Do: "insert", On: g.name, In: []string{"nosuch"}, Text: g.row(999)},
		Request{Kind: "bad: create duplicate, other schema", Do: "create", On: g.name, Text: "id int64 pk; w vector 8"},
		Request{Kind: "bad: drop loaded partition", Do: "dropPart", On: g.name, Name: "_default"},
		Request{Kind: "bad: second index", Do: "index", On: g.name, Field: "v", Metric: "L2", Name: "other", Params: "index_type=FLAT"},
	))
}
