// SPDX-License-Identifier: Apache-2.0

package middleware_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/penstock-go/penstock/middleware"
)

// chainRules are the reasons for a warning, in words of what was seen.
type chainRules struct {
	*observed
	names []string // of the chain; a stage of the user's under a name of Penstock's is marked
	due   []string
	tried tried
}

// tried counts, for each rule, how often it held and how often not.
type tried map[string]*struct{ held, spared int }

// dueWarnings returns how each warning that is due begins.
func (t tried) dueWarnings(cfg middleware.Config, chain *middleware.Chain, seen *observed) []string {
	r := &chainRules{observed: seen, tried: t}
	for _, name := range chain.Names {
		if _, ours := seen.lines[name]; !ours && slices.Contains(middleware.DefaultOrder(), name) {
			name = "your own " + name
		}
		r.names = append(r.names, name)
	}
	r.order()
	r.retrying(cfg.OperationTimeout)
	if r.has("breaker") {
		r.breakerRules("breaker", "Breaker.", &seen.breaker)
	}
	if r.has("keyed_breaker") {
		r.breakerRules("keyed_breaker", "KeyedBreaker.Each.", &seen.keyed)
	}
	if recovery := seconds(seen.breaker.RecoveryTimeout); r.has("health") {
		r.rule(recovery > 0 && seen.recovery > recovery, "Health.RecoveryInterval %v is longer than Breaker.RecoveryTimeout %v: ", seen.recovery, recovery)
		r.rule(seen.probeTimeout > seen.interval, "Health.Timeout %v is longer than Health.Interval %v: ", seen.probeTimeout, seen.interval)
	}
	for _, op := range cfg.Ops {
		r.rule(op.Timeout > 0 && !r.has("timeout"), "operation %q has a Timeout of %v, but the chain has no timeout stage", op.Name, op.Timeout)
	}
	return r.due
}

func (r *chainRules) rule(holds bool, format string, args ...any) {
	n := r.tried[format]
	if n == nil {
		n = &struct{ held, spared int }{}
		r.tried[format] = n
	}
	if !holds {
		n.spared++
		return
	}
	n.held++
	r.due = append(r.due, fmt.Sprintf(format, args...))
}

func (r *chainRules) has(name string) bool { return slices.Contains(r.names, name) }

// wraps reports whether the chain has both stages, one around the other.
func (r *chainRules) wraps(outer, inner string) bool {
	o, i := slices.Index(r.names, outer), slices.Index(r.names, inner)
	return o >= 0 && o < i
}

// order has the rules about who stands where.
func (r *chainRules) order() {
	var outside []string
	for _, name := range r.names[:max(slices.Index(r.names, "trace"), 0)] {
		outside = append(outside, strconv.Quote(name))
	}
	r.rule(len(outside) > 0, "trace stands inside of %s: ", strings.Join(outside, ", "))
	for _, name := range []string{"bulkhead", "ratelimit"} {
		r.rule(r.wraps("retry", name), "%s stands inside of retry: ", name)
	}
	r.rule(r.wraps("timeout", "retry"), "timeout stands outside of retry: %v limits all attempts", r.attempt)
	r.rule(r.wraps("health", "retry"), "health stands outside of retry: ")
	r.rule(r.wraps("health", "breaker"), "health stands outside of breaker: ")
	r.rule(r.faults > 0, "chaos is in the chain: ")
	for _, name := range []string{"breaker", "retry", "timeout", "health"} {
		r.rule(r.wraps("chaos", name), "chaos stands outside of %s, ", name)
	}
}

// retrying has the rules about attempts and their limits.
func (r *chainRules) retrying(operation time.Duration) {
	if r.retries > 0 {
		r.rule(r.budget == "unlimited", "the retry budget is unlimited: in an outage the backend gets up to %d times the load", 1+r.retries)
		r.rule(r.jitter == "no", "retries wait without jitter: ")
		r.rule(operation > 0 && r.firstWait >= operation, "Retry.Interval %v is not below the operation timeout %v: ", r.firstWait, operation)
	}
	r.rule(operation > 0 && r.attempt >= operation, "the attempt timeout %v (the default) is not below the operation timeout %v: ", r.attempt, operation)
	r.rule(operation == 0 && r.attempt == 0, "nothing limits an operation: ")
	if r.attempt > 0 && operation > r.attempt && !r.wraps("timeout", "retry") {
		all := r.attempt // and the waits
		for n := range r.retries {
			all += min(r.firstWait<<n, r.lastWait) + r.attempt
		}
		r.rule(all > operation, "the attempts may take %v together, longer than the operation timeout %v: ", all, operation)
	}
}

// breakerRules has the rules about a breaker, whose settings begin with prefix.
func (r *chainRules) breakerRules(name, prefix string, b *seenBreaker) {
	attempts, recovery := 1+r.retries, seconds(b.RecoveryTimeout)
	r.rule(b.attempts && b.FailureThreshold > 0 && b.FailureThreshold < attempts,
		prefix+"FailureThreshold %d counts attempts, of which one operation makes up to %d: ", b.FailureThreshold, attempts)
	mistaken := !b.attempts && r.retries > 0 && r.wraps("retry", name)
	single := b.FailureThreshold > 0 && b.FailureThreshold <= attempts
	const takes = "retry stands outside of %s, which counts operations: it counts each attempt as an operation"
	r.rule(mistaken && single, takes+", so a single operation can open it; ", name)
	r.rule(mistaken && !single, takes+"; ", name)
	r.rule(recovery < r.attempt, prefix+"RecoveryTimeout %v is shorter than the attempt timeout %v: ", recovery, r.attempt)
	operation := r.cfg.OperationTimeout
	limit := r.attempt // of an attempt
	if operation > 0 && (limit == 0 || operation <= limit) {
		limit = operation
		r.rule(b.fairRun >= limit, prefix+"FairRun %v is not below the operation timeout %v: ", b.fairRun, limit)
	}
	slow := seconds(b.SlowCallThreshold)
	r.rule(b.SlowCallRate > 0 && limit > 0 && slow > limit, prefix+"SlowCallThreshold %v is above the limit %v of an attempt: ", slow, limit)
	for _, op := range r.cfg.Ops {
		r.rule(r.has("timeout") && op.Timeout > recovery, "operation %q has a Timeout of %v, longer than %sRecoveryTimeout %v: ", op.Name, op.Timeout, prefix, recovery)
	}
}
