// SPDX-License-Identifier: Apache-2.0

package jaeger

import (
	"strings"
	"time"
	"unicode"
)

const strong = "Strong"

func strongConsistency(w *window) *proof {
	works := w.works().where((*operation).once)
	waits := works.since(w.calm).where(func(o *operation) bool { return o.Text(tagConsistency) == strong })
	if len(waits) < 2 {
		return nil
	}
	calm := works.until(w.calm)
	if early := calm.where(func(o *operation) bool { return o.Text(tagConsistency) == strong }); 10*len(early) > len(calm) {
		return nil // as ever
	}
	others := works.where(func(o *operation) bool { return o.Text(tagConsistency) != strong })
	before := others.until(waits[0].Begin)
	after := others.since(waits[0].Begin)
	if len(before) == 0 {
		before = others
	}
	took, usual := waits.median((*operation).work), before.median((*operation).work)
	switch {
	case took < 4*usual:
		return nil
	case len(after) >= 3 && after.median((*operation).work) > usual*5/2:
		return nil // the others are slower, too
	case len(before) == 0 && took < timeTick/4:
		return nil
	}
	return by(waits, "reads with Strong consistency take %v, and operations without take %v", took.Round(time.Millisecond), usual.Round(time.Millisecond))
}

// timeTick is how often Milvus lets a Strong read go on, by default.
const timeTick = 200 * time.Millisecond

func slowBackend(w *window) *proof {
	s := w.slowdown()
	if s == nil || len(s.same) > 0 || w.slowDials() {
		return nil
	}
	if bad := w.fresh((*operation).failed); len(bad) > len(s.after) {
		return nil
	}
	return by(s.after, "operations take %v, %.1f times as long as before", s.took.Round(time.Millisecond), s.ratio)
}

func deadlineTooShort(w *window) *proof {
	short := w.fresh(isOrigin(errDeadline))
	if !w.main(short) || w.slowed() {
		return nil
	}
	given := short.where(func(o *operation) bool { _, ok := o.seconds(tagDeadline); return ok })
	if len(given) == 0 {
		return nil
	}
	deadline := given.median(func(o *operation) time.Duration { d, _ := o.seconds(tagDeadline); return d })
	usual := w.usual().where(func(o *operation) bool { return o.name == given[0].name })
	if len(usual) < 3 {
		usual = w.usual()
	}
	attempt, _ := given[0].seconds(tagTimeoutAttempt)
	takes := usual.quantile(0.75, (*operation).work)
	if len(usual) == 0 && 10*deadline > attempt || len(usual) > 0 && deadline > 2*takes {
		return nil
	}
	return by(given, "callers give %v, and operations have always taken %v or more", deadline.Round(time.Millisecond/10), usual.median((*operation).work).Round(time.Millisecond/10))
}

func callerCancelled(w *window) *proof {
	left := w.fresh(func(o *operation) bool { return o.origin.kind == errCanceled && !o.hedged() })
	if !w.main(left) || w.slowed() {
		return nil
	}
	stayed, usual := left.median((*operation).work), w.usual().quantile(0.9, (*operation).work)
	if usual > 0 && stayed > 2*usual {
		return nil // they waited for something that hangs
	}
	return by(left, "callers of %s left after %v, while other operations are as fast as before", left[0].Name, stayed.Round(time.Millisecond/10))
}

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

// noCollection is Milvus' code for a collection that it does not have.
const noCollection = "100"

func wrongCollection(w *window) *proof {
	// One is enough: nothing repeats it.
	missing := w.all(func(o *operation) bool { return o.Text(tagCode) == noCollection })
	if calm := missing.until(w.calm); len(missing) == 0 || len(calm) > 0 {
		return nil
	}
	for _, target := range missing.values(func(o *operation) string { return o.target }) {
		found := w.works().where(func(o *operation) bool { return o.target == target })
		if len(found) > 0 {
			return nil // it was there
		}
	}
	return by(missing, "there is no collection %s", strings.Join(missing.values(func(o *operation) string { return o.target }), ", "))
}

func metricsOverflow(w *window) *proof {
	folded := w.fresh(func(o *operation) bool { return o.Text(tagTelemetry) != "" })
	if len(folded) == 0 {
		folded = w.all(func(o *operation) bool { return o.Text(tagEvidence) == "overflow" }).since(w.calm)
	}
	if len(folded) > 0 {
		return by(folded, "metrics have no room for more values of %s, such as %s", folded[0].Text(tagTelemetry), folded[0].target)
	}
	calm := map[string]bool{}
	for _, o := range w.ops {
		if o.Begin.Before(w.calm) {
			calm[o.target] = true
		}
	}
	fresh := w.works().since(w.calm).where(func(o *operation) bool { return !calm[o.target] })
	shapes := map[string][]string{}
	for _, target := range fresh.values(func(o *operation) string { return o.target }) {
		s := shape(target)
		shapes[s] = append(shapes[s], target)
	}
	for s, targets := range shapes {
		same := fresh.where(func(o *operation) bool { return shape(o.target) == s })
		// Few of the names come twice, so there are many more.
		if len(targets) < 3 || s == targets[0] || 3*len(targets) < 2*len(same) || !w.sparse() && len(targets) < 50 {
			continue
		}
		return by(same, "%d operations name %d targets such as %s", len(same), len(targets), targets[0])
	}
	return nil
}

// shape returns the name with a # for each number in it.
func shape(name string) string {
	var b strings.Builder
	number := false
	for _, r := range name {
		if !unicode.IsDigit(r) {
			b.WriteRune(r)
			number = false
		} else if !number {
			b.WriteByte('#')
			number = true
		}
	}
	return b.String()
}
