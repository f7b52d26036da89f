// SPDX-License-Identifier: Apache-2.0

package jaeger

// attempts are what became of attempts, by the number of their connection.
type attempts struct {
	failed    map[int]operations
	succeeded map[int]operations
	failures  int
}

// attempts returns the attempts after the calm quarter of which the connection is known.
// An attempt that was repeated is known by its event.
func (w *window) attempts() attempts {
	as := attempts{failed: map[int]operations{}, succeeded: map[int]operations{}}
	fail := func(number int, o *operation) {
		as.failed[number] = append(as.failed[number], o)
		as.failures++
	}
	for _, o := range w.all(func(o *operation) bool { return !o.Begin.Before(w.calm) && !o.lost() }) {
		number, ok := o.connection()
		switch {
		case !ok:
		case !o.failed():
			as.succeeded[number] = append(as.succeeded[number], o)
		case !isStarved(o):
			fail(number, o)
		}
		for _, e := range o.events(eventRetry) {
			if n, ok := e.Tags[tagConnection].(float64); ok {
				fail(int(n), o)
			}
		}
	}
	return as
}

func oneBadConnection(w *window) *proof {
	as, bad := w.attempts(), 0
	for number, failed := range as.failed {
		if len(failed) > len(as.failed[bad]) {
			bad = number
		}
	}
	failed := as.failed[bad]
	if len(failed) < 3 || 10*len(failed) < 8*as.failures {
		return nil
	}
	// A connection does not choose among operations; a call that hangs is often of one kind.
	if len(failed.values(func(o *operation) string { return o.name })) < 2 {
		return nil
	}
	since, well := failed[0].Begin, 0
	for number, succeeded := range as.succeeded {
		if number != bad {
			well += len(succeeded.since(since))
		}
	}
	if well < 2 || len(as.succeeded[bad].since(since)) > len(failed)/4 {
		return nil
	}
	return by(failed, "%d of %d failed attempts were on connection %d, and %d operations on others succeeded: %s",
		len(failed), as.failures, bad, well, failed[0].origin.text)
}
