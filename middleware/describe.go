// SPDX-License-Identifier: Apache-2.0

package middleware

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/stage"
)

// ownStage describes a stage of the user's.
const ownStage = "a stage of your own"

// Describe returns the chain in words, for people and for logs: a line for each
// stage, outermost first, then the worst that one operation can cost, then the
// warnings. The numbers are the settings in force.
//
// The worst case assumes three things: the operation has no Timeout of its own, the
// caller sets no deadline, and the backend gives no hint how long to wait. Each
// operation of Config.Ops with a Timeout gets its own line. The attempts that a
// stage of the user's adds do not count.
func (c *Chain) Describe() string {
	var b strings.Builder
	p := &c.plan
	width := 0
	for _, name := range p.names {
		width = max(width, len(name))
	}
	for _, name := range p.names {
		line := cmp.Or(p.described[name], ownStage)
		if s, ours := p.inForce[name]; ours {
			line = s.Describe(p.Around)
		}
		fmt.Fprintf(&b, "%-*s  %s\n", width, name, line)
	}
	fmt.Fprintf(&b, "one operation: %s\n", c.WorstCase(core.Op{}))
	for _, op := range p.Ops {
		if op.Timeout > 0 {
			fmt.Fprintf(&b, "one %s: %s\n", op.Name, c.WorstCase(op))
		}
	}
	for _, w := range c.Warnings {
		fmt.Fprintf(&b, "warning: %s\n", w)
	}
	return b.String()
}

// String returns the cost in words.
func (w WorstCase) String() string {
	duration := "for as long as its caller's context"
	if w.Duration > 0 {
		duration = w.Duration.String()
	}
	return fmt.Sprintf("at most %s, %s", stage.Count(w.Attempts, "attempt"), duration)
}

// InForce returns the settings in force of the named stage, by value, and what the stage
// does, as in [Chain.Describe]. A stage of the user's has no settings. The stage of a name
// that is not in the chain has neither.
func (c *Chain) InForce(name string) (settings any, text string) {
	if !slices.Contains(c.plan.names, name) {
		return nil, ""
	}
	s, ours := c.plan.inForce[name]
	if !ours {
		return nil, cmp.Or(c.plan.described[name], ownStage)
	}
	return s, s.Describe(c.plan.Around)
}
