// SPDX-License-Identifier: Apache-2.0

package prometheus

import (
	"fmt"
	"strings"
	"time"
)

// fact is a query, as it stands in docs/reading-metrics.md: of a service called shop and
// the last five minutes.
type fact struct {
	metric string // which the query reads
	query  string
}

// increase returns the fact how much a counter rose, by labels.
func increase(metric string, by ...string) fact {
	return fact{metric, fmt.Sprintf(`sum%s (increase(%s{job="shop"}[5m]))`, group(by), metric)}
}

// lowest and highest return the fact how low or high a gauge was.
func lowest(metric string, by ...string) fact {
	return fact{metric, fmt.Sprintf(`min%s (min_over_time(%s{job="shop"}[5m]))`, group(by), metric)}
}

func highest(metric string, by ...string) fact {
	return fact{metric, fmt.Sprintf(`max%s (max_over_time(%s{job="shop"}[5m]))`, group(by), metric)}
}

func group(by []string) string {
	if len(by) == 0 {
		return ""
	}
	return " by (" + strings.Join(by, ", ") + ")"
}

// Labels of the facts.
const (
	byOperation   = "db_operation_name"
	byCollection  = "db_collection_name"
	byConsistency = "milvus_consistency_level"
	byError       = "error_type"
	byAnswer      = "penstock_answer"
	byCode        = "db_response_status_code"
	byReason      = "penstock_disconnect_reason"
	byState       = "penstock_circuit_breaker_state"
	byFrom        = "penstock_circuit_breaker_from"
	byTo          = "penstock_circuit_breaker_to"
	byHealthTo    = "penstock_health_to"
	byScope       = "penstock_timeout_scope"
	byOutcome     = "penstock_retry_outcome"
	byStage       = "penstock_stage"
	byNumber      = "penstock_connection_number"
	byHedge       = "penstock_hedge_outcome"
	byAttribute   = "penstock_telemetry_attribute"
)

// The facts that rules ask for.
var (
	ended      = increase("db_client_operation_duration_seconds_count", byOperation, byError, byAnswer)
	operations = increase("db_client_operation_duration_seconds_count", byOperation, byCollection, byConsistency, byError, byAnswer, byCode)
	durations  = increase("db_client_operation_duration_seconds_sum", byOperation, byCollection, byConsistency, byError, byAnswer, byCode)
	median     = fact{
		"db_client_operation_duration_seconds_bucket",
		`histogram_quantile(0.5, sum by (le, db_operation_name, db_collection_name) (increase(db_client_operation_duration_seconds_bucket{job="shop", error_type=""}[5m])))`,
	}
	mean = fact{ // durations by operations, for the reader of the document
		"db_client_operation_duration_seconds_sum",
		`sum by (db_operation_name, db_collection_name, milvus_consistency_level) (increase(db_client_operation_duration_seconds_sum{job="shop", error_type=""}[5m])) / ` +
			`sum by (db_operation_name, db_collection_name, milvus_consistency_level) (increase(db_client_operation_duration_seconds_count{job="shop", error_type=""}[5m]))`,
	}
	working = fact{ // durations without waits, in a second, for the reader of the document
		"db_client_operation_duration_seconds_sum",
		`sum (rate(db_client_operation_duration_seconds_sum{job="shop"}[5m])) - sum (rate(penstock_wait_duration_seconds_sum{job="shop"}[5m]))`,
	}
	given = fact{ // deadlineSeconds by deadlines, for the reader of the document
		"penstock_deadline_duration_seconds_sum",
		`sum by (db_operation_name) (increase(penstock_deadline_duration_seconds_sum{job="shop"}[5m])) / ` +
			`sum by (db_operation_name) (increase(penstock_deadline_duration_seconds_count{job="shop"}[5m]))`,
	}
	failures = increase("penstock_operation_failures_total", byOperation, byError)
	waits    = increase("penstock_wait_duration_seconds_sum", byStage, byOperation)
	timeouts = increase("penstock_timeouts_total", byScope)
	limits   = lowest("penstock_timeout_limit_seconds", byScope)
	retries  = increase("penstock_retries_total", byOperation, byError)
	outcomes = increase("penstock_retry_outcomes_total", byOutcome)

	deadlines       = increase("penstock_deadline_duration_seconds_count", byOperation)
	deadlineSeconds = increase("penstock_deadline_duration_seconds_sum", byOperation)

	probes       = increase("penstock_health_check_duration_seconds_count", byError)
	gateMoves    = increase("penstock_health_transitions_total", byHealthTo)
	breakerMoves = increase("penstock_circuit_breaker_transitions_total", byFrom, byTo)
	breakerState = highest("penstock_circuit_breaker_state", byState)

	connects    = increase("penstock_transport_connects_total", byReason)
	disconnects = increase("penstock_transport_disconnects_total", byReason)
	dials       = increase("db_client_connection_create_time_seconds_count", byError)

	leases       = lowest("penstock_pool_leases_active")
	out          = highest("penstock_pool_leases_active")
	room         = lowest("penstock_pool_leases_remaining")
	leaks        = increase("penstock_pool_leases_leaked_total")
	stuck        = highest("penstock_pool_calls_stuck")
	connFailures = increase("penstock_pool_connection_failures_total", byNumber)

	hedges   = increase("penstock_hedges_total", byOperation, byHedge)
	overflow = increase("penstock_telemetry_overflow_total", byAttribute)
	panics   = increase("penstock_panics_total")
	closes   = increase("penstock_pool_connections_closed_total")
	most     = highest("db_client_connection_max")
)

// about returns the query of a service and the time d before its evaluation.
func (f fact) about(service string, d time.Duration) string {
	query := strings.ReplaceAll(f.query, `job="shop"`, fmt.Sprintf("job=%q", service))
	return strings.ReplaceAll(query, "[5m]", fmt.Sprintf("[%dms]", d.Milliseconds()))
}
