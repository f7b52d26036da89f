// SPDX-License-Identifier: Apache-2.0

package jaeger

import "time"

const strong = "Strong"

func strongConsistency(w *window) *proof {
	works := w.works().where((*operation).once)
	// Those that are evidence are slow for sure.
	waits := w.all(func(o *operation) bool {
		return o.Text(tagConsistency) == strong && o.succeeded() && o.once() && !o.Begin.Before(w.calm)
	})
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
	if s == nil || len(s.same) > 0 || w.slowDials() || w.busier() {
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
