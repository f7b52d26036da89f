// SPDX-License-Identifier: Apache-2.0

package jaeger

import "time"

// lonely returns the operations that timed out while others that began at about the same time
// were as fast as ever. If everything was slow at that moment, or other operations timed
// out as well, the call did not hang alone.
func (w *window) lonely(timedOut operations) operations {
	usual := w.usual().median((*operation).work)
	works := w.works()
	return timedOut.where(func(o *operation) bool {
		others := timedOut.where(func(p *operation) bool { return p.name != o.name && p.Begin.Before(o.end()) && o.Begin.Before(p.end()) })
		if len(others) > 1 {
			return false
		}
		beside := works.since(o.Begin.Add(-o.Duration / 4)).until(o.Begin.Add(o.Duration / 2))
		return usual == 0 || len(beside) < 3 || beside.quantile(0.7, (*operation).work) < 4*usual
	})
}

// timedOut returns the operations that a limit of the client ended, or that recovered from
// that, if most others went well and no breaker opened because of them.
func (w *window) timedOut() (failed, recovered operations) {
	all := w.all(isOrigin(errTimeout))
	alone := w.freshOf(w.lonely(all))
	all = all.since(w.calm)
	if 2*len(alone) < len(all) || len(alone) < 2 || w.slowed() || !w.main(all) {
		return nil, nil
	}
	if refused := all.where(func(o *operation) bool { return o.refused }); len(refused) > 0 || w.tight(alone) {
		return nil, nil
	}
	if works := w.works().since(w.calm); !w.sparse() && len(works) < 3*len(all) {
		return nil, nil
	}
	return alone.where((*operation).failed), alone.where(func(o *operation) bool { return o.recovered })
}

// tight reports whether the limit that ended the operations is one that good operations
// exceed, too.
func (w *window) tight(timedOut operations) bool {
	usual := w.usual().quantile(0.9, (*operation).work)
	tight := timedOut.where(func(o *operation) bool {
		limit, ok := o.seconds(tagTimeoutDuration)
		if !ok {
			limit, ok = o.seconds(tagTimeoutAttempt)
		}
		return ok && limit < 3*usual
	})
	return 2*len(tight) > len(timedOut)
}

func hangingCall(w *window) *proof {
	failed, recovered := w.timedOut()
	if len(failed) < 2 || len(failed) <= len(recovered) {
		return nil
	}
	name := failed[len(failed)/2].name
	same := failed.where(func(o *operation) bool { return o.name == name })
	if 10*len(same) < 8*len(failed) {
		return nil
	}
	return by(same, "%d operations %s got no answer within the limit, and were not repeated", len(same), name)
}

func slowAttemptThenSuccess(w *window) *proof {
	failed, recovered := w.timedOut()
	if len(recovered) < 3 || len(recovered) < len(failed) || recovered.seconds() < 3 {
		return nil
	}
	return by(recovered, "%d operations timed out at first, and succeeded when they were repeated", len(recovered))
}

// seconds is the number of different seconds in which the operations began.
func (os operations) seconds() int {
	return len(os.values(func(o *operation) string { return o.Begin.Format(time.TimeOnly) }))
}
