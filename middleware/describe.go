// SPDX-License-Identifier: Apache-2.0

package middleware

import (
	"cmp"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/middleware/bulkhead"
	"github.com/penstock-go/penstock/middleware/chaos"
	"github.com/penstock-go/penstock/middleware/health"
	"github.com/penstock-go/penstock/middleware/ratelimit"
	"github.com/penstock-go/penstock/middleware/retry"
	"github.com/penstock-go/penstock/middleware/timeout"
	"github.com/penstock-go/penstock/middleware/trace"
)

// Describe prints the chain for people: its stages, outermost first, with the
// settings that matter, then the worst that one operation can do, and the
// warnings.
//
// The worst case is that of an operation without a Timeout of its own, whose
// caller sets no deadline, on a backend that gives no hints how long to wait. A
// stage of the user's that calls next again is not in it.
func (c *Chain) Describe() string {
	var b strings.Builder
	p := &c.plan
	width := 0
	for _, name := range p.names {
		width = max(width, len(name))
	}
	for _, name := range p.names {
		fmt.Fprintf(&b, "%-*s  %s\n", width, name, p.describe(name))
	}
	worst := c.WorstCase(core.Op{})
	fmt.Fprintf(&b, "one operation: at most %s, %s\n", count(worst.Attempts, "attempt"), worst.duration())
	for _, op := range p.ops {
		if op.Timeout > 0 {
			worst := c.WorstCase(op)
			fmt.Fprintf(&b, "one %s: at most %s, %s\n", op.Name, count(worst.Attempts, "attempt"), worst.duration())
		}
	}
	for _, w := range c.Warnings {
		fmt.Fprintf(&b, "warning: %s\n", w)
	}
	return b.String()
}

// WorstCase is the most that one operation can cost.
type WorstCase struct {
	// Attempts is how many attempts the backend gets.
	Attempts int
	// Duration is how long the caller waits. Zero is no limit.
	Duration time.Duration
}

func (w WorstCase) duration() string {
	if w.Duration == 0 {
		return "for as long as its caller's context"
	}
	return w.Duration.String()
}

// WorstCase returns the most that one run of op can cost, see [Chain.Describe].
// Of an op that is unsafe, only an attempt that provably changed nothing is
// repeated.
func (c *Chain) WorstCase(op core.Op) WorstCase {
	p := c.plan
	if p.has(timeout.Name) {
		p.attempt = cmp.Or(op.Timeout, p.attempt)
	}
	d, bounded := p.longest(p.attempt)
	room, ends := p.room()
	switch {
	case !ends:
		d = p.operation
	case bounded:
		d = tighter(sum(d, room), p.operation)
	}
	return WorstCase{Attempts: p.attempts(), Duration: d}
}

func (p *plan) describe(name string) string {
	if !p.has(name) {
		return "a stage of your own"
	}
	switch name {
	case trace.Name:
		return "one scope for each operation"
	case breaker.Name:
		return p.describeBreaker()
	case retry.Name:
		return p.describeRetry()
	case timeout.Name:
		if p.outside(timeout.Name, retry.Name) {
			return fmt.Sprintf("%v for all attempts together", p.attempt)
		}
		return fmt.Sprintf("%v for each attempt", p.attempt)
	case health.Name:
		return fmt.Sprintf("probes every %v, for %v at most; shut after %d failed in a row, open after %d",
			p.health.Interval, p.health.Timeout, p.health.DownThreshold, p.health.UpThreshold)
	case bulkhead.Name:
		return p.describeBulkhead()
	case ratelimit.Name:
		return p.describeRate()
	case chaos.Name:
		return count(len(p.chaos.Faults), "fault")
	default:
		return "a stage of your own"
	}
}

func (p *plan) describeBulkhead() string {
	b := &p.bulkhead
	s := count(b.MaxConcurrent, "operation") + " at once; "
	switch {
	case b.MaxWaiting == 0:
		return s + "the rest are refused"
	case b.MaxWait == 0:
		return s + fmt.Sprintf("%d wait, as long as their context lasts", b.MaxWaiting)
	default:
		return s + fmt.Sprintf("%d wait, for %v at most", b.MaxWaiting, b.MaxWait)
	}
}

func (p *plan) describeRate() string {
	r := &p.rate
	s := fmt.Sprintf("%g operations per second, %d at once; ", r.Rate, cmp.Or(r.Burst, int(math.Ceil(r.Rate))))
	if r.MaxWait == 0 {
		return s + "the rest are refused"
	}
	return s + fmt.Sprintf("the rest wait, for %v at most", r.MaxWait)
}

func (p *plan) describeBreaker() string {
	b := &p.breaker
	what := "operations"
	if b.CountAttempts {
		what = "attempts"
	}
	s := fmt.Sprintf("opens after %d failed %s in a row", b.FailureThreshold, what)
	if b.SlowCallRate > 0 {
		s += fmt.Sprintf(", or when %g %% of %d attempts take %v", 100*b.SlowCallRate, b.SlowCallWindow, b.SlowCallThreshold)
	}
	return s + fmt.Sprintf("; probes after %v, %d at once; closes after %d good ones", b.RecoveryTimeout, b.MaxHalfOpenRequests, b.HalfOpenSuccesses)
}

func (p *plan) describeRetry() string {
	if p.retries() == 0 {
		return "never"
	}
	waits := fmt.Sprintf("waits of up to %v", p.longestWait(0))
	if longest := p.longestWait(min(p.retries(), doublings) - 1); longest > p.longestWait(0) {
		waits += fmt.Sprintf(", doubled up to %v", longest)
	}
	jitter := map[retry.Jitter]string{retry.FullJitter: "full", retry.EqualJitter: "equal", retry.NoJitter: "no"}[p.retry.Jitter]
	return fmt.Sprintf("%s; %s, %s jitter; budget %v", count(p.retries(), "further attempt"), waits, jitter, p.retry.Budget)
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
