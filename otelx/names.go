// SPDX-License-Identifier: Apache-2.0

package otelx

import "go.opentelemetry.io/otel/attribute"

// ScopeName is the name of the tracer and of the meter. With it and the names in
// docs/telemetry.md a view finds a metric of this package.
const ScopeName = "github.com/penstock-go/penstock/otelx"

// Names of spans. The span of an operation is named for the operation and its
// target, and the span of an attempt for the operation and spanAttemptSuffix.
const (
	spanAttemptSuffix = " attempt"
	spanAcquire       = "pool.acquire"
	spanConnect       = "pool.connect"
	spanValidate      = "pool.validate"
	spanProbe         = "health.check"
)

// Names of span events.
const (
	eventRetry      = "penstock.retry"
	eventTransition = "penstock.circuit_breaker.transition"
	eventHealth     = "penstock.health.transition"
	eventWait       = "penstock.wait"
	eventExhausted  = "penstock.pool.exhausted"
	eventEndpoint   = "penstock.endpoint.changed"
)

// Attributes of the semantic conventions.
const (
	attrSystem      attribute.Key = "db.system.name"
	attrOperation   attribute.Key = "db.operation.name"
	attrCollection  attribute.Key = "db.collection.name"
	attrNamespace   attribute.Key = "db.namespace"
	attrStatusCode  attribute.Key = "db.response.status_code"
	attrPoolName    attribute.Key = "db.client.connection.pool.name"
	attrPoolState   attribute.Key = "db.client.connection.state"
	attrAddress     attribute.Key = "server.address"
	attrPort        attribute.Key = "server.port"
	attrErrorType   attribute.Key = "error.type"
	attrPeerName    attribute.Key = "service.peer.name"
	attrPeerService attribute.Key = "peer.service" // deprecated by the conventions, and the one that Jaeger reads
)

// Attributes of Penstock's own.
const (
	attrHedge           attribute.Key = "penstock.hedge"
	attrAnswer          attribute.Key = "penstock.answer"
	attrAttempt         attribute.Key = "penstock.attempt"
	attrRetryDelay      attribute.Key = "penstock.retry.delay"
	attrRetryAttempts   attribute.Key = "penstock.retry.attempts"
	attrRetryOutcome    attribute.Key = "penstock.retry.outcome"
	attrRetryAfter      attribute.Key = "penstock.retry_after"
	attrBreakerName     attribute.Key = "penstock.circuit_breaker.name"
	attrBreakerState    attribute.Key = "penstock.circuit_breaker.state"
	attrBreakerFrom     attribute.Key = "penstock.circuit_breaker.from"
	attrBreakerTo       attribute.Key = "penstock.circuit_breaker.to"
	attrBreakerReason   attribute.Key = "penstock.circuit_breaker.reason"
	attrHealthFrom      attribute.Key = "penstock.health.from"
	attrHealthTo        attribute.Key = "penstock.health.to"
	attrTimeoutDuration attribute.Key = "penstock.timeout.duration"
	attrTimeoutScope    attribute.Key = "penstock.timeout.scope"
	attrCloseReason     attribute.Key = "penstock.close.reason"
	attrLink            attribute.Key = "penstock.link"
	attrStage           attribute.Key = "penstock.stage"
	attrWaitDuration    attribute.Key = "penstock.wait.duration"
	attrFunction        attribute.Key = "penstock.function"

	attrEvidence         attribute.Key = "penstock.evidence"
	attrEvidenceDropped  attribute.Key = "penstock.evidence.dropped"
	attrEvidenceOmitted  attribute.Key = "penstock.evidence.omitted"
	attrEvidenceExported attribute.Key = "penstock.evidence.exported"
	attrHolders          attribute.Key = "penstock.connection.holders"
	attrConnNumber       attribute.Key = "penstock.connection.number"
	// Why an operation failed or was rejected.
	attrErrorMessage     attribute.Key = "penstock.error.message"
	attrCauseType        attribute.Key = "penstock.cause.type"
	attrCauseMessage     attribute.Key = "penstock.cause.message"
	attrCauseAge         attribute.Key = "penstock.cause.age"
	attrProbeResult      attribute.Key = "penstock.probe.result"
	attrProbeMessage     attribute.Key = "penstock.probe.message"
	attrProbeAge         attribute.Key = "penstock.probe.age"
	attrBreakerReopened  attribute.Key = "penstock.circuit_breaker.reopened"
	attrBulkheadLimit    attribute.Key = "penstock.bulkhead.limit"
	attrRateLimit        attribute.Key = "penstock.ratelimit.limit"
	attrDeadline         attribute.Key = "penstock.deadline"
	attrTimeoutAttempt   attribute.Key = "penstock.timeout.attempt"
	attrTimeoutOperation attribute.Key = "penstock.timeout.operation"
	attrHedgeOutcome     attribute.Key = "penstock.hedge.outcome"
	attrAdmission        attribute.Key = "penstock.admission"

	attrTelemetryAttribute attribute.Key = "penstock.telemetry.attribute"
	attrDisconnectReason   attribute.Key = "penstock.disconnect.reason"

	attrConfigOutcome attribute.Key = "penstock.configuration.outcome"

	attrEndpointState  attribute.Key = "penstock.endpoint.state"
	attrEndpointReason attribute.Key = "penstock.endpoint.reason"
)

// Values of attrConfigOutcome.
const (
	changeApplied = "applied"
	changeRefused = "refused"
)

// stagePool is the value of attrStage for a wait for a connection.
const stagePool = "pool"

// Values of attrLink. They say what the linked span did.
const (
	linkOpenedBy = "opened_by" // it opened the circuit breaker that rejected this operation
	linkNeededBy = "needed_by" // it needed the connection that this dial makes
)

// Metrics of Penstock's own. Package dbconv makes the metrics of the semantic
// conventions, and has their names.
const (
	metricEndpointState     = "penstock.endpoint.state"
	metricEndpointInFlight  = "penstock.endpoint.in_flight"
	metricEndpointEjections = "penstock.endpoint.ejections"
	metricEndpointLatency   = "penstock.endpoint.latency"

	metricRetries       = "penstock.retries"
	metricRetryOutcomes = "penstock.retry.outcomes"
	metricTransitions   = "penstock.circuit_breaker.transitions"
	metricHealth        = "penstock.health.transitions"
	metricTimeouts      = "penstock.timeouts"
	metricConnClosed    = "penstock.pool.connections.closed"
	metricConnLeaving   = "penstock.pool.connections.leaving"
	metricConnFailures  = "penstock.pool.connection.failures"
	metricLeases        = "penstock.pool.leases.active"
	metricLeasesLeft    = "penstock.pool.leases.remaining"
	metricLeaks         = "penstock.pool.leases.leaked"
	metricWaitsCanceled = "penstock.pool.waits.canceled"
	metricStuck         = "penstock.pool.calls.stuck"
	metricValidations   = "penstock.pool.validations"
	metricWait          = "penstock.wait.duration"
	metricPanics        = "penstock.panics"
	metricEvidence      = "penstock.evidence.traces"
	metricDeadline      = "penstock.deadline.duration"
	metricHedges        = "penstock.hedges"

	metricRetryCount = "penstock.retry.count"
	metricRetryDelay = "penstock.retry.total_delay"
	metricAttempt    = "penstock.attempt.duration"
	metricProbe      = "penstock.health.check.duration"

	metricFailures        = "penstock.operation.failures"
	metricFallbacks       = "penstock.fallbacks"
	metricOverflow        = "penstock.telemetry.overflow"
	metricBreakerState    = "penstock.circuit_breaker.state"
	metricRecovery        = "penstock.circuit_breaker.recovery_timeout"
	metricHealthStatus    = "penstock.health.status"
	metricRetryBudget     = "penstock.retry.budget.remaining"
	metricTimeoutLimit    = "penstock.timeout.limit"
	metricBulkheadRunning = "penstock.bulkhead.running"
	metricBulkheadWaiting = "penstock.bulkhead.waiting"
	metricBulkheadLimit   = "penstock.bulkhead.limit"
	metricBulkheadOps     = "penstock.bulkhead.operations"
	metricLimiterLimit    = "penstock.ratelimit.limit"
	metricLimiterOps      = "penstock.ratelimit.operations"
	metricGeneration      = "penstock.configuration.generation"
	metricConfigChanges   = "penstock.configuration.changes"
	metricAsyncRunning    = "penstock.async.running"
	metricAsyncLimit      = "penstock.async.limit"
	metricAsyncRejected   = "penstock.async.rejected"
	metricConnects        = "penstock.transport.connects"
	metricDisconnects     = "penstock.transport.disconnects"
)
