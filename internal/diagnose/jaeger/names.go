// SPDX-License-Identifier: Apache-2.0

package jaeger

// The names that the rules read, see docs/telemetry.md.
const (
	scope = "github.com/penstock-go/penstock/otelx"

	tagScope      = "otel.scope.name"
	tagSpanKind   = "span.kind"
	tagStatus     = "otel.status_description"
	tagOperation  = "db.operation.name"
	tagCollection = "db.collection.name"
	tagErrorType  = "error.type"
	tagCode       = "db.response.status_code"

	tagAnswer          = "penstock.answer"
	tagCauseType       = "penstock.cause.type"
	tagCauseMessage    = "penstock.cause.message"
	tagProbeResult     = "penstock.probe.result"
	tagReopened        = "penstock.circuit_breaker.reopened"
	tagConnection      = "penstock.connection.number"
	tagConsistency     = "milvus.consistency_level"
	tagDeadline        = "penstock.deadline"
	tagDisconnect      = "penstock.disconnect.reason"
	tagErrorMessage    = "penstock.error.message"
	tagEvidence        = "penstock.evidence"
	tagHedge           = "penstock.hedge"
	tagHedgeOutcome    = "penstock.hedge.outcome"
	tagHolders         = "penstock.connection.holders"
	tagRetryOutcome    = "penstock.retry.outcome"
	tagStage           = "penstock.stage"
	tagTelemetry       = "penstock.telemetry.attribute"
	tagTimeoutAttempt  = "penstock.timeout.attempt"
	tagTimeoutDuration = "penstock.timeout.duration"
	tagWait            = "penstock.wait.duration"

	eventExhausted = "penstock.pool.exhausted"
	eventRetry     = "penstock.retry"
	eventWait      = "penstock.wait"

	spanConnect = "pool.connect"
)

// The values of error.type that the rules know. All others are codes of the backend,
// or names of gRPC's status.
const (
	errBulkhead    = "bulkhead_full"
	errCanceled    = "canceled"
	errConnect     = "connect_error"
	errDeadline    = "deadline_exceeded"
	errInvalid     = "invalid_request"
	errLocalRate   = "local_rate_limit"
	errOpen        = "circuit_open"
	errPanic       = "panic"
	errPoolClosed  = "pool_closed"
	errPoolTimeout = "pool_timeout"
	errRateLimited = "rate_limited"
	errTimeout     = "timeout"
	errTooMany     = "too_many_waiters"
	errUnauth      = "unauthenticated"
	errUnavailable = "UNAVAILABLE"
	errUnhealthy   = "unhealthy"
)
