// SPDX-License-Identifier: Apache-2.0

package prometheus

import "slices"

func ownRateLimit(v *view) *finding {
	limited := pick{byError, "local_rate_limit"}
	if n := v.rise(failures, late, limited); n > enough {
		return found([]string{v.cite(failures, limited)}, "%.0f of %.0f operations were refused, with %.1f times as many as at the begin.", n, v.total(late), v.busier())
	}
	return nil
}

func bulkheadFull(v *view) *finding {
	full := pick{byError, "bulkhead_full"}
	n := v.rise(failures, late, full)
	if n < enough || v.isSlower() {
		return nil
	}
	return found([]string{v.cite(failures, full)}, "%.0f of %.0f operations were refused.", n, v.total(late))
}

func leakedConnections(v *view) *finding {
	n := v.sum(leaks, whole)
	if n < 0.5 || v.sum(leases, tail) < 0.5 {
		return nil
	}
	return found([]string{v.cite(leaks), v.cite(leases)}, "%.0f leases are out for too long, and at least %.0f were out at any time.", n, v.sum(leases, tail))
}

// hedged are the outcomes of a second run that was made.
const hedged = "won|lost|failed"

// defaultBudget returns the most second runs of so many operations that the default budget
// of a hedger grants in the second half: a tenth, ten a second, and what it saved up.
func (v *view) defaultBudget(operations float64) float64 {
	_, length := late.span(v.begin, v.end)
	return operations/10 + 10*((length-after).Seconds()+10)
}

func hedgingOverload(v *view) *finding {
	ran := pick{byHedge, hedged}
	n, before := v.sum(hedges, late, ran), v.sum(hedges, early, ran)
	var reads float64
	for _, r := range v.rows(hedges, late) {
		if r.value() > 0.5 && r.has([]pick{ran}) {
			reads = max(reads, v.sum(operations, late, pick{byOperation, r.Series[byOperation]}))
		}
	}
	if n < 0.4*reads || n < v.defaultBudget(reads) || before/v.total(early) > n/v.total(late)/2 {
		return nil
	}
	for _, r := range v.rows(hedges, late) {
		name := pick{byOperation, r.Series[byOperation]}
		if was, now := v.mean(early, name), v.mean(late, name); was > 0 && now > 2*was {
			return found([]string{v.cite(hedges, ran), v.cite(durations, name)},
				"There are %.0f second runs for %.0f operations, and %s takes %.0f ms in place of %.0f ms.", n, v.total(late), name.value, 1000*now, 1000*was)
		}
	}
	return nil
}

func healthGateShut(v *view) *finding {
	shut := pick{byHealthTo, "down"}
	refused := v.failed(late, "unhealthy")
	others := v.otherwiseFailed(gates)
	if v.sum(gateMoves, whole, shut) < 0.5 || refused < enough || v.served(late) < 0.5 || others > 0.1*v.served(late) {
		return nil
	}
	if v.probesFailed(late) < 0.5 || v.cut(whole) > 0.5 {
		return nil
	}
	return found([]string{v.cite(gateMoves, shut), v.cite(failures, pick{byError, "unhealthy"})},
		"%.0f operations were refused, %.0f succeeded, %.0f failed otherwise.", refused, v.served(late), others)
}

// reopened returns how often a half-open breaker opened again.
func (v *view) reopened() float64 {
	return v.sum(breakerMoves, whole, pick{byFrom, "half_open"}, pick{byTo, "open"})
}

// reachable reports whether the server answers health probes and no connection breaks.
func (v *view) reachable() bool {
	return v.probesOK(tail) > 0.5 && v.probesFailed(tail) < 0.5 && v.cut(late) < 0.5 && v.refused(late) < 0.5
}

func halfOpenProbeFailing(v *view) *finding {
	if v.reopened() < 1.5 || !v.reachable() || v.served(late) > 0.1*v.total(late) {
		return nil
	}
	return found([]string{v.cite(breakerMoves, pick{byFrom, "half_open"}, pick{byTo, "open"}), v.cite(probes, pick{byError, ""})},
		"It opened again %.0f times, and %.0f health probes succeeded.", v.reopened(), v.probesOK(late))
}

func breakerOpen(v *view) *finding {
	open := pick{byState, "open"}
	opened := v.sum(breakerMoves, whole, pick{byFrom, "closed"}, pick{byTo, "open"})
	if opened < 0.5 || v.sum(breakerState, tail, open) < 0.5 || v.reopened() > 0.5 || v.served(tail) > 0.5 || !v.reachable() {
		return nil
	}
	return found([]string{v.cite(breakerState, open), v.cite(probes, pick{byError, ""})},
		"%.0f operations were refused, and %.0f health probes succeeded.", v.failed(late, "circuit_open"), v.probesOK(late))
}

func poolTooSmall(v *view) *finding {
	full := pick{byError, "pool_timeout|too_many_waiters"}
	n := v.rise(failures, late, full)
	if n < enough || v.sum(leaks, whole) > 0.5 || v.sum(room, late) > 0.5 || v.sum(stuck, late) > 0.5 || v.isSlower() || v.served(late) < n {
		return nil
	}
	if v.busy() < v.sum(out, late)/2 {
		return nil // the leases are out, and no operation works with them
	}
	return found([]string{v.cite(failures, full), v.cite(room)},
		"%.0f operations got no connection, and %.1f of %.0f leases are at work, with %.1f times as many operations as at the begin.",
		n, v.busy(), v.sum(out, late), v.busier())
}

func retryBudgetSpent(v *view) *finding {
	spent := pick{byOutcome, "budget"}
	n, all := v.rise(outcomes, late, spent), v.otherwiseFailed(gates)
	if n < enough || n < all/2 {
		return nil
	}
	return found([]string{v.cite(outcomes, spent)}, "%.0f of %.0f operations that failed were not attempted again.", n, all)
}

func deadlineTooShort(v *view) *finding {
	short := pick{byError, "deadline_exceeded"}
	if v.rise(failures, late, short) < enough || v.isSlower() {
		return nil
	}
	for _, r := range v.rows(deadlines, late) {
		name := pick{byOperation, r.Series[byOperation]}
		given, needed := v.sum(deadlineSeconds, late, name)/r.value(), v.mean(early, name)
		if r.value() > enough && given < 1.2*needed {
			return found([]string{v.cite(failures, short, name), v.cite(deadlines, name)},
				"%.0f times %s had %.0f ms, and it took %.0f ms at the begin.", r.value(), name.value, 1000*given, 1000*needed)
		}
	}
	return nil
}

func callerCancelled(v *view) *finding {
	left := pick{byError, "canceled"}
	n := v.rise(failures, late, left)
	if n < enough || v.isSlower() {
		return nil
	}
	return found([]string{v.cite(failures, left)}, "%.0f of %.0f operations were canceled.", n, v.total(late))
}

// missing is the code of Milvus for a collection that does not exist.
const missing = "100"

func wrongCollection(v *view) *finding {
	for _, r := range v.rows(operations, late) {
		collection := pick{byCollection, r.Series[byCollection]}
		isMissing := r.has([]pick{{byCode, missing}})
		if r.value() > enough && isMissing && v.sum(operations, late, collection, pick{byCode, ""}) < 0.5 {
			return found([]string{v.cite(operations, collection, pick{byCode, missing})}, "Nothing succeeds in %s, which %.0f operations asked.", collection.value, r.value())
		}
	}
	return nil
}

func strongConsistency(v *view) *finding {
	strong := pick{byConsistency, "Strong"}
	for _, r := range v.rows(operations, late) {
		name := pick{byOperation, r.Series[byOperation]}
		if !r.has([]pick{strong, {byError, ""}}) || r.value() < enough {
			continue
		}
		before, now := v.mean(early, name), v.mean(late, name, strong)
		if before == 0 || now < times*before || v.sum(operations, early, name, strong) > v.sum(operations, early, name)/2 {
			continue
		}
		if v.slowWithout(strong) {
			return nil
		}
		return found([]string{v.cite(durations, name, strong)}, "%s takes %.0f ms with Strong consistency, and took %.0f ms.", name.value, 1000*now, 1000*before)
	}
	return nil
}

// slowWithout reports whether operations of another consistency, or of none, are slow as
// well.
func (v *view) slowWithout(strong pick) bool {
	slow, _ := v.slower()
	for _, r := range v.rows(operations, late) {
		t := target{r.Series[byOperation], r.Series[byCollection]}
		if r.has([]pick{strong}) || r.value() < 2*enough || !slices.Contains(slow, t) {
			continue
		}
		other := append(t.picks(), pick{byConsistency, r.Series[byConsistency]})
		if before := v.mean(early, other...); before > 0 && v.mean(late, other...) > times*before {
			return true
		}
	}
	return false
}

func metricsOverflow(v *view) *finding {
	for _, r := range v.rows(overflow, late) {
		if r.value() > enough {
			attribute := pick{byAttribute, r.Series[byAttribute]}
			return found([]string{v.cite(overflow, attribute)}, "%.0f measurements have another %s than the metrics keep.", r.value(), attribute.value)
		}
	}
	return nil
}
