// SPDX-License-Identifier: Apache-2.0

package prometheus_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/penstock-go/penstock/internal/diagnose/diagnosis"
	"github.com/penstock-go/penstock/internal/diagnose/prometheus"
)

// The document has a section for each rule, in the same order, with the same part and
// the same queries.
func TestTheDocumentHasTheRules(t *testing.T) {
	text, err := os.ReadFile("../../../docs/reading-metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	sections := strings.Split(string(text), "\n## ")[1:]
	rules := prometheus.Rules()
	if len(sections) != len(rules)+1 {
		t.Fatalf("there are %d sections, want one for each of %d rules and one more", len(sections), len(rules))
	}
	for i, r := range rules {
		heading, body, _ := strings.Cut(sections[i], "\n")
		if heading != r.Kind || !strings.HasPrefix(strings.TrimSpace(body), "Part: "+r.Part+".") {
			t.Errorf("section %d is %q, want %s with the part %s", i+1, heading, r.Kind, r.Part)
		}
		for _, word := range []string{"**Proof**", "**Easily taken for**", "**Do**"} {
			if !strings.Contains(body, word) {
				t.Errorf("section %s has no %s", heading, word)
			}
		}
		_, block, _ := strings.Cut(body, "```promql\n")
		block, _, _ = strings.Cut(block, "\n```")
		if queries := strings.Split(block, "\n"); !slices.Equal(queries, r.Queries) {
			t.Errorf("section %s has the queries\n%s\nwant\n%s", heading, block, strings.Join(r.Queries, "\n"))
		}
	}
	var parts []string
	for line := range strings.Lines(sections[len(rules)]) {
		if cells := strings.Split(line, "|"); len(cells) == 4 && !strings.Contains(line, "---") {
			parts = append(parts, strings.TrimSpace(cells[2]))
		}
	}
	if want := append([]string{"part"}, prometheus.Parts()...); !slices.Equal(parts, want) {
		t.Errorf("the last section has the parts %v, want %v", parts, want)
	}
}

// exported returns the names that Prometheus has for the metrics of docs/telemetry.md.
func exported(t *testing.T) map[string]bool {
	t.Helper()
	text, err := os.ReadFile("../../../docs/telemetry.md")
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z_.]+)` \\| (\\w+) \\| ([^|]+) \\|").FindAllStringSubmatch(string(text), -1) {
		name := strings.ReplaceAll(row[1], ".", "_")
		switch unit := row[3]; {
		case unit == "s":
			name += "_seconds"
		case strings.HasSuffix(unit, "/s"):
			name += "_per_second"
		}
		switch row[2] {
		case "counter":
			names[name+"_total"] = true
		case "histogram":
			names[name+"_count"], names[name+"_sum"], names[name+"_bucket"] = true, true, true
		default:
			names[name] = true
		}
	}
	return names
}

func TestTheQueriesReadMetricsThatExist(t *testing.T) {
	text, err := os.ReadFile("../../../docs/reading-metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	names := exported(t)
	for _, m := range regexp.MustCompile(`(\w+)\{job=`).FindAllStringSubmatch(string(text), -1) {
		if !names[m[1]] {
			t.Errorf("docs/telemetry.md has no metric for %s", m[1])
		}
	}
	for _, metric := range prometheus.Metrics() {
		if !names[metric] {
			t.Errorf("a rule reads %s, which docs/telemetry.md does not have", metric)
		}
	}
	if !names["penstock_ratelimit_limit_per_second"] || !names["penstock_circuit_breaker_recovery_timeout_seconds"] {
		t.Error("the limits that the document names are not in docs/telemetry.md")
	}
}

// Figures of healthy operations, as lines of [prometheus.Judge].
const (
	count  = "db_client_operation_duration_seconds_count db_operation_name="
	sum    = "db_client_operation_duration_seconds_sum db_operation_name="
	middle = "db_client_operation_duration_seconds_bucket db_operation_name="
	fails  = "penstock_operation_failures_total db_operation_name="
	breaks = "penstock_transport_disconnects_total penstock_disconnect_reason="
	dialed = "penstock_transport_connects_total "
	ping   = "penstock_health_check_duration_seconds_count "

	// well has 10 searches a second that take 5 ms, and a probe a second.
	well = count + "Search 180 300 120 600\n" + sum + "Search 0.9 1.5 0.6 3\n" + middle + "Search 0.005 0.005 0.005 0.005\n" + pings
	// gone has none that succeeds after a third of the time.
	gone  = count + "Search 180 0 0 200\n" + sum + "Search 0.9 0 0 1\n"
	pings = ping + "18 30 12 60\n"
	// deaf has probes that fail.
	deaf = ping + "18 0 0 20\n" + ping + "error_type=timeout 0 30 12 40\n"
	// slow has searches that take 100 ms.
	slow = count + "Search 180 300 120 600\n" + sum + "Search 0.9 30 12 42\n" + middle + "Search 0.005 0.08 0.08 0.08\n" + pings

	cut     = breaks + "eof 0 0 0 4\n" + dialed + "penstock_disconnect_reason=refused 0 20 6 30\n"
	refused = fails + "Search error_type=circuit_open 0 300 120 400\n" + count + "Search error_type=circuit_open 0 300 120 400\n"
)

// reset is a transport that lost its connections and made new ones.
const reset = breaks + "reset 0 0 0 4\n" + dialed + "penstock_disconnect_reason=refused 0 0 0 3\n" + dialed + "0 0 0 4\n"

func TestEachFaultIsNamedAndWhatLooksLikeItIsNot(t *testing.T) {
	limit := "penstock_timeouts_total penstock_timeout_scope=attempt 0 30 12 40\n"
	reopened := "penstock_circuit_breaker_transitions_total penstock_circuit_breaker_from=half_open penstock_circuit_breaker_to=open 0 5 2 7\n"
	opened := "penstock_circuit_breaker_transitions_total penstock_circuit_breaker_from=closed penstock_circuit_breaker_to=open 0 0 0 1\n" +
		"penstock_circuit_breaker_state penstock_circuit_breaker_state=open 0 1 1 1\n"
	// five times as many operations, which are as fast as before, keep more than two busy.
	five := count + "Scan 180 15000 6000 30000\n" + sum + "Scan 0.9 75 30 150\n" + middle + "Scan 0.005 0.005 0.005 0.005\n"
	// fast has a hundred searches a second that became slow.
	fast := count + "Search 1800 3000 1200 6000\n" + sum + "Search 9 300 120 420\n" + middle + "Search 0.005 0.08 0.08 0.08\n" + pings
	full := "penstock_pool_leases_remaining 3 0 0 0\n"
	for _, test := range []struct{ name, figures, kind, part string }{
		{"nothing at all", "", "healthy", ""},
		{"well", well, "healthy", ""},
		{"a planned restart", well + breaks + "goaway 0 4 0 4\n" + dialed + "0 4 0 4\n", "healthy", ""},
		{"always a few answers and errors", well + count + "Get penstock_answer=not_found 20 33 13 67\n" + fails + "Search error_type=canceled 6 10 4 20\n" + breaks + "reset 2 4 1 7\n", "healthy", ""},
		{"our lifetime ends connections", well + breaks + "closed 0 4 0 4\n" + dialed + "0 4 0 4\n", "healthy", ""},

		{"bad credentials", well + fails + "Search error_type=unauthenticated 0 9 0 20\n" + refused, "bad_credentials", "caller"},
		{"bad credentials of the probes", gone + ping + "error_type=unauthenticated 0 30 10 40\n" + refused, "bad_credentials", "caller"},
		{"down", gone + cut + refused + deaf, "backend_down", "backend"},
		{"restarted", well + reset + fails + "Search error_type=UNAVAILABLE 0 0 0 9\n", "server_restarted", "backend"},
		{"restarted again and again", gone + deaf + cut + dialed + "0 8 3 12\n" + refused, "unknown", "backend"},
		{"connections break and nothing is refused", well + breaks + "reset 0 3 1 4\n" + "penstock_retries_total error_type=UNAVAILABLE 0 2 1 2\n", "unknown", "transport"},
		{"a planned restart that says goodbye late", well + breaks + "goaway 0 3 0 3\n" + breaks + "reset 0 1 0 1\n" + dialed + "0 4 0 4\n", "healthy", ""},
		{"dials refused", well + dialed + "penstock_disconnect_reason=refused 0 9 3 12\n", "connection_refused", "transport"},
		{"dials that do not agree on TLS", well + dialed + "penstock_disconnect_reason=tls 0 9 3 12\n", "unknown", "transport"},
		{"black hole", gone + deaf + limit + refused + fails + "Search error_type=timeout 0 20 5 30\n", "black_hole", "transport"},
		{"black hole with answers", gone + deaf + limit + refused + fails + "Search error_type=5 0 20 5 30\n", "unknown", "backend"},

		{"the server's limit", well + fails + "Search error_type=rate_limited 0 50 20 80\n", "server_rate_limit", "backend"},
		{"the server's limit, retried", well + "penstock_retries_total error_type=rate_limited 0 50 20 80\n", "server_rate_limit", "backend"},
		{"the server's memory", well + fails + "Search error_type=rate_limited 0 50 20 80\n" + count + "Search error_type=rate_limited db_response_status_code=3 0 50 20 80\n", "unknown", "backend"},
		{"our limit", well + fails + "Search error_type=local_rate_limit 0 50 20 80\n", "own_rate_limit", "stage"},
		{"bulkhead", well + fails + "Search error_type=bulkhead_full 0 50 20 80\n", "bulkhead_full", "stage"},
		{"bulkhead, because the server is slow", slow + fails + "Search error_type=bulkhead_full 0 20 20 20\n", "slow_backend", "backend"},

		{"leak", well + full + "penstock_pool_leases_leaked_total 0 3 1 5\npenstock_pool_leases_active 0 4 8 0\n" + fails + "Search error_type=pool_timeout 0 50 20 80\n", "leaked_connections", "pool"},
		{"a lease that came back late", well + "penstock_pool_leases_leaked_total 0 1 0 1\npenstock_pool_leases_active 0 0 0 0\n", "healthy", ""},
		{"pool too small", well + full + fails + "Search error_type=pool_timeout 0 50 20 80\npenstock_pool_leases_active 3 4 4 4\n" + five, "pool_too_small", "pool"},
		{"leases out of which no operation works", well + full + fails + "Search error_type=pool_timeout 0 50 20 80\npenstock_pool_leases_active 3 4 4 4\n", "unknown", "pool"},
		{"pool full of slow work", slow + full + fails + "Search error_type=pool_timeout 0 20 20 20\n", "slow_backend", "backend"},
		{"a dial that hangs", well + "penstock_pool_calls_stuck 0 1 1 1\n" + fails + "Search error_type=pool_timeout 0 50 20 80\n", "unknown", "pool"},

		{"hedges", fast + "penstock_hedges_total db_operation_name=Search penstock_hedge_outcome=lost 2 2500 990 4000\n", "hedging_overload", "stage"},
		{"hedges of a slow server, within the default budget", slow + "penstock_hedges_total db_operation_name=Search penstock_hedge_outcome=lost 2 250 99 400\n", "slow_backend", "backend"},
		{"hedges of a slow server, within their budget", slow + "penstock_hedges_total db_operation_name=Search penstock_hedge_outcome=lost 2 30 9 40\n", "slow_backend", "backend"},

		{"gate shut", well + fails + "Search error_type=unhealthy 0 200 80 300\npenstock_health_transitions_total penstock_health_to=down 0 5 2 7\n" + ping + "error_type=1 0 6 2 7\n", "health_gate_shut", "stage"},
		{"probes of the breaker fail", gone + pings + reopened + opened + refused + fails + "Search error_type=65535 0 6 2 10\n", "half_open_probe_failing", "backend"},
		{"breaker open", gone + pings + opened + refused, "breaker_open", "stage"},
		{"breaker open by hand", gone + pings + refused + "penstock_circuit_breaker_state penstock_circuit_breaker_state=forced_open 0 1 1 1\n", "unknown", "stage"},
		{"breaker open and the server is silent", gone + deaf + opened + refused, "unknown", "backend"},

		{"one connection", well + "penstock_pool_connection_failures_total penstock_connection_number=1 0 1 0 1\npenstock_pool_connection_failures_total penstock_connection_number=3 0 90 0 99\n", "one_bad_connection", "transport"},
		{"every connection", well + fails + "Search error_type=5 0 99 9 99\npenstock_pool_connection_failures_total penstock_connection_number=1 0 60 0 70\npenstock_pool_connection_failures_total penstock_connection_number=3 0 90 0 99\n", "unknown", "backend"},
		{"connections that do not last", well + "penstock_pool_connections_closed_total penstock_close_reason=reset 0 90 40 120\ndb_client_connection_max 4 4 4 4\n", "unknown", "pool"},
		{"budget", well + "penstock_retry_outcomes_total penstock_retry_outcome=budget 0 40 9 50\n" + fails + "Search error_type=2 0 50 20 80\n", "retry_budget_spent", "stage"},
		{"budget, now and then", well + "penstock_retry_outcomes_total penstock_retry_outcome=budget 0 10 9 10\n" + fails + "Search error_type=2 0 50 20 80\n", "unknown", "backend"},

		{"deadline", well + fails + "Search error_type=deadline_exceeded 0 40 9 50\npenstock_deadline_duration_seconds_count db_operation_name=Search 0 40 9 50\npenstock_deadline_duration_seconds_sum db_operation_name=Search 0 0.16 0 0.2\n", "deadline_too_short", "caller"},
		{"a long deadline that is missed", well + fails + "Search error_type=deadline_exceeded 0 40 9 50\npenstock_deadline_duration_seconds_count db_operation_name=Search 0 40 9 50\npenstock_deadline_duration_seconds_sum db_operation_name=Search 0 40 9 50\n", "unknown", "caller"},
		{"canceled", well + fails + "Search error_type=canceled 0 40 9 50\n", "caller_cancelled", "caller"},
		{"canceled because it is slow", slow + fails + "Search error_type=canceled 0 20 9 50\n", "slow_backend", "backend"},
		{"mistakes", well + fails + "Search error_type=invalid_request 0 40 9 50\n", "unknown", "caller"},
		{"collection", well + count + "Search db_collection_name=docs_v2 db_response_status_code=100 penstock_answer=not_found 0 40 9 50\n", "wrong_collection", "caller"},
		{"another answer", well + count + "Search db_collection_name=docs db_response_status_code=1100 penstock_answer=1100 0 40 9 50\n", "unknown", "caller"},
		{"Strong", well + count + "Search milvus_consistency_level=Strong 0 100 40 160\n" + sum + "Search milvus_consistency_level=Strong 0 11 4 17\n", "strong_consistency", "caller"},
		{"Strong and all else slow", slow + count + "Search milvus_consistency_level=Strong 0 100 40 160\n" + sum + "Search milvus_consistency_level=Strong 0 11 4 17\n", "slow_backend", "backend"},

		{"slow attempts", well + limit + "penstock_retries_total error_type=timeout 0 30 9 40\npenstock_retry_outcomes_total penstock_retry_outcome=recovered 0 30 9 40\n", "slow_attempt_then_success", "backend"},
		{"hanging", well + limit + fails + "Search error_type=timeout 0 5 2 7\n", "hanging_call", "backend"},
		{"hanging, and other failures", well + limit + fails + "Search error_type=timeout 0 5 2 7\n" + fails + "Search error_type=5 0 9 2 9\n", "unknown", "backend"},
		{"a limit that usual answers exceed", well + limit + fails + "Search error_type=timeout 0 150 50 200\npenstock_timeout_limit_seconds penstock_timeout_scope=attempt 0.5 0.008 0.008 0.008\n", "unknown", "stage"},
		{"a pool that somebody closed", gone + ping + "error_type=pool_closed 0 30 12 40\n" + fails + "Search error_type=pool_closed 0 300 120 400\n", "unknown", "pool"},
		{"a third hangs", well + limit + fails + "Search error_type=timeout 0 150 50 200\n", "unknown", "backend"},
		{"it failed for a while, and is well", well + fails + "Search error_type=5 0 0 0 20\n", "unknown", "backend"},
		{"slow", slow, "slow_backend", "backend"},
		{"slow for five times as many", count + "Search 180 3000 1200 4200\n" + sum + "Search 0.9 300 120 420\n" + middle + "Search 0.005 0.08 0.08 0.08\n" + pings, "unknown", "caller"},
		{"some calls slow", count + "Search 180 300 120 600\n" + sum + "Search 0.9 9 4 12\n" + middle + "Search 0.005 0.005 0.005 0.005\n" + pings, "unknown", "backend"},
		{"some calls slow for a moment", count + "Search 180 300 120 600\n" + sum + "Search 0.9 9 0.6 12\n" + middle + "Search 0.005 0.005 0.005 0.005\n" + pings, "healthy", ""},
		{"one operation slow", slow + count + "Query 50 100 50 200\n" + sum + "Query 0.3 0.6 0.3 1.2\n" + middle + "Query 0.005 0.005 0.005 0.005\n", "unknown", "backend"},
		{"overflow", well + "penstock_telemetry_overflow_total penstock_telemetry_attribute=db.collection.name 0 90 30 99\n", "metrics_overflow", "caller"},
	} {
		v, err := prometheus.Judge(test.figures)
		if err != nil || v.Kind != test.kind || v.Part != test.part {
			t.Errorf("%s: %s in %q, %v, want %s in %q\n%s", test.name, v.Kind, v.Part, err, test.kind, test.part, v.Why)
		}
		if (v.Kind == diagnosis.Healthy) != (len(v.Evidence) == 0) {
			t.Errorf("%s: the evidence of %s is %q", test.name, v.Kind, v.Evidence)
		}
	}
}

func TestTheEvidenceIsASelectorOfTheService(t *testing.T) {
	v, err := prometheus.Judge(well + fails + "Search error_type=local_rate_limit 0 50 20 80\n")
	if want := []string{`penstock_operation_failures_total{job="shop",error_type="local_rate_limit"}`}; err != nil || !slices.Equal(v.Evidence, want) {
		t.Errorf("the evidence is %q, %v, want %q", v.Evidence, err, want)
	}
}

func TestAnErrorOfPrometheusIsNoDiagnosis(t *testing.T) {
	c, last := server(t, `{"status":"error","error":"too many samples"}`)
	if v, err := c.Diagnose(t.Context(), "svc-1", time.Unix(1000, 0), time.Unix(1020, 0)); err == nil {
		t.Errorf("Diagnose = %v, want an error", v)
	}
	if query := last.Get("query"); !strings.Contains(query, `job="svc-1"`) || strings.Contains(query, "shop") {
		t.Errorf("the last query is %s, want one about svc-1", query)
	}
}

func TestAServiceWithoutMetricsIsHealthy(t *testing.T) {
	c, _ := server(t, `{"status":"success","data":{"resultType":"vector","result":[]}}`)
	v, err := c.Diagnose(t.Context(), "svc-1", time.Unix(1000, 0), time.Unix(1020, 0))
	if err != nil || v.Kind != diagnosis.Healthy {
		t.Errorf("Diagnose = %v, %v, want %s", v, err, diagnosis.Healthy)
	}
}
