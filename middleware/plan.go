// SPDX-License-Identifier: Apache-2.0

package middleware

import (
	"cmp"
	"math"
	"slices"
	"strconv"
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
)

// plan is what a chain was built to do, with the defaults filled in.
type plan struct {
	names     []string      // of the stages, outermost first
	own       []string      // of those that are the user's
	operation time.Duration // limit of an operation, zero is none
	attempt   time.Duration // limit of an attempt, zero without the stage
	breaker   breaker.Config
	retry     retry.Config
	health    health.Config
	bulkhead  bulkhead.Config
	rate      ratelimit.Config
	chaos     chaos.Config
	ops       []core.Op
}

// newPlan returns the plan of cfg, which was accepted.
func newPlan(cfg Config, chain []string) plan {
	p := plan{
		names: chain, own: names(cfg.Stages), operation: cfg.OperationTimeout, ops: slices.Clone(cfg.Ops),
		breaker: cfg.Breaker, retry: cfg.Retry, health: cfg.Health,
		bulkhead: cfg.Bulkhead, rate: cfg.RateLimit, chaos: cfg.Chaos,
	}
	if p.has(timeout.Name) {
		p.attempt = cmp.Or(cfg.Timeout.Attempt, timeout.DefaultAttempt)
	}
	setDefault(&p.breaker.FailureThreshold, breaker.DefaultFailureThreshold)
	setDefault(&p.breaker.RecoveryTimeout, breaker.DefaultRecoveryTimeout)
	setDefault(&p.breaker.HalfOpenSuccesses, breaker.DefaultHalfOpenSuccesses)
	setDefault(&p.breaker.MaxHalfOpenRequests, breaker.DefaultMaxHalfOpenRequests)
	setDefault(&p.breaker.FairRun, breaker.DefaultFairRun)
	setDefault(&p.breaker.SlowCallThreshold, breaker.DefaultSlowCallThreshold)
	setDefault(&p.breaker.SlowCallWindow, breaker.DefaultSlowCallWindow)
	setDefault(&p.retry.MaxRetries, retry.DefaultMaxRetries)
	setDefault(&p.retry.Cap, retry.DefaultCap)
	setDefault(&p.retry.Interval, min(retry.DefaultInterval, p.retry.Cap))
	if p.retry.Budget == nil {
		p.retry.Budget = core.DefaultBudget()
	}
	setDefault(&p.health.Interval, health.DefaultInterval)
	setDefault(&p.health.Timeout, min(health.DefaultTimeout, p.health.Interval))
	setDefault(&p.health.DownThreshold, health.DefaultDownThreshold)
	setDefault(&p.health.UpThreshold, health.DefaultUpThreshold)
	return p
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// has reports whether the chain has this stage of ours; the user's own may stand
// there under the same name.
func (p *plan) has(name string) bool {
	return slices.Contains(p.names, name) && !slices.Contains(p.own, name)
}

// outside reports whether the chain has both stages, the first outside of the
// second.
func (p *plan) outside(first, second string) bool {
	return p.has(first) && p.has(second) && slices.Index(p.names, first) < slices.Index(p.names, second)
}

// retries returns how many attempts may follow the first.
func (p *plan) retries() int {
	if !p.has(retry.Name) {
		return 0
	}
	return max(p.retry.MaxRetries, 0)
}

// shortest returns the tighter of the limits of an attempt and of an
// operation, zero if there is none.
func (p *plan) shortest() time.Duration { return tighter(p.attempt, p.operation) }

// bound returns the limit of all attempts and waits together, zero if there is
// none. attempt is the limit of an attempt.
func (p *plan) bound(attempt time.Duration) time.Duration {
	if p.outside(timeout.Name, retry.Name) {
		return tighter(attempt, p.operation)
	}
	return p.operation
}

// attempts returns how many attempts of one operation the backend may get, with
// all the luck that jitter and early failures can have.
func (p *plan) attempts() int {
	bound, waited := p.bound(p.attempt), time.Duration(0)
	for i := range p.retries() {
		wait := p.shortestWait(i)
		if bound == 0 || wait == 0 {
			break // nothing forbids the rest
		}
		if i > doublings { // all waits are the same from here on
			return 1 + i + min(p.retries()-i, int((bound-1-waited)/wait))
		}
		if waited = sum(waited, wait); waited >= bound {
			return 1 + i
		}
	}
	return 1 + p.retries()
}

// longest returns how long one operation may take whose attempts have the given
// limit, and whether anything limits it.
func (p *plan) longest(attempt time.Duration) (d time.Duration, bounded bool) {
	bound := p.bound(attempt)
	if attempt == 0 {
		return bound, bound > 0
	}
	d = attempt
	for i := range p.retries() {
		if i > doublings {
			rest := time.Duration(p.retries() - i)
			d = sum(d, times(rest, sum(attempt, p.longestWait(i))))
			break
		}
		d = sum(d, sum(attempt, p.longestWait(i)))
	}
	return tighter(d, bound), true
}

// room returns how long one operation may wait for room in the bulkhead and for
// the rate limiter, and whether anything limits that. What stands inside of
// timeout is limited with the attempt.
func (p *plan) room() (d time.Duration, bounded bool) {
	bounded = true
	if p.has(bulkhead.Name) && p.bulkhead.MaxWaiting > 0 && !p.outside(timeout.Name, bulkhead.Name) {
		d = sum(d, times(p.passes(bulkhead.Name), p.bulkhead.MaxWait))
		bounded = p.bulkhead.MaxWait > 0
	}
	if p.has(ratelimit.Name) && !p.outside(timeout.Name, ratelimit.Name) {
		d = sum(d, times(p.passes(ratelimit.Name), p.rate.MaxWait))
	}
	return d, bounded
}

// passes returns how often one operation may pass the stage.
func (p *plan) passes(name string) time.Duration {
	if p.outside(retry.Name, name) {
		return time.Duration(p.attempts())
	}
	return 1
}

// doublings are enough for any wait to reach any cap.
const doublings = 63

// longestWait returns the longest wait after the attempt with index i, unless
// the server asks for more.
func (p *plan) longestWait(i int) time.Duration {
	wait := p.retry.Interval
	for ; i > 0 && wait < p.retry.Cap; i-- {
		wait = sum(wait, wait)
	}
	return min(wait, p.retry.Cap)
}

// shortestWait returns the shortest wait after the attempt with index i.
func (p *plan) shortestWait(i int) time.Duration {
	switch wait := p.longestWait(i); p.retry.Jitter {
	case retry.NoJitter:
		return wait
	case retry.EqualJitter:
		return wait / 2
	default:
		return 0
	}
}

// tighter returns the smaller of two limits, of which zero is none.
func tighter(a, b time.Duration) time.Duration {
	if a == 0 || b == 0 {
		return max(a, b)
	}
	return min(a, b)
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

// quoted names stages in a sentence.
func quoted(names []string) string {
	out := make([]string, len(names))
	for i, name := range names {
		out[i] = strconv.Quote(name)
	}
	return strings.Join(out, ", ")
}
