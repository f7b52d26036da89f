// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"fmt"

	"go.yaml.in/yaml/v3"
)

// alert is one alert rule.
type alert struct {
	name, expr, lasts, severity string
	summary                     string
}

// runbook is where the page docs/alerts/README.md is, with a paragraph for each alert.
const runbook = "https://github.com/penstock-go/penstock/blob/main/docs/alerts/README.md#"

// alerts are the rules. The first one is on the queue of a pool and not on its size: a
// pool that is full and has no queue serves everybody.
var alerts = []alert{
	{"PenstockCallersWait", `sum by (<job>, <db.client.connection.pool.name>) (rate(<db.client.connection.wait_time:sum>[2m])) > 1`, "2m", "warning",
		"On average {{ $value | humanize }} callers wait for a connection of pool {{ $labels.db_client_connection_pool_name }}"},
	{"PenstockWaitsTimeOut", `sum by (<job>, <db.client.connection.pool.name>) (increase(<db.client.connection.timeouts>[2m])) > 0`, "0m", "critical",
		"Callers of pool {{ $labels.db_client_connection_pool_name }} get no connection in time"},
	{"PenstockOperationsFail", `sum by (<job>) (rate(<db.client.operation.duration:count>{<error.type>!=""}[5m])) / sum by (<job>) (rate(<db.client.operation.duration:count>[5m])) > 0.05`, "2m", "critical",
		"{{ $value | humanizePercentage }} of the operations fail"},
	{"PenstockCircuitBreakerOpen", `max by (<job>, <db.client.connection.pool.name>, <penstock.circuit_breaker.name>) (<penstock.circuit_breaker.state>{<penstock.circuit_breaker.state>=~"open|half_open|forced_open"}) > 0`, "1m", "critical",
		"Circuit breaker {{ $labels.penstock_circuit_breaker_name }} refuses operations"},
	{"PenstockCircuitBreakerFlaps", `sum by (<job>, <db.client.connection.pool.name>, <penstock.circuit_breaker.name>) (increase(<penstock.circuit_breaker.transitions>{<penstock.circuit_breaker.from>="closed", <penstock.circuit_breaker.to>="open"}[15m])) > 3`, "0m", "warning",
		"Circuit breaker {{ $labels.penstock_circuit_breaker_name }} opened {{ $value | humanize }} times in 15 minutes"},
	{"PenstockBackendDown", `min by (<job>, <db.client.connection.pool.name>) (<penstock.health.status>) < 1`, "1m", "critical",
		"The health probes of {{ $labels.db_client_connection_pool_name }} fail, and its gate is shut"},
	{"PenstockRetriesAreMany", `sum by (<job>) (rate(<penstock.retries>[5m])) / sum by (<job>) (rate(<db.client.operation.duration:count>[5m])) > 0.1`, "5m", "warning",
		"{{ $value | humanizePercentage }} more attempts than operations"},
	{"PenstockRetryBudgetSpent", `sum by (<job>, <db.client.connection.pool.name>) (increase(<penstock.retry.outcomes>{<penstock.retry.outcome>="budget"}[5m])) > 0`, "0m", "warning",
		"The retry budget of {{ $labels.db_client_connection_pool_name }} is spent: operations fail that would have been attempted again"},
	{"PenstockLimitRefuses", `sum by (<job>, <db.client.connection.pool.name>, <error.type>) (increase(<penstock.operation.failures>{<error.type>=~"bulkhead_full|local_rate_limit|too_many_waiters"}[5m])) > 0`, "5m", "warning",
		"A limit of the client's own refuses operations: {{ $labels.error_type }}"},
	{"PenstockConnectionsLeak", `sum by (<job>, <db.client.connection.pool.name>) (increase(<penstock.pool.leases.leaked>[10m])) > 0`, "0m", "critical",
		"Pool {{ $labels.db_client_connection_pool_name }} misses {{ $value | humanize }} leases that were not given back"},
	{"PenstockCallsAreStuck", `max by (<job>, <db.client.connection.pool.name>) (<penstock.pool.calls.stuck>) > 0`, "5m", "warning",
		"{{ $value }} dials or closes of pool {{ $labels.db_client_connection_pool_name }} do not return"},
	{"PenstockOneConnectionFails", `max by (<job>, <db.client.connection.pool.name>) (rate(<penstock.pool.connection.failures>[5m])) > 0.02 and max by (<job>, <db.client.connection.pool.name>) (rate(<penstock.pool.connection.failures>[5m])) > 0.8 * sum by (<job>, <db.client.connection.pool.name>) (rate(<penstock.pool.connection.failures>[5m])) and max by (<job>, <db.client.connection.pool.name>) (<db.client.connection.max>) > 1`, "2m", "warning",
		"Nearly all failures of pool {{ $labels.db_client_connection_pool_name }} are on one connection"},
	{"PenstockPanics", `sum by (<job>, <db.client.connection.pool.name>, <penstock.function>) (increase(<penstock.panics>[10m])) > 0`, "0m", "critical",
		"A function of the application panics: {{ $labels.penstock_function }}"},
	{"PenstockEvidenceIsLost", `sum by (<job>, <db.client.connection.pool.name>) (rate(<penstock.evidence.traces>{<penstock.evidence.exported>="false"}[5m])) > 0`, "10m", "info",
		"More operations fail than are exported as evidence"},
	{"PenstockMetricsOverflow", `sum by (<job>, <penstock.telemetry.attribute>) (increase(<penstock.telemetry.overflow>[10m])) > 0`, "0m", "warning",
		"Values of {{ $labels.penstock_telemetry_attribute }} are folded into _OTHER"},
}

// rules returns the rules as Prometheus reads them.
func rules(t table, alerts []alert) ([]byte, error) {
	type rule struct {
		Alert       string            `yaml:"alert"`
		Expr        string            `yaml:"expr"`
		For         string            `yaml:"for,omitempty"`
		Labels      map[string]string `yaml:"labels"`
		Annotations map[string]string `yaml:"annotations"`
	}
	type group struct {
		Name  string `yaml:"name"`
		Rules []rule `yaml:"rules"`
	}
	g := group{Name: "penstock"}
	var faults []error
	for _, a := range alerts {
		expr, err := t.promQL(a.expr)
		if err != nil {
			faults = append(faults, fmt.Errorf("alert %s: %w", a.name, err))
		}
		r := rule{
			Alert: a.name, Expr: expr, Labels: map[string]string{"severity": a.severity},
			Annotations: map[string]string{"summary": a.summary, "runbook_url": runbook + anchor(a.name)},
		}
		if a.lasts != "0m" {
			r.For = a.lasts
		}
		g.Rules = append(g.Rules, r)
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	b.WriteString("# SPDX-License-Identifier: Apache-2.0\n#\n# Made by internal/dashboards (make dashboards); do not edit.\n")
	encoder := yaml.NewEncoder(&b)
	encoder.SetIndent(2)
	err := encoder.Encode(map[string]any{"groups": []group{g}})
	return b.Bytes(), err
}

// anchor returns the anchor of a heading.
func anchor(heading string) string { return string(bytes.ToLower([]byte(heading))) }
