// SPDX-License-Identifier: Apache-2.0

package jaeger

import "fmt"

// The parts of a fault.
const (
	caller    = "caller"
	stage     = "stage"
	pool      = "pool"
	transport = "transport"
	backend   = "backend"
)

// rule names one fault. Its match returns the traces that prove the fault, nil if they do
// not.
type rule struct {
	kind, part string
	// says is what the telemetry says of this fault and of no other. It is the same as in
	// docs/reading-traces.md.
	says  string
	match func(*window) *proof
}

// proof is what makes a diagnosis.
type proof struct {
	traces []string
	why    string
}

// by returns a proof by up to three of the operations.
func by(os operations, why string, args ...any) *proof {
	return &proof{os.ids(), fmt.Sprintf(why, args...)}
}

// rules are tried in this order: a cause stands before what follows from it. The first
// that matches holds.
var rules = []rule{
	// The backend says what is wrong.
	{"bad_credentials", caller, "error.type=unauthenticated, on operations or as the cause of refusals", badCredentials},
	{"server_rate_limit", backend, "error.type=rate_limited, with a code of the backend", serverRateLimit},

	// The process itself is the load.
	{"hedging_overload", stage, "most reads are hedged, sooner than an answer could come, and are slower since", hedgingOverload},

	// The process refuses, and nothing behind it is wrong.
	{"own_rate_limit", stage, "error.type=local_rate_limit, while the backend is as fast as before", ownRateLimit},
	{"bulkhead_full", stage, "error.type=bulkhead_full, while the backend is as fast as before", bulkheadFull},
	{"leaked_connections", pool, "error.type=pool_timeout, and a holder that is no operation has had its connection for far longer than operations take", leakedConnections},
	{"pool_too_small", pool, "error.type=pool_timeout, and all holders are operations under way", poolTooSmall},

	// Connections break, or cannot be made.
	{"connection_refused", transport, "pool.connect fails with connection refused, while operations go on", connectionRefused},
	{"server_restarted", backend, "operations failed with connection refused, and succeed again", serverRestarted},
	{"backend_down", backend, "operations fail with connection refused until the end", backendDown},
	{"black_hole", transport, "every attempt, probe and dial times out until the end", blackHole},
	{"one_bad_connection", transport, "failed attempts have one penstock.connection.number, and others succeed", oneBadConnection},

	// A refusal outlives its cause, or has none that concerns operations.
	{"breaker_open", stage, "error.type=circuit_open until the end, reopened 0 times, and the last probe was ok", breakerOpen},
	{"half_open_probe_failing", backend, "error.type=circuit_open until the end, reopened, and the cause is an answer of the backend", halfOpenProbeFailing},
	{"health_gate_shut", stage, "error.type=unhealthy, while the operations that get through succeed", healthGateShut},
	{"retry_budget_spent", stage, "penstock.retry.outcome=budget on most failures, while repeated operations recover", retryBudgetSpent},

	// Time.
	{"strong_consistency", caller, "reads are slow since they have milvus.consistency_level=Strong, and nothing else is", strongConsistency},
	{"slow_backend", backend, "all operations take several times as long as before, asked for in the same way", slowBackend},
	{"deadline_too_short", caller, "error.type=deadline_exceeded, and penstock.deadline is shorter than what operations have always taken", deadlineTooShort},
	{"caller_cancelled", caller, "error.type=canceled before an answer could come, while other operations are as fast as before", callerCancelled},
	{"hanging_call", backend, "error.type=timeout on few operations of one kind, which are not repeated, while others are as fast as before", hangingCall},
	{"slow_attempt_then_success", backend, "penstock.retry.outcome=recovered after a timeout, while others are as fast as before", slowAttemptThenSuccess},

	// Nothing fails in the backend.
	{"wrong_collection", caller, "the backend answers that there is no such collection, to one that was never found", wrongCollection},
	{"metrics_overflow", caller, "operations have penstock.telemetry.attribute, or name ever new targets that differ in a number only", metricsOverflow},
}
