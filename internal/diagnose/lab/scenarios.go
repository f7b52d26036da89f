// SPDX-License-Identifier: Apache-2.0

package lab

import "slices"

// Row is a scenario in the table.
type Row struct {
	// Kind names what is wrong. Healthy is a kind too.
	Kind string
	// Part is where the cause is: caller, stage, pool, transport or backend. It is
	// empty for Healthy.
	Part string
	// Scenario makes it.
	Scenario Scenario
}

// Healthy is the kind of a service in which nothing is wrong.
const Healthy = "healthy"

// faults are the kinds that a diagnosis has to name. Some are partial, in every run:
// deadline_too_short, caller_cancelled and wrong_collection hit one caller,
// server_rate_limit hits one collection, and hanging_call hits about one operation in a
// hundred.
var faults = []Row{
	{"backend_down", "backend", backendDown},
	{"connection_refused", "transport", connectionRefused},
	{"black_hole", "transport", blackHole},
	{"slow_backend", "backend", slowBackend},
	{"strong_consistency", "caller", strongConsistency},
	{"hanging_call", "backend", hangingCall},
	{"slow_attempt_then_success", "backend", slowAttemptThenSuccess},
	{"server_rate_limit", "backend", serverRateLimit},
	{"own_rate_limit", "stage", ownRateLimit},
	{"bulkhead_full", "stage", bulkheadFull},
	{"wrong_collection", "caller", wrongCollection},
	{"pool_too_small", "pool", poolTooSmall},
	{"leaked_connections", "pool", leakedConnections},
	{"breaker_open", "stage", breakerOpen},
	{"half_open_probe_failing", "backend", halfOpenProbeFailing},
	{"health_gate_shut", "stage", healthGateShut},
	{"deadline_too_short", "caller", deadlineTooShort},
	{"caller_cancelled", "caller", callerCancelled},
	{"retry_budget_spent", "stage", retryBudgetSpent},
	{"one_bad_connection", "transport", oneBadConnection},
	{"bad_credentials", "caller", badCredentials},
	{"server_restarted", "backend", serverRestarted},
	{"hedging_overload", "stage", hedgingOverload},
	{"metrics_overflow", "caller", metricsOverflow},
}

// healthy are the ways in which a service can be well. A diagnosis must not raise an
// alarm about any of them.
var healthy = []Row{
	{Healthy, "", idle},
	{Healthy, "", loaded},
	{Healthy, "", plannedRestart},
}

// Kinds returns the names of the faults that a diagnosis has to name, in the order of
// the table.
func Kinds() []string { return kinds(faults) }

func kinds(rows []Row) []string {
	var names []string
	for _, r := range rows {
		names = append(names, r.Kind)
	}
	return names
}

// row returns the row of a case, and whether a diagnosis has to name its kind. ok is
// false if there is no such kind.
func (c Case) row() (row Row, named, ok bool) {
	if c.Kind == Healthy {
		return healthy[int(c.Seed%uint64(len(healthy)))], true, true
	}
	is := func(r Row) bool { return r.Kind == c.Kind }
	if i := slices.IndexFunc(faults, is); i >= 0 {
		return faults[i], true, true
	}
	if i := slices.IndexFunc(heldOut, is); i >= 0 {
		return heldOut[i], false, true
	}
	return Row{}, false, false
}
