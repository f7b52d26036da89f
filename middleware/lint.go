// SPDX-License-Identifier: Apache-2.0

package middleware

import (
	"fmt"
	"slices"

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

// contradictions returns what in cfg cannot be meant, because one of two values
// that were given makes the other useless.
func contradictions(cfg Config) []error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }

	operation := cfg.OperationTimeout
	if operation < 0 {
		fault("OperationTimeout is negative: %v", operation)
	}
	if a := cfg.Timeout.Attempt; operation > 0 && a >= operation && !cfg.Timeout.Disabled {
		fault("Timeout.Attempt %v is not below OperationTimeout %v: an attempt would never end by it", a, operation)
	}
	for _, op := range cfg.Ops {
		switch {
		case op.Timeout < 0:
			fault("Timeout of operation %q is negative: %v", op.Name, op.Timeout)
		case operation > 0 && op.Timeout >= operation:
			fault("Timeout %v of operation %q is not below OperationTimeout %v: an attempt would never end by it", op.Timeout, op.Name, operation)
		}
	}
	return faults
}

// lint returns a warning for each pair of settings that work against each
// other.
func (p *plan) lint() []string {
	var warnings []string
	warn := func(when bool, format string, args ...any) {
		if when {
			warnings = append(warnings, fmt.Sprintf(format, args...))
		}
	}
	p.lintOrder(warn)
	p.lintLimits(warn)
	p.lintRetries(warn)
	p.lintBreaker(warn)
	p.lintHealth(warn)
	for _, op := range p.ops {
		p.lintOp(warn, op)
	}
	return warnings
}

type warner func(when bool, format string, args ...any)

func (p *plan) lintOrder(warn warner) {
	if at := slices.Index(p.names, trace.Name); at > 0 && p.has(trace.Name) {
		warn(true, "trace stands inside of %s: what they do, and how long it takes, is in no span of the operation", quoted(p.names[:at]))
	}
	warn(p.outside(retry.Name, breaker.Name) && !p.breaker.CountAttempts,
		"retry stands outside of breaker, which counts operations: it takes every attempt for one, so a single operation can open it; set Breaker.CountAttempts or the default order")
	warn(p.outside(timeout.Name, retry.Name),
		"timeout stands outside of retry: %v limits all attempts and waits together, so an attempt that hangs is never repeated", p.attempt)
	warn(p.outside(health.Name, retry.Name),
		"health stands outside of retry: further attempts are made also after the gate has shut")
	warn(p.outside(health.Name, breaker.Name),
		"health stands outside of breaker: what passes the shut gate to test the backend may be refused by the breaker, and then tests nothing")
	for _, name := range refusers {
		warn(p.outside(retry.Name, name),
			"%s stands inside of retry: what it refuses ends an operation whose earlier attempt had failed, and each attempt has to pass it again", name)
	}
	warn(p.has(chaos.Name) && len(p.chaos.Faults) > 0, "chaos is in the chain: it makes attempts fail that would not; it is for tests")
	for _, name := range []string{breaker.Name, retry.Name, timeout.Name, health.Name} {
		warn(p.outside(chaos.Name, name), "chaos stands outside of %s, which never sees what it does", name)
	}
}

// refusers are the stages that refuse for want of room, and are meant to be asked
// once for an operation.
var refusers = []string{bulkhead.Name, ratelimit.Name}

func (p *plan) lintLimits(warn warner) {
	warn(p.operation > 0 && p.attempt >= p.operation,
		"the attempt timeout %v (the default) is not below the operation timeout %v: an attempt that hangs is never repeated; set Timeout.Attempt", p.attempt, p.operation)
	longest, bounded := p.longest(p.attempt)
	warn(!bounded, "nothing limits an operation: without the timeout stage and an operation timeout, one that hangs lasts as long as the caller's context")
	unbounded := *p
	unbounded.operation = 0
	if all, ok := unbounded.longest(p.attempt); ok && p.operation > p.attempt {
		warn(all > longest, "the attempts may take %v together, longer than the operation timeout %v: the last of them are cut short or never made", all, p.operation)
	}
}

func (p *plan) lintRetries(warn warner) {
	if !p.has(retry.Name) || p.retry.MaxRetries <= 0 {
		return
	}
	warn(p.retry.Budget.Unlimited(),
		"the retry budget is unlimited: in an outage the backend gets up to %d times the load", p.retry.MaxRetries+1)
	warn(p.retry.Jitter == retry.NoJitter,
		"retries wait without jitter: clients that failed together come back together")
	warn(p.operation > 0 && p.retry.Interval >= p.operation,
		"Retry.Interval %v is not below the operation timeout %v: most waits do not fit, and then nothing is repeated", p.retry.Interval, p.operation)
}

func (p *plan) lintBreaker(warn warner) {
	if !p.has(breaker.Name) {
		return
	}
	b := &p.breaker
	warn(p.attempt > 0 && b.RecoveryTimeout < p.attempt,
		"Breaker.RecoveryTimeout %v is shorter than the attempt timeout %v: the breaker tries the backend again before the attempts that hang have ended", b.RecoveryTimeout, p.attempt)
	warn(b.CountAttempts && p.has(retry.Name) && b.FailureThreshold <= p.retry.MaxRetries,
		"Breaker.FailureThreshold %d counts attempts, of which one operation makes up to %d: a single operation opens the breaker, and has its last attempts forbidden", b.FailureThreshold, p.retry.MaxRetries+1)
	if limit := p.shortest(); limit > 0 {
		warn(b.FairRun >= limit,
			"Breaker.FairRun %v is not below the limit %v of an operation: a backend that hangs never opens the breaker", b.FairRun, limit)
		warn(b.SlowCallRate > 0 && b.SlowCallThreshold > limit,
			"Breaker.SlowCallThreshold %v is above the limit %v of an attempt: no attempt is ever slow", b.SlowCallThreshold, limit)
	}
}

func (p *plan) lintHealth(warn warner) {
	if !p.has(health.Name) {
		return
	}
	h := &p.health
	warn(p.has(breaker.Name) && h.Interval > p.breaker.RecoveryTimeout,
		"Health.Interval %v is longer than Breaker.RecoveryTimeout %v: after an outage the gate keeps out what the breaker lets through", h.Interval, p.breaker.RecoveryTimeout)
	warn(h.Timeout > h.Interval,
		"Health.Timeout %v is longer than Health.Interval %v: a probe that hangs delays those after it", h.Timeout, h.Interval)
}

func (p *plan) lintOp(warn warner, op core.Op) {
	if op.Timeout == 0 {
		return
	}
	warn(!p.has(timeout.Name),
		"operation %q has a Timeout of %v, but the chain has no timeout stage to heed it", op.Name, op.Timeout)
	warn(p.has(timeout.Name) && p.has(breaker.Name) && p.breaker.RecoveryTimeout < op.Timeout,
		"operation %q has a Timeout of %v, longer than Breaker.RecoveryTimeout %v: the breaker tries the backend again before its attempts that hang have ended", op.Name, op.Timeout, p.breaker.RecoveryTimeout)
}
