// SPDX-License-Identifier: Apache-2.0

package core_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/penstock-go/penstock/core"
)

func pass(next core.Handler) core.Handler { return next }

func at(name string) core.Stage { return core.Stage{Name: name, Middleware: pass} }

func before(neighbour, name string) core.Stage {
	return core.Stage{Name: name, Middleware: pass, Before: neighbour}
}

func after(neighbour, name string) core.Stage {
	return core.Stage{Name: name, Middleware: pass, After: neighbour}
}

func TestArrangePutsStagesInOrderWhateverTheirOrder(t *testing.T) {
	defaults := []string{"trace", "breaker", "retry", "timeout", "health"}
	five := []core.Stage{at("health"), at("retry"), at("trace"), at("timeout"), at("breaker")}
	ab := []core.Stage{at("a"), at("b")}
	tests := []struct {
		name   string
		order  []string
		stages []core.Stage
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
		{"the order wins over a neighbour", []string{"a", "b"}, []core.Stage{at("a"), before("a", "b")}, "a b"},
		{"one that the order placed is no sibling", []string{"a", "b"}, []core.Stage{at("a"), after("a", "b"), after("a", "c")}, "a c b"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for range 50 {
				stages := slices.Clone(test.stages)
				rand.Shuffle(len(stages), func(i, j int) { stages[i], stages[j] = stages[j], stages[i] })
				chain, err := core.Arrange(test.order, stages)
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

func names(stages []core.Stage) []string {
	out := make([]string, len(stages))
	for i, s := range stages {
		out[i] = s.Name
	}
	return out
}

func TestArrangeRefusesWhatItCannotPlace(t *testing.T) {
	both := core.Stage{Name: "c", Middleware: pass, Before: "a", After: "b"}
	ab := []core.Stage{at("a"), at("b")}
	order := []string{"a", "b"}
	tests := []struct {
		name   string
		order  []string
		stages []core.Stage
		want   []string // the faults, all of them
	}{
		{"a stage without a place", order, append(ab[:2:2], at("c")), []string{`stage "c" has no place`}},
		{"a place without a stage", []string{"a", "c", "b"}, ab, []string{`order names stage "c", which nobody provides`}},
		{"a stage twice", order, append(ab[:2:2], at("b")), []string{`stage "b" is provided twice`}},
		{"a place twice", []string{"a", "b", "a"}, ab, []string{`order names stage "a" twice`}},
		{"before and after", order, append(ab[:2:2], both), []string{`stage "c" is placed both before "a" and after "b"`}},
		{"no name", order, append(ab[:2:2], core.Stage{Middleware: pass}), []string{"a stage has no name"}},
		{"no middleware", order, []core.Stage{at("a"), {Name: "b"}}, []string{`stage "b" has no middleware`}},
		{"an unknown neighbour", order, append(ab[:2:2], before("x", "c")), []string{`stage "c" is placed next to "x", which is not in the chain`}},
		{"its own neighbour", order, append(ab[:2:2], before("c", "c")), []string{`stage "c" is placed next to "c", which has no place`}},
		{
			"a cycle", order, append(ab[:2:2], before("d", "c"), after("c", "d")),
			[]string{`stage "c" is placed next to "d", which has no place`, `stage "d" is placed next to "c", which has no place`},
		},
		{
			"several faults of one stage", order,
			append(ab[:2:2], core.Stage{Name: "b", Before: "a", After: "b"}),
			[]string{`stage "b" has no middleware`, `stage "b" is provided twice`, `stage "b" is placed both before "a" and after "b"`},
		},
		{
			"everything at once", []string{"a", "b", "b", "nobody"},
			append(ab[:2:2], at("a"), at("lost"), at("astray"), both, core.Stage{Middleware: pass}, before("x", "u"), before("w", "v"), before("v", "w")),
			[]string{
				`stage "a" is provided twice`,
				`stage "c" is placed both before "a" and after "b"`,
				"a stage has no name",
				`order names stage "b" twice`,
				`order names stage "nobody", which nobody provides`,
				`stage "astray" has no place`,
				`stage "lost" has no place`,
				`stage "u" is placed next to "x", which is not in the chain`,
				`stage "v" is placed next to "w", which has no place`,
				`stage "w" is placed next to "v", which has no place`,
			},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for range 10 { // what depends on the order of a map shows
				chain, err := core.Arrange(test.order, test.stages)
				if err == nil || chain != nil {
					t.Fatalf("Arrange = %q, %v, want an error alone", names(chain), err)
				}
				lines := strings.Split(err.Error(), "\n")
				if len(lines) != len(test.want) {
					t.Fatalf("Arrange = %v\nwant %d faults: %q", err, len(test.want), test.want)
				}
				for i, want := range test.want {
					if !strings.Contains(lines[i], want) {
						t.Errorf("fault %d = %s, want %s", i+1, lines[i], want)
					}
				}
			}
		})
	}
}

func TestArrangeLeavesItsArgumentsAlone(t *testing.T) {
	order := []string{"a", "b"}
	stages := []core.Stage{after("a", "z"), at("b"), before("b", "x"), at("a")}
	if _, err := core.Arrange(order, stages); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(order, []string{"a", "b"}) || !slices.Equal(names(stages), []string{"z", "b", "x", "a"}) {
		t.Errorf("order = %q, stages = %q after Arrange", order, names(stages))
	}
}

func TestChainSkipsNilAndComposesOnce(t *testing.T) {
	var composed int
	var log []string
	stage := func(name string) core.Middleware {
		return func(next core.Handler) core.Handler {
			composed++
			return func(ctx context.Context, call *core.Call) error {
				log = append(log, name)
				return next(ctx, call)
			}
		}
	}
	tr := newTrial(t, trialConfig{stage: core.Chain(nil, stage("a"), core.Chain(), core.Chain(stage("b"), nil), stage("c"))})
	for range 2 {
		if _, err := core.Do(t.Context(), tr.client, search, fail()); err != nil {
			t.Fatal(err)
		}
	}
	if want := []string{"a", "b", "c", "a", "b", "c"}; !slices.Equal(log, want) || composed != 3 {
		t.Errorf("stages ran as %q (composed %d times), want %q (3)", log, composed, want)
	}
}
