// SPDX-License-Identifier: Apache-2.0

package prometheus

import (
	"fmt"

	"github.com/penstock-go/penstock/internal/diagnose/diagnosis"
)

// Parts of a service.
const (
	partCaller    = "caller"
	partStage     = "stage"
	partPool      = "pool"
	partTransport = "transport"
	partBackend   = "backend"
)

// rule says how a fault looks in the metrics. docs/reading-metrics.md has a section for
// each, with its queries.
type rule struct {
	kind, part string
	// says is the rule in a sentence.
	says string
	// queries are the facts that prove it, for the reader of the document.
	queries []fact
	// match returns what it found, nil if the fault is another one.
	match func(*view) *finding
}

// finding is what a rule found.
type finding struct {
	why      string
	evidence []string // selectors of series
}

// found returns a finding.
func found(evidence []string, format string, args ...any) *finding {
	return &finding{fmt.Sprintf(format, args...), evidence}
}

// rules are asked in this order: a cause comes before what follows from it. What this
// process or the server says in words comes first, then what broke the connections, then
// the gates that may have closed because of an error, and last what only the durations
// tell.
var rules = []rule{
	{
		"bad_credentials", partCaller, "The server does not accept the credentials.",
		[]fact{failures, probes}, badCredentials,
	},
	{
		"backend_down", partBackend, "The connections broke, new ones are refused, and nothing succeeds.",
		[]fact{disconnects, connects, ended}, backendDown,
	},
	{
		"server_restarted", partBackend, "The connections broke, new ones were refused, and then everything succeeds again.",
		[]fact{disconnects, connects, ended}, serverRestarted,
	},
	{
		"connection_refused", partTransport, "New connections are refused, and the old ones go on.",
		[]fact{connects, disconnects, ended}, connectionRefused,
	},
	{
		"black_hole", partTransport, "Nothing is answered, and no connection breaks or is refused.",
		[]fact{ended, timeouts, probes, disconnects, connects}, blackHole,
	},
	{
		"server_rate_limit", partBackend, "The server refuses operations because there are too many.",
		[]fact{failures, retries}, serverRateLimit,
	},
	{
		"own_rate_limit", partStage, "The rate limiter of this process refuses operations.",
		[]fact{failures, ended}, ownRateLimit,
	},
	{
		"bulkhead_full", partStage, "The bulkhead refuses operations, and the server is as fast as before.",
		[]fact{failures, mean}, bulkheadFull,
	},
	{
		"leaked_connections", partPool, "Leases are not given back.",
		[]fact{leaks, leases}, leakedConnections,
	},
	{
		"hedging_overload", partStage, "Most reads are hedged, and the server became slow.",
		[]fact{hedges, ended, mean}, hedgingOverload,
	},
	{
		"health_gate_shut", partStage, "The health gate refuses operations, and those that it lets pass succeed.",
		[]fact{gateMoves, failures, ended, probes}, healthGateShut,
	},
	{
		"half_open_probe_failing", partBackend, "The circuit breaker tries again and again, and the server fails each operation, but not the health probes.",
		[]fact{breakerMoves, failures, probes}, halfOpenProbeFailing,
	},
	{
		"breaker_open", partStage, "The circuit breaker is open and has tried nothing since, and the health probes succeed.",
		[]fact{breakerState, breakerMoves, probes}, breakerOpen,
	},
	{
		"one_bad_connection", partTransport, "Nearly all failures are on one connection of several.",
		[]fact{connFailures, ended}, oneBadConnection,
	},
	{
		"pool_too_small", partPool, "Operations wait for a connection in vain, and the server is as fast as before.",
		[]fact{failures, waits, room, leaks, out, working, mean}, poolTooSmall,
	},
	{
		"retry_budget_spent", partStage, "Operations fail that would have been attempted again, but for the budget.",
		[]fact{outcomes, failures, retries}, retryBudgetSpent,
	},
	{
		"deadline_too_short", partCaller, "The caller gives less time than the operations need, and they are as fast as before.",
		[]fact{failures, given, mean}, deadlineTooShort,
	},
	{
		"caller_cancelled", partCaller, "The caller leaves before the result is there, and the server is as fast as before.",
		[]fact{failures, mean}, callerCancelled,
	},
	{
		"wrong_collection", partCaller, "The server says of one collection that it does not exist.",
		[]fact{operations}, wrongCollection,
	},
	{
		"strong_consistency", partCaller, "Reads with Strong consistency are slow, and everything else is as fast as before.",
		[]fact{operations, mean}, strongConsistency,
	},
	{
		"slow_attempt_then_success", partBackend, "Some attempts run into their limit, and succeed when they are repeated.",
		[]fact{timeouts, retries, outcomes}, slowAttemptThenSuccess,
	},
	{
		"hanging_call", partBackend, "A few operations of one name run into the limit of the attempt, and everything else is as fast as before.",
		[]fact{timeouts, failures, outcomes, median}, hangingCall,
	},
	{
		"slow_backend", partBackend, "All operations succeed, and the server takes much longer for each of them.",
		[]fact{mean, median, waits, ended}, slowBackend,
	},
	{
		"metrics_overflow", partCaller, "An attribute has more values than the metrics keep.",
		[]fact{overflow}, metricsOverflow,
	},
}

// judge asks the rules in their order.
func judge(v *view) diagnosis.Verdict {
	for _, r := range rules {
		if f := r.match(v); f != nil {
			return diagnosis.Verdict{Kind: r.kind, Part: r.part, Evidence: f.evidence, Why: r.says + " " + f.why}
		}
	}
	for _, s := range symptoms {
		if f := s.match(v); f != nil {
			return diagnosis.Verdict{Kind: diagnosis.Unknown, Part: s.part, Evidence: f.evidence, Why: s.says + " " + f.why}
		}
	}
	return diagnosis.Verdict{Kind: diagnosis.Healthy, Why: "No metric is out of the ordinary."}
}
