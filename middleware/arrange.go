// SPDX-License-Identifier: Apache-2.0

package middleware

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/fault"
	"github.com/penstock-go/penstock/internal/stage"
)

// Stage is a middleware with a name, which gives it its place in a chain.
type Stage struct {
	// Name is unique in its chain. Required.
	Name string
	// Middleware is what the stage does. Required.
	Middleware core.Middleware
	// Before or After names the stage that this one stands next to, when the order
	// of the chain does not name it. At most one of them may be set.
	Before, After string
	// Description says in one line what the stage does and with which settings, such as
	// "logs each attempt that failed". [Chain.Describe] shows it. Empty is "a stage of
	// your own".
	Description string
}

// arrange puts stages in order, outermost first. Each name in order needs a
// stage. A stage that order does not name must say what it stands before or
// after; stages with the same neighbour stand in the order of their names, so
// that the result does not depend on the order of stages.
//
// Four things are faults: a stage without a place, a place without a stage, a name
// given twice, and stages whose places depend only on each other. arrange returns
// all faults.
func arrange(order []string, stages []Stage) ([]Stage, fault.List) {
	var faults fault.List
	byName := make(map[string]Stage, len(stages))
	for i, s := range stages {
		if s.Name == "" {
			faults.Add("a stage has no name: set Name of Stages[%d]", i)
			continue
		}
		if s.Middleware == nil {
			faults.Add("stage %q has no middleware: set Middleware of Stages[%d]", s.Name, i)
		}
		if _, dup := byName[s.Name]; dup {
			faults.Add("two stages are named %q: give one of them another name, or leave it out", s.Name)
		}
		if s.Before != "" && s.After != "" {
			faults.Add("stage %q is placed both before %q and after %q: leave one of the two out", s.Name, s.Before, s.After)
		}
		byName[s.Name] = s
	}

	chain := make([]Stage, 0, len(stages))
	var unknown, placeless []string
	placed := make(map[string]bool, len(stages))
	for _, name := range order {
		s, ok := byName[name]
		switch {
		case placed[name]:
			faults.Add("the order names stage %q twice: leave one of the two out", name)
		case !ok:
			unknown = append(unknown, name)
		default:
			placed[name] = true
			s.Before, s.After = "", "" // the order wins
			chain = append(chain, s)
		}
	}

	var rest []Stage
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		switch s := byName[name]; {
		case placed[name], s.Before != "" && s.After != "":
		case s.Before == "" && s.After == "":
			placeless = append(placeless, name)
		default:
			rest = append(rest, s)
		}
	}
	misspelt(&faults, order, unknown, placeless)
	chain, rest = insert(chain, rest)
	for _, s := range rest {
		neighbour := s.Before + s.After
		switch _, ok := byName[neighbour]; {
		case !ok:
			faults.Add("stage %q is placed next to %q, which is not in the chain: place it next to a stage of the order, %s", s.Name, neighbour, listed(order))
		case circular(byName, s):
			faults.Add("stage %q is placed next to %q, whose own place depends on %q: place one of them next to a stage of the order, %s", s.Name, neighbour, s.Name, listed(order))
		default: // the neighbour has a fault of its own
		}
	}
	return chain, faults
}

// misspelt adds the faults of names in the order that no stage has, and of stages that
// have no place. If there are both, a name is probably one of those stages misspelt,
// and one line tells of both.
func misspelt(faults *fault.List, order, unknown, placeless []string) {
	meant := slices.DeleteFunc(slices.Clone(placeless), func(name string) bool { return find(name) == nil })
	if len(meant) == 0 && len(placeless) <= len(unknown) {
		meant = placeless // stages of the user's
	}
	instead := "correct the name,"
	switch {
	case len(unknown) == 0:
		meant = nil
	case len(meant) == 1:
		instead = fmt.Sprintf("name %q instead, which has no place, or", meant[0])
	case len(meant) > 1:
		instead = fmt.Sprintf("name one of %s instead, which have no place, or", stage.Quoted(meant))
	}
	for _, name := range unknown {
		faults.Add("the order names stage %q, and there is no such stage: %s add the stage to Stages, or leave the name out", name, instead)
	}
	for _, name := range placeless {
		if !slices.Contains(meant, name) {
			faults.Add("stage %q has no place, for the order is %s: name the stage there, or %s", name, listed(order), otherwise(name))
		}
	}
}

// circular reports whether the place of s depends on itself.
func circular(byName map[string]Stage, s Stage) bool {
	at := s
	for range byName {
		if at = byName[at.Before+at.After]; at.Name == s.Name {
			return true
		}
	}
	return false
}

// listed returns an order as an error has it.
func listed(order []string) string {
	if len(order) == 0 {
		return "empty"
	}
	return strings.Join(order, " > ")
}

// otherwise says what helps a stage that the order does not name, apart from
// naming it there.
func otherwise(name string) string {
	if find(name) != nil {
		return "set Disabled in its configuration"
	}
	return "set its Before or After"
}

// insert puts each stage of rest next to its neighbour, in rounds, until no more
// can be placed. It returns the longer chain, and the stages that are left without
// a place. rest is sorted by name.
func insert(chain, rest []Stage) (longer, left []Stage) {
	for {
		left = left[:0:0]
		// A round places only stages whose neighbour stood there before the round. A
		// stage then never comes between two that stand next to each other already.
		standing := slices.Clone(chain)
		for _, s := range rest {
			neighbour := func(c Stage) bool { return c.Name == s.Before+s.After }
			if !slices.ContainsFunc(standing, neighbour) {
				left = append(left, s)
				continue
			}
			at := slices.IndexFunc(chain, neighbour)
			if s.After != "" {
				// Behind the stages that stand after the same neighbour.
				for at++; at < len(chain) && chain[at].After == s.After; at++ {
				}
			}
			chain = slices.Insert(chain, at, s)
		}
		if len(left) == 0 || len(left) == len(rest) {
			return chain, left
		}
		rest = left
	}
}
