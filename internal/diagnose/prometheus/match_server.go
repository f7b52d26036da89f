// SPDX-License-Identifier: Apache-2.0

package prometheus

// gates are the types of errors that follow from an earlier one: a breaker or a gate
// refuses.
const gates = "circuit_open|unhealthy"

func badCredentials(v *view) *finding {
	denied := pick{byError, "unauthenticated"}
	operations, probed := v.failed(late, denied.value), v.sum(probes, late, denied)
	switch {
	case operations > enough:
		return found([]string{v.cite(failures, denied)}, "%.0f operations are unauthenticated.", operations)
	case probed > enough:
		return found([]string{v.cite(probes, denied)}, "%.0f health probes are unauthenticated.", probed)
	}
	return nil
}

// outage returns the series that prove that connections broke and new ones were refused.
func (v *view) outage() []string {
	if v.cut(whole) < 0.5 || v.refused(whole) < 0.5 {
		return nil
	}
	return []string{v.cite(disconnects, pick{byReason, broke}), v.cite(connects, pick{byReason, "refused"})}
}

func backendDown(v *view) *finding {
	series := v.outage()
	if series == nil || v.served(tail) > 0.5 || v.connected(tail) > 0.5 {
		return nil
	}
	return found(series, "%.0f connections broke, %.0f new ones were refused.", v.cut(whole), v.refused(whole))
}

func serverRestarted(v *view) *finding {
	series := v.outage()
	bad := v.total(tail) - v.served(tail)
	if series == nil || v.served(tail) < enough || bad > 0.02*v.total(tail) || v.connected(whole) < 0.5 || v.refused(tail) > 0.5 {
		return nil
	}
	return found(series, "%.0f connections broke, %.0f new ones were refused, and %.0f were made since.", v.cut(whole), v.refused(whole), v.connected(whole))
}

func connectionRefused(v *view) *finding {
	refused := pick{byReason, "refused"}
	if v.refused(whole) < 1.5 || v.refused(late) < 0.5 || v.cut(whole) > 0.5 || v.served(tail) < 0.5 || v.connected(tail) > 0.5 {
		return nil
	}
	return found([]string{v.cite(connects, refused), v.cite(operations, pick{byError, ""})},
		"%.0f new connections were refused, and %.0f operations succeeded.", v.refused(whole), v.served(late))
}

// silent are the types of errors that follow from an answer that never comes.
const silent = "timeout|deadline_exceeded|connect_error|pool_timeout|" + gates

func blackHole(v *view) *finding {
	limit := pick{byScope, "attempt"}
	answered := v.otherwiseFailed(silent)
	if v.served(tail) > 0.5 || v.total(tail) < enough || answered > 0.5 || v.rise(timeouts, whole, limit) < enough {
		return nil
	}
	if v.probesOK(tail) > 0.5 || v.cut(whole) > 0.5 || v.refused(whole) > 0.5 {
		return nil
	}
	series := []string{v.cite(timeouts, limit)}
	if v.probesFailed(late) > 0.5 {
		series = append(series, v.cite(probes, pick{byError, "timeout|deadline_exceeded|unhealthy|connect_error"}))
	}
	return found(series, "%.0f attempts ran into their limit, and nothing succeeds.", v.rise(timeouts, whole, limit))
}

// quotas are the codes of Milvus for what has no room until somebody makes room: memory,
// disk, a denied database. Their error.type is rate_limited, too.
const quotas = "3|7|9|11|12|1303"

func serverRateLimit(v *view) *finding {
	limited := pick{byError, "rate_limited"}
	if v.sum(operations, late, limited, pick{byCode, quotas}) > v.sum(operations, late, limited)/2 {
		return nil
	}
	failed, repeated := v.rise(failures, late, limited), v.rise(retries, late, limited)
	switch {
	case failed > enough:
		return found([]string{v.cite(failures, limited)}, "%.0f operations failed as rate_limited, %.0f attempts were repeated.", failed, repeated)
	case repeated > enough:
		return found([]string{v.cite(retries, limited)}, "%.0f attempts that were rate_limited were repeated.", repeated)
	}
	return nil
}

func oneBadConnection(v *view) *finding {
	var all, most float64
	var number string
	for _, r := range v.rows(connFailures, late) {
		all += r.value()
		if r.value() > most {
			most, number = r.value(), r.Series[byNumber]
		}
	}
	several := len(v.rows(connFailures, late)) > 1
	if !several || most < 2*enough || most < 0.9*all || v.served(late) < most {
		return nil
	}
	return found([]string{v.cite(connFailures, pick{byNumber, number})},
		"%.0f of %.0f failures are on connection %s, and %.0f operations succeeded.", most, all, number, v.served(late))
}

func slowAttemptThenSuccess(v *view) *finding {
	limit, slow := pick{byScope, "attempt"}, pick{byError, "timeout"}
	ended, repeated := v.rise(timeouts, late, limit), v.rise(retries, late, slow)
	recovered := v.rise(outcomes, late, pick{byOutcome, "recovered"})
	if ended < enough || repeated < enough || recovered < enough || v.failed(late, "timeout") > 0.2*recovered || v.isSlower() {
		return nil
	}
	return found([]string{v.cite(timeouts, limit), v.cite(retries, slow), v.cite(outcomes, pick{byOutcome, "recovered"})},
		"%.0f attempts ran into their limit, and %.0f operations succeeded with a further attempt.", ended, recovered)
}

func hangingCall(v *view) *finding {
	limit, hung := pick{byScope, "attempt"}, pick{byError, "timeout"}
	failed := v.failed(whole, "timeout") // of the whole window, because they are few
	if failed < 0.5 || failed > 0.1*v.total(late) || v.rise(timeouts, whole, limit) < 0.5 || v.isSlower() || v.probesFailed(late) > 0.5 {
		return nil
	}
	name := ""
	for _, r := range v.rows(failures, whole) {
		if v.rise(failures, whole, hung, pick{byOperation, r.Series[byOperation]}) > 0.8*failed {
			name = r.Series[byOperation]
		}
	}
	if name == "" || v.otherwiseFailed(hung.value) > 0.5 {
		return nil
	}
	return found([]string{v.cite(failures, hung, pick{byOperation, name}), v.cite(timeouts, limit)},
		"%.0f of %.0f operations ran into the limit, nearly all of them %s.", failed, v.total(whole), name)
}

func slowBackend(v *view) *finding {
	slow, asBefore := v.slower()
	if len(slow) == 0 || len(asBefore) > 0 || v.served(late) < 0.9*v.total(late) || v.busier() > 2 {
		return nil
	}
	return found([]string{v.cite(durations, append(slow[0].picks(), pick{byError, ""})...)},
		"%v took %.0f ms and takes %.0f ms.", slow[0], 1000*v.work(early, slow[0]), 1000*v.work(late, slow[0]))
}
