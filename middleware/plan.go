// SPDX-License-Identifier: Apache-2.0

package middleware

import (
	"math"
	"slices"
	"strings"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/stage"
	"github.com/penstock-go/penstock/middleware/retry"
	"github.com/penstock-go/penstock/middleware/timeout"
)

// plan is what the stages of a chain say of themselves.
type plan struct {
	stage.Around
	cfg       Config              // with the defaults of the stages that are in the chain
	names     []string            // of all stages, outermost first
	inForce   map[string]settings // settings of Penstock's stages, by name
	described map[string]string   // what the user's stages say of themselves, by name
	costs     map[string]stage.Cost
	backoff   func(n int) (shortest, longest time.Duration) // set if Retries is not zero
}

// newPlan returns the plan of a chain. names are its stages, inForce the settings
// of those that are Penstock's.
func newPlan(cfg Config, names []string, inForce map[string]settings) plan {
	p := plan{cfg: cfg, names: names, inForce: inForce, described: map[string]string{}, costs: map[string]stage.Cost{}}
	for _, s := range cfg.Stages {
		p.described[s.Name] = strings.Join(strings.Fields(s.Description), " ") // one line
	}
	for _, name := range names {
		s, ours := inForce[name]
		if !ours && find(name) != nil {
			p.Order = append(p.Order, "your own "+name)
			continue
		}
		p.Order = append(p.Order, name)
		if s, ok := s.(interface{ Cost() stage.Cost }); ok {
			p.costs[name] = s.Cost()
		}
	}
	p.Operation, p.Ops = cfg.OperationTimeout, slices.Clone(cfg.Ops)
	for _, cost := range p.costs {
		p.Attempt = max(p.Attempt, cost.Attempt)
		p.Recovery = max(p.Recovery, cost.Recovery)
		if cost.Retries > 0 { // one stage at most
			p.Retries, p.backoff = cost.Retries, cost.Backoff
		}
	}
	return p
}

// warnings returns what is doubtful about the chain: first what each stage says of
// itself, then what no stage can see alone.
func (p *plan) warnings() []string {
	var w stage.Warnings
	for _, name := range p.names {
		if s, ours := p.inForce[name]; ours {
			w = append(w, s.Warnings(p.Around)...)
		}
	}
	longest, bounded := p.longest(p.Attempt)
	w.Warn(!bounded, "nothing limits an operation: one that hangs lasts as long as the caller's context; keep the timeout stage, or set OperationTimeout")
	unbounded := *p
	unbounded.Operation = 0
	if all, ok := unbounded.longest(p.Attempt); ok && p.Operation > p.Attempt {
		w.Warn(all > longest, "the attempts may take %v together, longer than the operation timeout %v: the last of them are cut short or never made", all, p.Operation)
	}
	for _, op := range p.Ops {
		w.Warn(op.Timeout > 0 && !p.Has(timeout.Name),
			"operation %q has a Timeout of %v, but the chain has no timeout stage to heed it", op.Name, op.Timeout)
	}
	return w
}

// WorstCase is the most that one operation can cost.
type WorstCase struct {
	// Attempts is how many attempts the backend gets.
	Attempts int
	// Duration is how long the caller waits. Zero means that nothing limits it.
	Duration time.Duration
}

// WorstCase returns the most that one run of op can cost; [Chain.Describe] says
// under which conditions. It reads op's Timeout only: an unsafe op costs as much if
// each of its failed attempts provably changed nothing.
func (c *Chain) WorstCase(op core.Op) WorstCase {
	p := c.plan
	if p.Has(timeout.Name) && op.Timeout > 0 {
		p.Attempt = op.Timeout
	}
	d, bounded := p.longest(p.Attempt)
	room, ends := p.room()
	switch {
	case !ends:
		d = p.Operation
	case bounded:
		d = stage.Tighter(sum(d, room), p.Operation)
	}
	return WorstCase{Attempts: p.attempts(), Duration: d}
}

// bound returns the limit of all attempts and waits together, zero if there is
// none. attempt is the limit of an attempt.
func (p *plan) bound(attempt time.Duration) time.Duration {
	if p.Outside(timeout.Name, retry.Name) {
		return stage.Tighter(attempt, p.Operation)
	}
	return p.Operation
}

// doublings is how often a wait doubles at most: then it is the longest duration.
const doublings = 63

// attempts returns how many attempts of one operation the backend may get: the
// attempts fail at once, and jitter makes each wait as short as it can be.
func (p *plan) attempts() int {
	bound, waited := p.bound(p.Attempt), time.Duration(0)
	for i := range p.Retries {
		wait, _ := p.backoff(i + 1)
		if bound == 0 || wait == 0 {
			break // no limit ends the retries earlier
		}
		if i > doublings { // all waits are the same from here on
			return 1 + i + min(p.Retries-i, int((bound-1-waited)/wait))
		}
		if waited = sum(waited, wait); waited >= bound {
			return 1 + i
		}
	}
	return 1 + p.Retries
}

// longest returns how long the attempts of one operation and the waits between them
// may take, and whether anything limits them. attempt is the limit of an attempt.
func (p *plan) longest(attempt time.Duration) (d time.Duration, bounded bool) {
	bound := p.bound(attempt)
	if attempt == 0 {
		return bound, bound > 0
	}
	d = attempt
	for i := range p.Retries {
		_, wait := p.backoff(i + 1)
		if i > doublings {
			d = sum(d, times(time.Duration(p.Retries-i), sum(attempt, wait)))
			break
		}
		d = sum(d, sum(attempt, wait))
	}
	return stage.Tighter(d, bound), true
}

// room returns how long one operation may wait for room in stages, and whether
// anything limits the wait. A wait in a stage inside of timeout is a part of the
// attempt.
func (p *plan) room() (d time.Duration, bounded bool) {
	bounded = true
	for name, cost := range p.costs {
		if p.Outside(timeout.Name, name) {
			continue
		}
		passes := time.Duration(1)
		if p.Outside(retry.Name, name) {
			passes = time.Duration(p.attempts())
		}
		d = sum(d, times(passes, cost.Wait))
		bounded = bounded && !cost.Unbounded
	}
	return d, bounded
}

// sum returns a+b, or the longest duration if that is longer.
func sum(a, b time.Duration) time.Duration {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

// times returns n*d, or the longest duration if that is longer.
func times(n, d time.Duration) time.Duration {
	if d > 0 && n > math.MaxInt64/d {
		return math.MaxInt64
	}
	return n * d
}
