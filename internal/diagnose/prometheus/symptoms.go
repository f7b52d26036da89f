// SPDX-License-Identifier: Apache-2.0

package prometheus

// symptom is a sign that something is wrong in a part, of which no rule knows the fault.
type symptom struct {
	part, says string
	match      func(*view) *finding
}

// local are the types of errors that do not come from the server, and ownTypes those of
// them that no server can cause.
const (
	local    = "timeout|deadline_exceeded|canceled|connect_error|" + ownTypes
	ownTypes = "pool_timeout|pool_closed|too_many_waiters|local_rate_limit|bulkhead_full|panic|invalid_request|" + gates
)

// symptoms are asked in this order, when no rule matched.
var symptoms = []symptom{
	{partCaller, "The application makes mistakes.", mistakes},
	{partBackend, "The server is away at times.", comesAndGoes},
	{partTransport, "Connections break or cannot be made.", brokenTransport},
	{partStage, "A stage of the application makes operations wait.", ownStageWaits},
	{partCaller, "The application's own work fails.", ownErrors},
	{partStage, "A limit of this process is near the usual time of an answer.", tightLimit},
	{partBackend, "The server fails operations.", serverErrors},
	{partPool, "Calls of the pool do not return, or its connections do not last.", stuckCalls},
	{partStage, "A stage of this process refuses operations.", stageRefuses},
	{partCaller, "The server became slow with many more operations.", overload},
	{partBackend, "The server became slow or silent.", slowOrSilent},
	{partPool, "Operations wait for a connection.", poolWaits},
	{partStage, "Operations wait in a stage.", stageWaits},
	{partCaller, "The caller gives up.", callerGivesUp},
}

func mistakes(v *view) *finding {
	wrong := pick{byError, "invalid_request|panic"}
	if n := v.rise(failures, whole, wrong); n > enough {
		return found([]string{v.cite(failures, wrong)}, "%.0f operations are no valid requests.", n)
	}
	if n := v.sum(panics, whole); n > 0.5 {
		return found([]string{v.cite(panics)}, "Functions of the application panicked %.0f times.", n)
	}
	for _, r := range v.rows(ended, whole) {
		answer := pick{byAnswer, r.Series[byAnswer]}
		if n := v.rise(ended, whole, answer); answer.value != "" && n > enough {
			return found([]string{v.cite(ended, answer)}, "The server answered %s to %.0f operations.", answer.value, n)
		}
	}
	return nil
}

func comesAndGoes(v *view) *finding {
	if series := v.outage(); series != nil {
		return found(series, "%.0f connections broke, and %.0f new ones were refused.", v.cut(whole), v.refused(whole))
	}
	return nil
}

// felt reports whether an operation failed or had to be attempted again.
func (v *view) felt() bool {
	return v.served(whole) < v.total(whole)-0.5 || v.sum(retries, whole) > 0.5
}

func brokenTransport(v *view) *finding {
	for _, f := range []fact{connects, disconnects} {
		for _, r := range v.rows(f, whole) {
			reason := pick{byReason, r.Series[byReason]}
			if f == disconnects && !v.felt() {
				continue // as when a server that leaves says so too late
			}
			if n := v.rise(f, whole, reason); n > 0.5 && !r.has([]pick{{byReason, "|closed|goaway"}}) {
				return found([]string{v.cite(f, reason)}, "%.0f connections: %s.", n, reason.value)
			}
		}
	}
	if n := v.failed(whole, "connect_error"); n > enough {
		return found([]string{v.cite(failures, pick{byError, "connect_error"})}, "%.0f operations found no connection.", n)
	}
	if n := v.sum(dials, whole) - v.sum(dials, whole, pick{byError, ""}); n > enough {
		return found([]string{v.cite(dials)}, "%.0f dials failed.", n)
	}
	return nil
}

// ownStageWaits is about stages that Penstock does not have.
func ownStageWaits(v *view) *finding { return waitsExcept(v, "bulkhead|ratelimit|retry|pool") }

// ownErrors is about errors without a code: the server's have one.
func ownErrors(v *view) *finding {
	for _, r := range v.rows(operations, whole) {
		own := []pick{{byError, r.Series[byError]}, {byCode, ""}}
		if r.Series[byCode] != "" || r.has([]pick{{byError, "|unauthenticated|" + local}}) {
			continue
		}
		if n := v.rise(operations, whole, own...); n > enough {
			return found([]string{v.cite(operations, own...)}, "%.0f operations failed with %s, which is no code of the server.", n, own[0].value)
		}
	}
	return nil
}

// tightLimit is about a limit of attempts that good answers exceed too.
func tightLimit(v *view) *finding {
	limit, cut := pick{byScope, "attempt"}, pick{byError, "timeout"}
	n := v.rise(failures, whole, cut) + v.rise(retries, whole, cut)
	allowed, usual := v.sum(limits, late, limit), v.mean(early)
	if n > enough && 0 < allowed && allowed < 3*usual {
		return found([]string{v.cite(limits, limit), v.cite(durations, pick{byError, ""})},
			"%.0f attempts ran into their limit of %.0f ms, and a usual answer took %.0f ms.", n, 1000*allowed, 1000*usual)
	}
	return nil
}

func serverErrors(v *view) *finding {
	for _, f := range []fact{failures, retries} {
		for _, r := range v.rows(f, whole) {
			code := pick{byError, r.Series[byError]}
			if n := v.rise(f, whole, code); n > enough && !r.has([]pick{{byError, local}}) {
				return found([]string{v.cite(f, code)}, "%.0f times %s.", n, code.value)
			}
		}
	}
	if n := v.probesUnanswered(whole); n > enough {
		return found([]string{v.cite(probes)}, "%.0f health probes failed.", n)
	}
	return nil
}

func stuckCalls(v *view) *finding {
	if n := v.sum(stuck, whole); n > 0.5 {
		return found([]string{v.cite(stuck)}, "%.0f do not return.", n)
	}
	if n, limit := v.rise(closes, late), v.sum(most, late); n > 4*limit && n > enough && n > times*v.rise(closes, early) {
		return found([]string{v.cite(closes)}, "%.0f were closed, of at most %.0f.", n, limit)
	}
	return nil
}

func stageRefuses(v *view) *finding {
	refused := pick{byError, "local_rate_limit|bulkhead_full|" + gates}
	if n := v.rise(failures, whole, refused); n > enough && !v.isSlower() && v.failed(whole, "timeout") < enough {
		return found([]string{v.cite(failures, refused)}, "%.0f operations were refused.", n)
	}
	return nil
}

func overload(v *view) *finding {
	if n := v.busier(); n > 2 && v.isSlower() {
		return found([]string{v.cite(operations)}, "There are %.1f times as many as at the begin.", n)
	}
	return nil
}

func slowOrSilent(v *view) *finding {
	if slow, _ := v.slower(); len(slow) > 0 {
		return found([]string{v.cite(durations, append(slow[0].picks(), pick{byError, ""})...)},
			"%v took %.0f ms and takes %.0f ms.", slow[0], 1000*v.work(early, slow[0]), 1000*v.work(late, slow[0]))
	}
	if slow := v.slowAtTimes(); len(slow) > 0 {
		return found([]string{v.cite(durations, pick{byOperation, slow[0]}, pick{byError, ""})}, "Some calls of %s are slow.", slow[0])
	}
	for _, f := range []fact{failures, retries} {
		limit := pick{byError, "timeout"}
		if n := v.sum(f, whole, limit); n > enough {
			return found([]string{v.cite(f, limit)}, "%.0f attempts ran into their limit.", n)
		}
	}
	return nil
}

func poolWaits(v *view) *finding {
	full := pick{byError, "pool_timeout|too_many_waiters|pool_closed"}
	if n := v.rise(failures, whole, full); n > enough {
		return found([]string{v.cite(failures, full)}, "%.0f operations got no connection.", n)
	}
	return v.waiting(pick{byStage, "pool"})
}

func stageWaits(v *view) *finding { return waitsExcept(v, "retry|pool") }

// waitsExcept returns a finding of a stage that is not among the given ones.
func waitsExcept(v *view, stages string) *finding {
	for _, r := range v.rows(waits, late) {
		if !r.has([]pick{{byStage, stages}}) {
			if f := v.waiting(pick{byStage, r.Series[byStage]}); f != nil {
				return f
			}
		}
	}
	return nil
}

// waiting returns a finding if operations wait longer in a stage than they work, and much
// longer than at the begin.
func (v *view) waiting(stage pick) *finding {
	n, all := v.sum(waits, late, stage), v.sum(durations, late)
	if n < all/2 || n < times*v.sum(waits, early, stage) || v.served(late) < enough {
		return nil
	}
	return found([]string{v.cite(waits, stage)}, "Of %.1f s that all operations took, they waited %.1f s.", all, n)
}

func callerGivesUp(v *view) *finding {
	left := pick{byError, "canceled|deadline_exceeded"}
	if n := v.rise(failures, whole, left); n > enough {
		return found([]string{v.cite(failures, left)}, "%.0f operations were given up.", n)
	}
	return nil
}
