// SPDX-License-Identifier: Apache-2.0

package differential

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// steps is about how many operations a sequence has.
const steps = 48

// Sequences returns n generated sequences, each as a group. The seed alone decides a
// sequence, and its level: 1 has one collection, writes, filters and errors; 2 adds
// partitions, keys made by the server, deletes by filter and renames; 3 adds arithmetic,
// json_contains, exists and forms of like; 4 adds arrays, aliases, range search, groups and
// binary vectors.
func Sequences(first uint64, n int) []Group {
	groups := make([]Group, n)
	for i := range groups {
		groups[i] = sequence(first + uint64(i))
	}
	return groups
}

func sequence(seed uint64) Group {
	g := &generator{Rand: rand.New(rand.NewPCG(seed, 20261126)), level: int(seed%4) + 1}
	g.begin()
	for len(g.requests) < steps {
		g.step()
	}
	return Group{Name: fmt.Sprintf("sequence %d, level %d", seed, g.level), Requests: g.requests}
}

// generator makes the requests of one sequence. It knows about what the collection should
// hold, so that requests meet something; it need not be right.
type generator struct {
	*rand.Rand
	level    int
	requests []Request

	name       string // of the collection
	auto       bool   // whether the server makes the keys
	text       bool   // whether the keys are texts
	dynamic    bool
	binary     bool
	arrays     bool
	metric     string
	dim        int
	next       int   // next key
	keys       []int // keys that may be there; of keys that the server makes, their ordinals
	made       int   // how many keys the server has made
	partitions []string
	aliases    []string
	loaded     bool
	renames    int
}

func (g *generator) do(r Request) { g.requests = append(g.requests, r) }

// pick returns one of the values.
func pick[T any](g *generator, values ...T) T { return values[g.IntN(len(values))] }

// chance is true in one of n calls.
func (g *generator) chance(n int) bool { return g.IntN(n) == 0 }

// begin makes a collection that is ready.
func (g *generator) begin() {
	g.name, g.dim, g.next = "docs", pick(g, 2, 4), 1
	g.metric = pick(g, "L2", "IP", "COSINE")
	g.auto = g.level >= 2 && g.chance(4)
	g.text = g.chance(4)
	g.dynamic = g.chance(2)
	g.arrays = g.level >= 4 && g.chance(2)
	g.binary = g.level >= 4 && g.chance(5)
	fields := []string{"id int64 pk"}
	if g.text {
		fields[0] = "id varchar 32 pk"
	}
	if g.auto {
		fields[0] += " auto"
	}
	fields = append(fields, "k int64", "i8 int8", "i32 int32", "f float", "d double", "b bool", "s varchar 32", "j json")
	if g.arrays {
		fields = append(fields, "a array int64 8", "t array varchar 8 16")
	}
	if g.binary {
		g.metric, g.dim = pick(g, "HAMMING", "JACCARD"), 16
		fields = append(fields, "v binary 16")
	} else {
		fields = append(fields, fmt.Sprintf("v vector %d", g.dim))
	}
	if g.dynamic {
		fields = append(fields, "dynamic")
	}
	g.do(Request{Kind: "create collection", Do: "create", On: g.name, Text: strings.Join(fields, "; ")})
	if g.level >= 2 {
		for _, p := range []string{"p1", "p2"}[:g.IntN(3)] {
			g.do(Request{Kind: "create partition", Do: "partition", On: g.name, Name: p})
			g.partitions = append(g.partitions, p)
		}
	}
	g.insert()
	index := Request{Kind: "create index", Do: "index", On: g.name, Field: "v", Metric: g.metric}
	if g.binary {
		index.Params = "index_type=BIN_FLAT"
	}
	g.do(index)
	g.load()
	g.insert()
}

// weighted is a kind of step and how often it comes.
type weighted struct {
	weight int
	level  int // least level
	step   func(*generator)
}

var choices = []weighted{
	{8, 1, (*generator).insert}, {3, 1, (*generator).upsert}, {4, 1, (*generator).deleteIDs}, {3, 2, (*generator).deleteFilter},
	{14, 1, (*generator).query}, {6, 1, (*generator).queryWindow}, {5, 1, (*generator).count}, {4, 1, (*generator).get},
	{10, 1, (*generator).search}, {6, 1, (*generator).searchFilter}, {3, 1, (*generator).searchOffset}, {3, 1, (*generator).searchMany},
	{9, 1, (*generator).mistake}, {4, 1, (*generator).look}, {1, 1, (*generator).reload}, {1, 2, (*generator).rename}, {1, 2, (*generator).partition},
	{1, 4, (*generator).alias}, {4, 4, (*generator).rangeSearch}, {2, 4, (*generator).groupSearch},
}

func (g *generator) step() {
	sum := 0
	for _, m := range choices {
		if m.level <= g.level {
			sum += m.weight
		}
	}
	at := g.IntN(sum)
	for _, m := range choices {
		if m.level > g.level {
			continue
		}
		if at -= m.weight; at < 0 {
			m.step(g)
			return
		}
	}
}

// on returns the name of the collection, or an alias of it.
func (g *generator) on() string {
	if len(g.aliases) > 0 && g.chance(3) {
		return pick(g, g.aliases...)
	}
	return g.name
}

// in returns no partition, or some.
func (g *generator) in() []string {
	if len(g.partitions) == 0 || !g.chance(4) {
		return nil
	}
	if g.chance(3) {
		return []string{"_default", pick(g, g.partitions...)}
	}
	return []string{pick(g, g.partitions...)}
}

// into returns no partition or one, for a write.
func (g *generator) into() []string {
	if len(g.partitions) == 0 || g.chance(2) {
		return nil
	}
	return []string{pick(g, g.partitions...)}
}

func (g *generator) key(n int) string {
	switch {
	case g.auto:
		return fmt.Sprintf(`"auto%d"`, n)
	case g.text:
		return fmt.Sprintf(`"k%02d"`, n)
	default:
		return fmt.Sprint(n)
	}
}

// someKeys returns keys as JSON: most are there.
func (g *generator) someKeys() string {
	var keys []string
	for range 1 + g.IntN(3) {
		switch {
		case len(g.keys) > 0 && !g.chance(6):
			keys = append(keys, g.key(pick(g, g.keys...)))
		case !g.auto:
			keys = append(keys, g.key(900+g.IntN(9)))
		}
	}
	if len(keys) == 0 {
		keys = append(keys, g.key(1))
	}
	return "[" + strings.Join(keys, ",") + "]"
}

func (g *generator) vector() string {
	xs := make([]string, g.dim)
	for i := range xs {
		xs[i] = fmt.Sprint(float64(g.IntN(17)-8) / 4)
	}
	if g.binary {
		return fmt.Sprintf("[%d,%d]", 1+g.IntN(255), g.IntN(256))
	}
	xs[g.IntN(g.dim)] = fmt.Sprint(1 + g.IntN(4)) // no zero vector
	return "[" + strings.Join(xs, ",") + "]"
}

func (g *generator) target() string {
	if g.binary {
		return "binary:[" + g.vector() + "]"
	}
	return "[" + g.vector() + "]"
}

// json returns a value of the JSON field.
func (g *generator) json() string {
	var cells []string
	if !g.chance(4) {
		cells = append(cells, `"n":`+pick(g, "0", "1", "2", "3", "-4", "1.5", `"1"`, "true", "null", "[1,2]"))
	}
	if g.chance(2) {
		cells = append(cells, `"s":`+pick(g, `"a"`, `"b"`, `"ab"`, `""`))
	}
	if g.chance(3) {
		cells = append(cells, `"o":{"p":`+pick(g, "1", "-4", `"x"`)+"}")
	}
	if g.chance(3) {
		cells = append(cells, `"a":`+pick(g, "[1,2,3]", `["x",1]`, "[]", "[[1,2]]", "2"))
	}
	return "{" + strings.Join(cells, ",") + "}"
}

// row returns a row with the key.
func (g *generator) row(key int) string {
	cells := []string{
		fmt.Sprintf(`"k":%d`, g.IntN(10)-2), fmt.Sprintf(`"i8":%d`, g.IntN(256)-128), fmt.Sprintf(`"i32":%d`, g.IntN(6)),
		`"f":` + pick(g, "0.5", "0.1", "1.5", "-2", "3"), `"d":` + pick(g, "0.5", "0.1", "1.5", "-2", "3"), fmt.Sprintf(`"b":%v`, g.chance(2)),
		`"s":` + pick(g, `"a"`, `"ab"`, `"abc"`, `"b"`, `""`, `"日本"`, `"a b"`), `"j":` + g.json(), `"v":` + g.vector(),
	}
	if !g.auto {
		cells = append(cells, `"id":`+g.key(key))
	}
	if g.arrays {
		cells = append(cells, `"a":`+pick(g, "[]", "[1]", "[1,2,3]", "[2,2]", "[3,4]"), `"t":`+pick(g, "[]", `["a"]`, `["a","b"]`, `["ab"]`))
	}
	if g.dynamic {
		if g.chance(2) {
			cells = append(cells, `"dn":`+pick(g, "1", "2", "2.5", `"1"`, "null", "true"))
		}
		if g.chance(2) {
			cells = append(cells, `"ds":`+pick(g, `"a"`, `"b"`, "1"))
		}
	}
	return "{" + strings.Join(cells, ",") + "}"
}
