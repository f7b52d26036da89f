// SPDX-License-Identifier: Apache-2.0

package otelx

import "go.opentelemetry.io/otel/attribute"

// ScopeName is the name of the tracer and the meter.
const ScopeName = "github.com/penstock-go/penstock/otelx"

// Names of spans. That of an operation is made of its name and target, that of
// an attempt of the operation's name and [SpanAttemptSuffix].
const (
	SpanAttemptSuffix = " attempt"
	SpanAcquire       = "pool.acquire"
	SpanConnect       = "pool.connect"
)

// Names of span events.
const (
	EventRetry      = "penstock.retry"
	EventTransition = "penstock.circuit_breaker.transition"
	EventHealth     = "penstock.health.transition"
)

// Attributes of the semantic conventions.
const (
	AttrSystem      attribute.Key = "db.system.name"
	AttrOperation   attribute.Key = "db.operation.name"
	AttrCollection  attribute.Key = "db.collection.name"
	AttrNamespace   attribute.Key = "db.namespace"
	AttrStatusCode  attribute.Key = "db.response.status_code"
	AttrPoolName    attribute.Key = "db.client.connection.pool.name"
	AttrPoolState   attribute.Key = "db.client.connection.state"
	AttrAddress     attribute.Key = "server.address"
	AttrPort        attribute.Key = "server.port"
	AttrErrorType   attribute.Key = "error.type"
	AttrPeerName    attribute.Key = "service.peer.name"
	AttrPeerService attribute.Key = "peer.service" // deprecated there, but what Jaeger reads
)

// Attributes of Penstock's own.
const (
	AttrAttempt         attribute.Key = "penstock.attempt"
	AttrRetryDelay      attribute.Key = "penstock.retry.delay"
	AttrRetryAttempts   attribute.Key = "penstock.retry.attempts"
	AttrRetryOutcome    attribute.Key = "penstock.retry.outcome"
	AttrRetryAfter      attribute.Key = "penstock.retry_after"
	AttrBreakerName     attribute.Key = "penstock.circuit_breaker.name"
	AttrBreakerState    attribute.Key = "penstock.circuit_breaker.state"
	AttrBreakerFrom     attribute.Key = "penstock.circuit_breaker.from"
	AttrBreakerTo       attribute.Key = "penstock.circuit_breaker.to"
	AttrHealthFrom      attribute.Key = "penstock.health.from"
	AttrHealthTo        attribute.Key = "penstock.health.to"
	AttrTimeoutDuration attribute.Key = "penstock.timeout.duration"
	AttrTimeoutScope    attribute.Key = "penstock.timeout.scope"
	AttrCloseReason     attribute.Key = "penstock.close.reason"
	AttrLink            attribute.Key = "penstock.link"
)

// Values of [AttrLink]: what the linked span has to do with this one.
const (
	LinkOpenedBy = "opened_by" // it opened the circuit breaker that rejected this operation
	LinkNeededBy = "needed_by" // it needed the connection that this dial makes
)

// Metrics of the semantic conventions.
const (
	MetricOperationDuration = "db.client.operation.duration"
	MetricConnCount         = "db.client.connection.count"
	MetricConnIdleMax       = "db.client.connection.idle.max"
	MetricConnIdleMin       = "db.client.connection.idle.min"
	MetricConnMax           = "db.client.connection.max"
	MetricConnPending       = "db.client.connection.pending_requests"
	MetricConnTimeouts      = "db.client.connection.timeouts"
	MetricConnCreateTime    = "db.client.connection.create_time"
	MetricConnWaitTime      = "db.client.connection.wait_time"
	MetricConnUseTime       = "db.client.connection.use_time"
)

// Metrics of Penstock's own.
const (
	MetricRetries       = "penstock.retries"
	MetricRetryOutcomes = "penstock.retry.outcomes"
	MetricTransitions   = "penstock.circuit_breaker.transitions"
	MetricHealth        = "penstock.health.transitions"
	MetricTimeouts      = "penstock.timeouts"
	MetricConnClosed    = "penstock.pool.connections.closed"
)
