// SPDX-License-Identifier: Apache-2.0

package differential

import (
	"fmt"
	"strings"
)

// filter returns a filter of at most that many nested levels. It never divides by zero,
// for that ends a real server.
func (g *generator) filter(depth int) string {
	if depth == 0 || g.chance(2) {
		return g.condition()
	}
	a, b := g.filter(depth-1), g.filter(depth-1)
	switch g.IntN(4) {
	case 0:
		return fmt.Sprintf("not (%s)", a)
	case 1:
		return fmt.Sprintf("(%s) %s (%s)", a, pick(g, "or", "||"), b)
	case 2:
		return fmt.Sprintf("!(%s)", a)
	default:
		return fmt.Sprintf("(%s) %s (%s)", a, pick(g, "and", "&&"), b)
	}
}

var comparators = []string{"==", "!=", "<", "<=", ">", ">="}

// condition returns a filter without and, or, not.
func (g *generator) condition() string {
	all := []func(*generator) string{numeric, numeric, textual, listed, boolean, keyed, jsonKey, jsonKey}
	if g.dynamic {
		all = append(all, dynamicKey, dynamicKey)
	}
	if g.level >= 3 {
		all = append(all, arithmetical, arithmetical, contained, existing, pattern)
	}
	if g.arrays {
		all = append(all, arrayed, arrayed, arrayed)
	}
	return pick(g, all...)(g)
}

func numeric(g *generator) string {
	switch g.IntN(6) {
	case 0:
		return fmt.Sprintf("%d %s k %s %d", g.IntN(5)-2, pick(g, "<", "<="), pick(g, "<", "<="), g.IntN(8))
	case 1:
		return fmt.Sprintf("%s %s %s", pick(g, "f", "d"), pick(g, comparators...), pick(g, "0.5", "0.1", "1", "-2", "1.5"))
	case 2:
		return fmt.Sprintf("k %s i32", pick(g, comparators...))
	case 3:
		return fmt.Sprintf("%d %s k", g.IntN(8), pick(g, comparators...))
	default:
		return fmt.Sprintf("%s %s %d", pick(g, "k", "i8", "i32"), pick(g, comparators...), g.IntN(10)-2)
	}
}

func textual(g *generator) string {
	if g.chance(3) {
		return fmt.Sprintf("s like %q", pick(g, "a%", "ab%", "日%", "b%"))
	}
	return fmt.Sprintf("s %s %q", pick(g, comparators...), pick(g, "a", "ab", "b", "", "日本"))
}

func listed(g *generator) string {
	in := pick(g, "in", "not in")
	switch g.IntN(4) {
	case 0:
		return fmt.Sprintf("s %s [%s]", in, pick(g, `"a"`, `"a", "b"`, `"ab", "日本"`))
	case 1:
		return fmt.Sprintf("f %s [0.5, 0.1]", in)
	default:
		return fmt.Sprintf("%s %s [%d, %d, %d]", pick(g, "k", "i32"), in, g.IntN(9)-2, g.IntN(9)-2, g.IntN(9)-2)
	}
}

func boolean(g *generator) string { return "b " + pick(g, "==", "!=") + pick(g, " true", " false") }

// keyed compares the primary key.
func keyed(g *generator) string {
	switch {
	case g.auto && g.text:
		return `id != ""`
	case g.auto:
		return "id > 0"
	case g.chance(2):
		return fmt.Sprintf("id in [%s, %s]", g.key(1+g.IntN(g.next)), g.key(1+g.IntN(g.next)))
	default:
		return fmt.Sprintf("id %s %s", pick(g, comparators...), g.key(1+g.IntN(g.next)))
	}
}

func jsonKey(g *generator) string {
	switch g.IntN(6) {
	case 0:
		return fmt.Sprintf(`j["s"] %s %q`, pick(g, comparators...), pick(g, "a", "b", ""))
	case 1:
		return fmt.Sprintf(`j["o"]["p"] %s %s`, pick(g, comparators...), pick(g, "1", "-4", `"x"`))
	case 2:
		return fmt.Sprintf(`j["n"] %s [%d, %d]`, pick(g, "in", "not in"), g.IntN(4), g.IntN(4))
	case 3:
		return fmt.Sprintf(`j["nosuch"] %s %d`, pick(g, comparators...), g.IntN(4))
	default:
		return fmt.Sprintf(`j["n"] %s %s`, pick(g, comparators...), pick(g, "1", "2", "1.5", "-4", `"1"`))
	}
}

func dynamicKey(g *generator) string {
	switch g.IntN(4) {
	case 0:
		return fmt.Sprintf("ds %s %q", pick(g, comparators...), pick(g, "a", "b"))
	case 1:
		return fmt.Sprintf(`$meta["dn"] %s %d`, pick(g, comparators...), g.IntN(3))
	case 2:
		return fmt.Sprintf("dn %s [1, 2]", pick(g, "in", "not in"))
	default:
		return fmt.Sprintf("dn %s %s", pick(g, comparators...), pick(g, "1", "2", "2.5", `"1"`))
	}
}

// arithmetical divides by constants that are not zero, and by no field.
func arithmetical(g *generator) string {
	field, equal := pick(g, "k", "i32", "i8"), pick(g, "==", "!=")
	switch g.IntN(7) {
	case 0:
		return fmt.Sprintf("%s %% %d %s %d", field, 2+g.IntN(3), equal, g.IntN(3))
	case 1:
		return fmt.Sprintf("%s / %d %s %d", field, 1+g.IntN(3), equal, g.IntN(3))
	case 2:
		return fmt.Sprintf("k %s %d %s %d", pick(g, comparators...), g.IntN(4), pick(g, "+", "-", "*"), 1+g.IntN(3))
	case 3:
		return fmt.Sprintf("%s %s 1 %s 1.5", pick(g, "f", "d"), pick(g, "+", "-", "*"), equal)
	case 4:
		return fmt.Sprintf(`j["n"] %s 1 %s 2`, pick(g, "+", "-", "*"), equal)
	case 5:
		return fmt.Sprintf("%s + %d %s %d", field, g.IntN(3), pick(g, comparators...), g.IntN(6))
	default:
		return fmt.Sprintf("%s %s %d %s %d", field, pick(g, "+", "-", "*"), 1+g.IntN(3), equal, g.IntN(8))
	}
}

func contained(g *generator) string {
	name := pick(g, "json_contains", "json_contains_all", "json_contains_any")
	value := pick(g, "1", "2", `"x"`, "9")
	if name != "json_contains" {
		value = "[" + value + pick(g, "", ", 3", `, "x"`) + "]"
	}
	if g.chance(2) {
		name = strings.ToUpper(name)
	}
	return fmt.Sprintf(`%s(j["a"], %s)`, name, value)
}

func existing(g *generator) string {
	return "exists " + pick(g, `j["n"]`, `j["s"]`, `j["o"]["p"]`, `j["nosuch"]`, `j["a"]`)
}

func pattern(g *generator) string {
	return pick(g, `s like "%b"`, `s like "%b%"`, `s like "a%c"`, `s like "ab"`, `s like "_b%"`, `j["s"] like "a%"`, `j["a"][0] == 1`, `j["a"][1] != 2`, `b`, `not b`)
}

func arrayed(g *generator) string {
	switch g.IntN(6) {
	case 0:
		return fmt.Sprintf("array_length(a) %s %d", pick(g, comparators...), g.IntN(4))
	case 1:
		return fmt.Sprintf("array_contains_all(a, [%d, %d])", 1+g.IntN(3), 1+g.IntN(3))
	case 2:
		return fmt.Sprintf("array_contains_any(t, [%q])", pick(g, "a", "b", "z"))
	case 3:
		return fmt.Sprintf("a[%d] %s %d", g.IntN(3), pick(g, comparators...), g.IntN(4))
	case 4:
		return pick(g, "a == [1, 2, 3]", "a != [1]", `t == ["a"]`, "array_contains(t, \"a\")")
	default:
		return fmt.Sprintf("array_contains(a, %d)", 1+g.IntN(4))
	}
}
