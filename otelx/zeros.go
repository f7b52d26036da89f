// SPDX-License-Identifier: Apache-2.0

package otelx

import (
	"context"

	"github.com/penstock-go/penstock/internal/hedged"
)

// Values that attributes may have. Their stages give them; the tests of package
// integration compare them with the stages.
var (
	breakerStates = []string{"closed", "open", "half_open", "forced_open", "forced_closed", "disabled"}
	retryOutcomes = []string{
		"recovered", "answered", "exhausted", "not_retryable", "unsafe", "limited", "forbidden",
		"rejected", "retry_after", "budget", "deadline", "canceled", "closed", "panicked",
	}
	evidenceReasons = []string{evidenceRejected, evidenceFailed, evidenceRecovered, evidenceHedged, evidenceSlow}
	hedgeOutcomes   = []string{hedged.Won, hedged.Lost, hedged.Failed, hedged.Refused}
	userFunctions   = []string{"Alive", "AttributesFunc", "Close", "Dial", "Key", "LookupHost", "OnChange", "OnLeak", "OnTransition", "OnUse", "Ping", "Probe", "TransportStats"}
)

const (
	scopeAttempt   = "attempt"
	scopeOperation = "operation"

	admitted = "admitted"
	rejected = "rejected"

	up   = "up"
	down = "down"
)

// zero gives the counters whose series are known beforehand their zeros, so that
// increase() sees the first count. A breaker moves by itself between closed, open and
// half-open; transitions made by hand have no zero.
func (o *Observer) zero(f Figures) {
	ctx, i := context.Background(), o.inst
	for _, outcome := range retryOutcomes {
		i.outcomes.Add(ctx, 0, i.outcomeLabels.of(outcome))
	}
	for _, scope := range []string{scopeAttempt, scopeOperation} {
		i.timeouts.Add(ctx, 0, i.timeoutLabels.of(scope))
	}
	for _, function := range userFunctions {
		i.panics.Add(ctx, 0, i.panicLabels.of(function))
	}
	for _, b := range f.Breakers {
		for _, t := range [][2]string{{"closed", "open"}, {"open", "half_open"}, {"half_open", "open"}, {"half_open", "closed"}} {
			i.transitions.Add(ctx, 0, i.transitionLabels.of(b.Name, t[0], t[1]))
		}
	}
	if o.evidence != nil {
		for _, why := range evidenceReasons {
			o.traces.zero(why, true)
			o.traces.zero(why, false)
		}
	} else if o.refusals != nil {
		o.traces.zero(evidenceRejected, false)
	}
	if f.Up != nil {
		i.health.Add(ctx, 0, i.healthLabels.of(up, down))
		i.health.Add(ctx, 0, i.healthLabels.of(down, up))
	}
}

// zeroHedges gives the second runs of an operation their zeros. Most hedged operations have
// no second run, so the zeros are there long before the first count.
func (o *Observer) zeroHedges(s *series) {
	if s.hedged.Load() || s.hedged.Swap(true) {
		return
	}
	ctx := context.Background()
	for _, outcome := range hedgeOutcomes {
		o.inst.hedges.Add(ctx, 0, o.inst.hedgeLabels.of(s.operation, outcome))
	}
}
