// SPDX-License-Identifier: Apache-2.0

package jaeger

// reopened is how often the breaker had opened again when it refused the operation.
func (o *operation) reopened() int {
	n, _ := o.Number(tagReopened)
	return int(n)
}

func breakerOpen(w *window) *proof {
	last := w.lastRefusal(errOpen)
	if last == nil || last.reopened() > 0 || last.Text(tagProbeResult) != probeOK {
		return nil
	}
	open := w.fresh(func(o *operation) bool { return o.Text(tagErrorType) == errOpen })
	return by(open, "the breaker is open because of %s, while the last probe was ok: %s", last.origin.kind, last.Text(tagStatus))
}

// probeOK is the value of penstock.probe.result for a probe that succeeded.
const probeOK = "ok"

func halfOpenProbeFailing(w *window) *proof {
	last := w.lastRefusal(errOpen)
	if last == nil || last.reopened() == 0 || !isCode(last.origin.kind) || last.origin.isBroken() {
		return nil
	}
	open := w.fresh(func(o *operation) bool { return o.Text(tagErrorType) == errOpen && o.reopened() > 0 })
	if len(open) == 0 {
		return nil
	}
	return by(open, "the breaker opened again %d times, because the backend answers operations with %s: %s", last.reopened(), last.origin.kind, last.origin.text)
}

func healthGateShut(w *window) *proof {
	shut := w.fresh(func(o *operation) bool { return o.Text(tagErrorType) == errUnhealthy })
	if len(shut) == 0 {
		return nil
	}
	since := shut[0].Begin
	failed := w.all(func(o *operation) bool { return o.failed() && !o.refused && !o.Begin.Before(since) })
	open := w.fresh(func(o *operation) bool { return o.Text(tagErrorType) == errOpen })
	if len(failed) > len(shut)/10 || len(open) > len(shut)/10 || !w.sparse() && len(w.works().since(since)) == 0 {
		return nil
	}
	return by(shut, "the health gate refuses operations because probes fail with %s, and those that get through succeed", shut[len(shut)-1].origin.kind)
}

// ours are the types of errors that do not come from the backend.
var ours = map[string]bool{
	errBulkhead: true, errCanceled: true, errConnect: true, errDeadline: true, errInvalid: true, errLocalRate: true,
	errOpen: true, errPanic: true, errPoolClosed: true, errPoolTimeout: true, errTimeout: true, errTooMany: true,
	errUnauth: true, errUnhealthy: true, "forced_open": true, "slow_attempts": true, "_OTHER": true, "": true,
}

// isCode reports whether the type of an error is a code with which the backend answered.
func isCode(kind string) bool { return !ours[kind] }
