// SPDX-License-Identifier: Apache-2.0

package middleware_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/penstock-go/penstock/middleware"
)

func at(name string) middleware.Stage { return middleware.Stage{Name: name, Middleware: pass} }

func before(neighbour, name string) middleware.Stage {
	return middleware.Stage{Name: name, Middleware: pass, Before: neighbour}
}

func after(neighbour, name string) middleware.Stage {
	return middleware.Stage{Name: name, Middleware: pass, After: neighbour}
}

func TestArrangePutsStagesInOrderWhateverTheirOrder(t *testing.T) {
	defaults := []string{"trace", "breaker", "retry", "timeout", "health"}
	five := []middleware.Stage{at("health"), at("retry"), at("trace"), at("timeout"), at("breaker")}
	ab := []middleware.Stage{at("a"), at("b")}
	tests := []struct {
		name   string
		order  []string
		stages []middleware.Stage
		want   string
	}{
		{"nothing", nil, nil, ""},
		{"the default order", defaults, five, "trace breaker retry timeout health"},
		{"another order", []string{"health", "trace", "timeout", "retry", "breaker"}, five, "health trace timeout retry breaker"},
		{"before the first", defaults, append(five[:5:5], before("trace", "log")), "log trace breaker retry timeout health"},
		{"before one in the middle", defaults, append(five[:5:5], before("retry", "log")), "trace breaker log retry timeout health"},
		{"after one in the middle", defaults, append(five[:5:5], after("retry", "log")), "trace breaker retry log timeout health"},
		{"after the last", defaults, append(five[:5:5], after("health", "log")), "trace breaker retry timeout health log"},
		{"several before one", []string{"a", "b"}, append(ab[:2:2], before("b", "z"), before("b", "x"), before("b", "y")), "a x y z b"},
		{"several after one", []string{"a", "b"}, append(ab[:2:2], after("a", "z"), after("a", "x"), after("a", "y")), "a x y z b"},
		{"between two", []string{"a", "b"}, append(ab[:2:2], after("a", "z"), before("b", "c"), after("a", "d"), before("b", "y")), "a d z c y b"},
		{"a chain of neighbours", []string{"a", "b"}, append(ab[:2:2], after("a", "z"), after("z", "y"), before("y", "x")), "a z x y b"},
		{"a neighbour of one of several", []string{"a", "b"}, append(ab[:2:2], after("a", "c"), after("c", "d"), after("a", "e")), "a c d e b"},
		{"the same under other names", []string{"a", "b"}, append(ab[:2:2], after("a", "c"), after("c", "f"), after("a", "e")), "a c f e b"},
		{"before one of several", []string{"a", "b"}, append(ab[:2:2], before("b", "e"), before("e", "d"), before("b", "c")), "a c d e b"},
		{"the order wins over a neighbour", []string{"a", "b"}, []middleware.Stage{at("a"), before("a", "b")}, "a b"},
		{"one that the order placed is no sibling", []string{"a", "b"}, []middleware.Stage{at("a"), after("a", "b"), after("a", "c")}, "a c b"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for range 50 {
				stages := slices.Clone(test.stages)
				rand.Shuffle(len(stages), func(i, j int) { stages[i], stages[j] = stages[j], stages[i] })
				chain, err := middleware.Arrange(test.order, stages)
				if err != nil {
					t.Fatalf("Arrange = %v, want %s", err, test.want)
				}
				if got := strings.Join(names(chain), " "); got != test.want {
					t.Fatalf("Arrange(%q) = %s, want %s", names(stages), got, test.want)
				}
			}
		})
	}
}

func names(stages []middleware.Stage) []string {
	out := make([]string, len(stages))
	for i, s := range stages {
		out[i] = s.Name
	}
	return out
}

func TestArrangeRefusesWhatItCannotPlace(t *testing.T) {
	both := middleware.Stage{Name: "c", Middleware: pass, Before: "a", After: "b"}
	ab := []middleware.Stage{at("a"), at("b")}
	order := []string{"a", "b"}
	tests := []struct {
		name   string
		order  []string
		stages []middleware.Stage
		want   []string // the faults, all of them, in order
	}{
		{"a stage without a place", order, append(ab[:2:2], at("c")),
			[]string{`stage "c" has no place, for the order is a > b: name the stage there, or set its Before or After`}},
		{"a stage of Penstock's without a place", nil, []middleware.Stage{at("retry")},
			[]string{`stage "retry" has no place, for the order is empty: name the stage there, or set Disabled in its configuration`}},
		{"a place without a stage", []string{"a", "c", "b"}, ab,
			[]string{`the order names stage "c", and there is no such stage: correct the name, add the stage to Stages, or leave the name out`}},
		{"a stage twice", order, append(ab[:2:2], at("b")), []string{`two stages are named "b": give one of them another name, or leave it out`}},
		{"a place twice", []string{"a", "b", "a"}, ab, []string{`the order names stage "a" twice: leave one of the two out`}},
		{"before and after", order, append(ab[:2:2], both), []string{`stage "c" is placed both before "a" and after "b": leave one of the two out`}},
		{"no name", order, append(ab[:2:2], middleware.Stage{Middleware: pass}), []string{"a stage has no name: set Name of Stages[2]"}},
		{"no middleware", order, []middleware.Stage{at("a"), {Name: "b"}}, []string{`stage "b" has no middleware: set Middleware of Stages[1]`}},
		{"an unknown neighbour", order, append(ab[:2:2], before("x", "c")),
			[]string{`stage "c" is placed next to "x", which is not in the chain: place it next to a stage of the order, a > b`}},
		{"its own neighbour", order, append(ab[:2:2], before("c", "c")),
			[]string{`stage "c" is placed next to "c", whose own place depends on "c": place one of them next to a stage of the order, a > b`}},
		{
			"a cycle", order, append(ab[:2:2], before("d", "c"), after("c", "d")),
			[]string{
				`stage "c" is placed next to "d", whose own place depends on "c": place one of them next to a stage of the order, a > b`,
				`stage "d" is placed next to "c", whose own place depends on "d": place one of them next to a stage of the order, a > b`,
			},
		},
		{
			"a cycle of three", order, append(ab[:2:2], before("d", "c"), after("e", "d"), after("c", "e")),
			[]string{
				`stage "c" is placed next to "d", whose own place depends on "c": place one of them next to a stage of the order, a > b`,
				`stage "d" is placed next to "e", whose own place depends on "d": place one of them next to a stage of the order, a > b`,
				`stage "e" is placed next to "c", whose own place depends on "e": place one of them next to a stage of the order, a > b`,
			},
		},
		{
			"only the causes", order, append(ab[:2:2], at("lost"), after("lost", "c"), after("c", "d"), before("x", "e"), after("e", "f"), after("g", "g"), after("g", "h")),
			[]string{
				`stage "lost" has no place, for the order is a > b: name the stage there, or set its Before or After`,
				`stage "e" is placed next to "x", which is not in the chain: place it next to a stage of the order, a > b`,
				`stage "g" is placed next to "g", whose own place depends on "g": place one of them next to a stage of the order, a > b`,
			},
		},
		{
			"several faults of one stage", order,
			append(ab[:2:2], middleware.Stage{Name: "b", Before: "a", After: "b"}),
			[]string{
				`stage "b" has no middleware: set Middleware of Stages[2]`,
				`two stages are named "b": give one of them another name, or leave it out`,
				`stage "b" is placed both before "a" and after "b": leave one of the two out`,
			},
		},
		{
			"everything at once", []string{"a", "b", "b", "nobody"},
			append(ab[:2:2], at("a"), at("lost"), at("astray"), both, middleware.Stage{Middleware: pass}, before("x", "u"), before("w", "v"), before("v", "w")),
			[]string{
				`two stages are named "a": give one of them another name, or leave it out`,
				`stage "c" is placed both before "a" and after "b": leave one of the two out`,
				"a stage has no name: set Name of Stages[6]",
				`the order names stage "b" twice: leave one of the two out`,
				`the order names stage "nobody", and there is no such stage: correct the name, add the stage to Stages, or leave the name out`,
				`stage "astray" has no place, for the order is a > b > b > nobody: name the stage there, or set its Before or After`,
				`stage "lost" has no place, for the order is a > b > b > nobody: name the stage there, or set its Before or After`,
				`stage "u" is placed next to "x", which is not in the chain: place it next to a stage of the order, a > b > b > nobody`,
				`stage "v" is placed next to "w", whose own place depends on "v": place one of them next to a stage of the order, a > b > b > nobody`,
				`stage "w" is placed next to "v", whose own place depends on "w": place one of them next to a stage of the order, a > b > b > nobody`,
			},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for range 10 { // what depends on the order of a map shows
				chain, err := middleware.Arrange(test.order, test.stages)
				if err == nil || chain != nil {
					t.Fatalf("Arrange = %q, %v, want an error alone", names(chain), err)
				}
				if lines := strings.Split(err.Error(), "\n"); !slices.Equal(lines, test.want) {
					t.Fatalf("Arrange = %s\nwant %s", err, strings.Join(test.want, "\n"))
				}
			}
		})
	}
}

func TestArrangeLeavesItsArgumentsAlone(t *testing.T) {
	order := []string{"a", "b"}
	stages := []middleware.Stage{after("a", "z"), at("b"), before("b", "x"), at("a")}
	if _, err := middleware.Arrange(order, stages); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(order, []string{"a", "b"}) || !slices.Equal(names(stages), []string{"z", "b", "x", "a"}) {
		t.Errorf("order = %q, stages = %q after Arrange", order, names(stages))
	}
}
