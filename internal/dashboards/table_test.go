// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"
)

var small = table{
	"db.client.operation.duration": {"db.client.operation.duration", "histogram", "s", []string{"error.type"}},
	"penstock.retries":             {"penstock.retries", "counter", "{retry}", []string{"db.operation.name"}},
	"penstock.health.status":       {"penstock.health.status", "updowncounter", "1", nil},
	"penstock.ratelimit.limit":     {"penstock.ratelimit.limit", "gauge", "{operation}/s", nil},
}

func TestNamesAreThoseOfPrometheus(t *testing.T) {
	for expr, want := range map[string]string{
		`rate(<db.client.operation.duration:sum>{<error.type>!=""}[5m])`: `rate(db_client_operation_duration_seconds_sum{error_type!=""}[5m])`,
		`sum by (<job>, <db.operation.name>) (<penstock.retries>)`:       `sum by (job, db_operation_name) (penstock_retries_total)`,
		`<penstock.health.status> < 1`:                                   `penstock_health_status < 1`,
		`<penstock.ratelimit.limit>`:                                     `penstock_ratelimit_limit_per_second`,
	} {
		if got, err := small.promQL(expr); got != want || err != nil {
			t.Errorf("%s is %s, %v, want %s", expr, got, err, want)
		}
	}
}

func TestANameThatIsNotInTheTableIsAnError(t *testing.T) {
	for expr, want := range map[string]string{
		`<penstock.retry>`:                           "no metric of the table",
		`<penstock.retries>{<error.type>="timeout"}`: "no metric of the expression has such an attribute",
		`<db.client.operation.duration>`:             "is a histogram",
		`<penstock.retries:sum>`:                     "is a counter",
	} {
		if got, err := small.promQL(expr); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s is %s, %v, want an error with %q", expr, got, err, want)
		}
	}
}
