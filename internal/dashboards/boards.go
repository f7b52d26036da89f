// SPDX-License-Identifier: Apache-2.0

package main

// dashboards returns the dashboards by the names of their files.
func dashboards() map[string]board {
	return map[string]board{"overview": overview(), "pool": poolBoard(), "resilience": resilience()}
}

const pool = "{{db_client_connection_pool_name}}"

func overview() board {
	return board{
		uid: "penstock-overview", title: "Penstock: overview",
		description: "What callers see, and which part of the client to look at next.",
		rows: []panels{
			{"What callers see", []panel{
				{title: "Operations a second", unit: "ops", single: true, queries: []query{
					{`sum(rate(<db.client.operation.duration:count>` + chosen + `[$__rate_interval]))`, ""},
				}},
				{title: "Failed", unit: "percentunit", single: true, queries: []query{
					{`(sum(rate(<db.client.operation.duration:count>{<job>=~"$job", <db.client.connection.pool.name>=~"$pool", <error.type>!=""}[$__rate_interval])) or vector(0)) / sum(rate(<db.client.operation.duration:count>` + chosen + `[$__rate_interval]))`, ""},
				}},
				{title: "p99", unit: "s", single: true, queries: []query{
					{`histogram_quantile(0.99, sum by (le) (rate(<db.client.operation.duration:bucket>` + chosen + `[$__rate_interval])))`, ""},
				}},
				{title: "Callers that wait for a connection", unit: "short", single: true,
					description: "The mean number of callers that waited: seconds waited in each second.",
					queries:     []query{{`sum(rate(<db.client.connection.wait_time:sum>` + chosen + `[$__rate_interval]))`, ""}}},
				{title: "Operations by name", unit: "ops", queries: []query{
					{`sum by (<db.operation.name>, <db.collection.name>) (rate(<db.client.operation.duration:count>` + chosen + `[$__rate_interval]))`, "{{db_operation_name}} {{db_collection_name}}"},
				}},
				{title: "Failures by type", unit: "ops",
					description: "The first failure of a type is visible: its series is there, at zero, before it.",
					queries: []query{
						{`sum by (<error.type>) (rate(<penstock.operation.failures>` + chosen + `[$__rate_interval])) > 0`, "{{error_type}}"},
					}},
				{title: "Duration", unit: "s", description: "Follow an exemplar to the trace of an operation.", queries: []query{
					{`histogram_quantile(0.5, sum by (le) (rate(<db.client.operation.duration:bucket>` + chosen + `[$__rate_interval])))`, "p50"},
					{`histogram_quantile(0.95, sum by (le) (rate(<db.client.operation.duration:bucket>` + chosen + `[$__rate_interval])))`, "p95"},
					{`histogram_quantile(0.99, sum by (le) (rate(<db.client.operation.duration:bucket>` + chosen + `[$__rate_interval])))`, "p99"},
				}},
				{title: "Where operations wait", unit: "short",
					description: "The mean number of operations that a stage, the backoff or the pool makes wait: seconds waited in each second.",
					queries: []query{
						{`sum by (<penstock.stage>) (rate(<penstock.wait.duration:sum>` + chosen + `[$__rate_interval]))`, "{{penstock_stage}}"},
					}},
			}},
			{"State", []panel{
				{title: "Circuit breakers that are not closed", unit: "short", queries: []query{
					{`sum by (<penstock.circuit_breaker.name>, <penstock.circuit_breaker.state>) (<penstock.circuit_breaker.state>{<job>=~"$job", <db.client.connection.pool.name>=~"$pool", <penstock.circuit_breaker.state>!="closed"})`, "{{penstock_circuit_breaker_name}} {{penstock_circuit_breaker_state}}"},
				}},
				{title: "Health", unit: "short", description: "1 is up, 0 is down.", queries: []query{
					{`min by (<db.client.connection.pool.name>) (<penstock.health.status>` + chosen + `)`, pool},
				}},
			}},
		},
	}
}

func poolBoard() board {
	perPool := func(metric string) string {
		return `sum by (<db.client.connection.pool.name>) (` + metric + chosen + `)`
	}
	rate := func(metric string) string {
		return `sum by (<db.client.connection.pool.name>) (rate(` + metric + chosen + `[$__rate_interval]))`
	}
	return board{
		uid: "penstock-pool", title: "Penstock: pool",
		description: "Connections, the callers that wait for one, and who has them.",
		rows: []panels{
			{"Waiting", []panel{
				{title: "Mean number of waiting callers", unit: "short",
					description: "Seconds waited in each second. The count of waiters at one moment misses the short queues in between.",
					queries:     []query{{rate("<db.client.connection.wait_time:sum>"), pool}}},
				{title: "Wait, p99", unit: "s", queries: []query{
					{`histogram_quantile(0.99, sum by (le, <db.client.connection.pool.name>) (rate(<db.client.connection.wait_time:bucket>` + chosen + `[$__rate_interval])))`, pool},
				}},
				{title: "Waits in vain", unit: "ops", queries: []query{
					{rate("<db.client.connection.timeouts>"), pool + " timed out"},
					{rate("<penstock.pool.waits.canceled>"), pool + " canceled"},
				}},
				{title: "Room", unit: "short", description: "Leases that may be given before callers have to wait.", queries: []query{
					{perPool("<penstock.pool.leases.remaining>"), pool + " left"},
					{perPool("<penstock.pool.leases.active>"), pool + " out"},
				}},
			}},
			{"Connections", []panel{
				{title: "Connections", unit: "short", queries: []query{
					{`sum by (<db.client.connection.pool.name>, <db.client.connection.state>) (<db.client.connection.count>` + chosen + `)`, pool + " {{db_client_connection_state}}"},
					{perPool("<db.client.connection.max>"), pool + " at most"},
				}},
				{title: "Closed by reason", unit: "ops", queries: []query{
					{`sum by (<penstock.close.reason>) (rate(<penstock.pool.connections.closed>` + chosen + `[$__rate_interval])) > 0`, "{{penstock_close_reason}}"},
				}},
				{title: "Dials, p95", unit: "s", queries: []query{
					{`histogram_quantile(0.95, sum by (le, <db.client.connection.pool.name>) (rate(<db.client.connection.create_time:bucket>` + chosen + `[$__rate_interval])))`, pool},
				}},
				{title: "Dials that failed", unit: "ops", queries: []query{
					{`sum by (<db.client.connection.pool.name>, <error.type>) (rate(<db.client.connection.create_time:count>{<job>=~"$job", <db.client.connection.pool.name>=~"$pool", <error.type>!=""}[$__rate_interval]))`, pool + " {{error_type}}"},
				}},
				{title: "Disconnects below the pool", unit: "ops", description: "What gRPC tells of its transports: the pool keeps such a connection, and gRPC connects it again.", queries: []query{
					{`sum by (<penstock.disconnect.reason>) (rate(<penstock.transport.disconnects>` + chosen + `[$__rate_interval])) > 0`, "lost: {{penstock_disconnect_reason}}"},
					{`sum by (<penstock.disconnect.reason>) (rate(<penstock.transport.connects>{<job>=~"$job", <db.client.connection.pool.name>=~"$pool", <penstock.disconnect.reason>!=""}[$__rate_interval])) > 0`, "not connected: {{penstock_disconnect_reason}}"},
				}},
				{title: "Failures by connection", unit: "ops", description: "One number far above the others is one bad connection.", queries: []query{
					{`sum by (<penstock.connection.number>) (rate(<penstock.pool.connection.failures>` + chosen + `[$__rate_interval])) > 0`, "#{{penstock_connection_number}}"},
				}},
				{title: "Leaks and stuck calls", unit: "short", queries: []query{
					{`sum by (<db.client.connection.pool.name>) (increase(<penstock.pool.leases.leaked>` + chosen + `[$__rate_interval]))`, pool + " leaked"},
					{perPool("<penstock.pool.calls.stuck>"), pool + " stuck"},
				}},
			}},
		},
	}
}

func resilience() board {
	rate := func(metric, by string) string {
		return `sum by (` + by + `) (rate(` + metric + chosen + `[$__rate_interval])) > 0`
	}
	return board{
		uid: "penstock-resilience", title: "Penstock: resilience",
		description: "What the stages did: breakers, retries, limits, hedges.",
		rows: []panels{
			{"Circuit breakers and health", []panel{
				{title: "Transitions", unit: "ops", queries: []query{
					{rate("<penstock.circuit_breaker.transitions>", "<penstock.circuit_breaker.name>, <penstock.circuit_breaker.from>, <penstock.circuit_breaker.to>"), "{{penstock_circuit_breaker_name}}: {{penstock_circuit_breaker_from}} to {{penstock_circuit_breaker_to}}"},
				}},
				{title: "Refused operations", unit: "ops", queries: []query{
					{`sum by (<error.type>) (rate(<penstock.operation.failures>{<job>=~"$job", <db.client.connection.pool.name>=~"$pool", <error.type>=~"circuit_open|unhealthy|bulkhead_full|local_rate_limit|too_many_waiters"}[$__rate_interval])) > 0`, "{{error_type}}"},
				}},
				{title: "Health probes", unit: "ops", queries: []query{
					{`sum by (<error.type>) (rate(<penstock.health.check.duration:count>` + chosen + `[$__rate_interval]))`, "{{error_type}}"},
				}},
				{title: "Timeouts of the client", unit: "ops", queries: []query{{rate("<penstock.timeouts>", "<penstock.timeout.scope>"), "{{penstock_timeout_scope}}"}}},
			}},
			{"Retries and hedges", []panel{
				{title: "Retries by the error before", unit: "ops", queries: []query{{rate("<penstock.retries>", "<error.type>"), "{{error_type}}"}}},
				{title: "How operations with a failed attempt ended", unit: "ops", queries: []query{{rate("<penstock.retry.outcomes>", "<penstock.retry.outcome>"), "{{penstock_retry_outcome}}"}}},
				{title: "Retry budget left", unit: "short", queries: []query{{`min by (<db.client.connection.pool.name>) (<penstock.retry.budget.remaining>` + chosen + `)`, pool}}},
				{title: "Hedges", unit: "ops", queries: []query{{rate("<penstock.hedges>", "<penstock.hedge.outcome>"), "{{penstock_hedge_outcome}}"}}},
			}},
			{"Limits", []panel{
				{title: "Bulkhead", unit: "short", queries: []query{
					{`sum by (<db.client.connection.pool.name>) (<penstock.bulkhead.running>` + chosen + `)`, pool + " running"},
					{`sum by (<db.client.connection.pool.name>) (<penstock.bulkhead.waiting>` + chosen + `)`, pool + " waiting"},
					{`sum by (<db.client.connection.pool.name>) (<penstock.bulkhead.limit>` + chosen + `)`, pool + " limit"},
				}},
				{title: "Rate limiter", unit: "ops", queries: []query{
					{`sum by (<penstock.admission>) (rate(<penstock.ratelimit.operations>` + chosen + `[$__rate_interval]))`, "{{penstock_admission}}"},
					{`sum by (<db.client.connection.pool.name>) (<penstock.ratelimit.limit>` + chosen + `)`, pool + " limit"},
				}},
			}},
			{"Telemetry itself", []panel{
				{title: "Evidence of unsampled traces", unit: "ops", queries: []query{
					{rate("<penstock.evidence.traces>", "<penstock.evidence>, <penstock.evidence.exported>"), "{{penstock_evidence}} exported={{penstock_evidence_exported}}"},
				}},
				{title: "Values folded into _OTHER", unit: "ops", queries: []query{{rate("<penstock.telemetry.overflow>", "<penstock.telemetry.attribute>"), "{{penstock_telemetry_attribute}}"}}},
			}},
		},
	}
}
