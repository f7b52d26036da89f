// SPDX-License-Identifier: Apache-2.0

// Package errtype has the error types that several packages give: values of the
// error.type attribute in telemetry. docs/telemetry.md lists all error types.
package errtype

// The error types.
const (
	BulkheadFull = "bulkhead_full"
	Canceled     = "canceled"
	Deadline     = "deadline_exceeded"
	LocalLimit   = "local_rate_limit" // a limiter of this process refused
	Other        = "_OTHER"           // of an error without a type, as OpenTelemetry names it
	Panic        = "panic"
	PoolClosed   = "pool_closed"
	RateLimited  = "rate_limited" // the backend refused
	Timeout      = "timeout"
)
