// SPDX-License-Identifier: Apache-2.0

package core

import (
	"errors"
	"fmt"
	"maps"
	"slices"
)

// Stage is a Middleware with a name, by which it gets its place in a chain.
type Stage struct {
	Name       string
	Middleware Middleware
	// Before or After names the stage that this one stands next to, when the
	// order has no place for it. At most one of them may be set.
	Before, After string
}

// Arrange puts stages in order, outermost first. Each name in order needs a
// stage. A stage that order does not name must say what it stands before or
// after; stages with the same neighbour stand in the order of their names, so
// that the result does not depend on the order of stages.
//
// A stage without a place, a place without a stage, a name given twice, and
// stages that only stand next to each other are errors, all named in one.
func Arrange(order []string, stages []Stage) ([]Stage, error) {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }

	byName := make(map[string]Stage, len(stages))
	for _, s := range stages {
		if s.Name == "" {
			fault("a stage has no name")
			continue
		}
		if s.Middleware == nil {
			fault("stage %q has no middleware", s.Name)
		}
		if _, dup := byName[s.Name]; dup {
			fault("stage %q is provided twice", s.Name)
		}
		if s.Before != "" && s.After != "" {
			fault("stage %q is placed both before %q and after %q", s.Name, s.Before, s.After)
		}
		byName[s.Name] = s
	}

	chain := make([]Stage, 0, len(stages))
	placed := make(map[string]bool, len(stages))
	for _, name := range order {
		s, ok := byName[name]
		switch {
		case placed[name]:
			fault("the order names stage %q twice", name)
		case !ok:
			fault("the order names stage %q, which nobody provides", name)
		default:
			placed[name] = true
			s.Before, s.After = "", "" // the order knows better
			chain = append(chain, s)
		}
	}

	var rest []Stage
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		switch s := byName[name]; {
		case placed[name], s.Before != "" && s.After != "":
		case s.Before == "" && s.After == "":
			fault("stage %q has no place: the order %q does not name it, and it is not placed before or after a stage", name, order)
		default:
			rest = append(rest, s)
		}
	}
	chain, rest = insert(chain, rest)
	for _, s := range rest {
		neighbour := s.Before + s.After
		if _, ok := byName[neighbour]; ok {
			fault("stage %q is placed next to %q, which has no place that does not depend on it", s.Name, neighbour)
		} else {
			fault("stage %q is placed next to %q, which is not in the chain", s.Name, neighbour)
		}
	}
	if len(faults) > 0 {
		return nil, fmt.Errorf("core: cannot arrange the chain: %w", errors.Join(faults...))
	}
	return chain, nil
}

// insert puts each stage of rest next to its neighbour, again and again until
// no more can be placed, and returns what is left. rest is sorted by name.
func insert(chain, rest []Stage) (longer, left []Stage) {
	for {
		left = left[:0:0]
		// One generation at a time, so that none comes between its neighbour and
		// that one's own neighbours.
		standing := slices.Clone(chain)
		for _, s := range rest {
			neighbour := func(c Stage) bool { return c.Name == s.Before+s.After }
			if !slices.ContainsFunc(standing, neighbour) {
				left = append(left, s)
				continue
			}
			at := slices.IndexFunc(chain, neighbour)
			if s.After != "" {
				// Behind those that stand there for the same reason.
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

// Compose makes one Middleware of stages, the first outermost.
func Compose(stages []Stage) Middleware {
	mws := make([]Middleware, len(stages))
	for i, s := range stages {
		mws[i] = s.Middleware
	}
	return Chain(mws...)
}
