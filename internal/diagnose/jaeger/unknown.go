// SPDX-License-Identifier: Apache-2.0

package jaeger

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/penstock-go/penstock/internal/diagnose/diagnosis"
)

// symptom is something out of the ordinary that no rule explains.
type symptom struct {
	part  string
	count int // of operations or dials
	proof *proof
}

// unexplained says that something is wrong in a part, or that nothing is.
func unexplained(w *window) diagnosis.Verdict {
	symptoms := w.errors()
	symptoms = append(symptoms, w.waits()...)
	if s := w.slowdown(); s != nil && len(symptoms) == 0 {
		part := backend
		switch {
		case w.slowDials():
			part = transport
		case w.busier():
			part = caller
		}
		symptoms = append(symptoms, symptom{part, len(s.after), by(s.after, "%s takes %.1f times as long as before", s.after[0].Name, s.ratio)})
	}
	if len(symptoms) == 0 {
		symptoms = append(w.connections(), w.slowCalls()...)
	}
	if len(symptoms) == 0 {
		return diagnosis.Verdict{Kind: diagnosis.Healthy, Why: "nothing is out of the ordinary"}
	}
	worst := slices.MaxFunc(symptoms, func(a, b symptom) int { return cmp.Compare(a.count, b.count) })
	return diagnosis.Verdict{Kind: diagnosis.Unknown, Part: worst.part, Evidence: worst.proof.traces, Why: worst.proof.why}
}

// errors returns a symptom for each part in which errors are out of the ordinary, and for
// answers that callers did not get before.
func (w *window) errors() []symptom {
	var found []symptom
	stalled := w.stalled()
	for _, part := range []string{caller, stage, pool, transport, backend} {
		bad := w.fresh(func(o *operation) bool {
			switch {
			case stalled[o]: // also before, where they would make others look usual
				return false
			case o.origin.kind != "":
				return w.partOf(o) == part
			case o.Text(tagAnswer) != "":
				return w.partOfAnswer(o) == part
			}
			return false
		})
		if len(bad) > 0 {
			what := bad[0].origin
			if what.kind == "" {
				what = trouble{bad[0].Text(tagAnswer), "an answer"}
			}
			found = append(found, symptom{part, len(bad), by(bad, "%d operations ended with errors such as %s: %s", len(bad), what.kind, what.text)})
		}
	}
	dials := w.failedDials()
	if len(dials) >= 2 && len(found) == 0 {
		t := dials[0].trouble()
		found = append(found, symptom{transport, len(dials), byDials(dials, fmt.Sprintf("%d dials failed: %s", len(dials), t.text))})
	}
	return found
}

// stalled returns the operations that a limit ended while everything else was slow, too,
// if they are few. The process or its machine had other work to do for a moment.
func (w *window) stalled() map[*operation]bool {
	found := map[*operation]bool{}
	all := w.all(isOrigin(errTimeout))
	if w.sparse() || len(all) > len(w.plain())/20 {
		return found
	}
	for _, o := range all {
		found[o] = true
	}
	for _, o := range w.lonely(all) {
		delete(found, o)
	}
	return found
}

// partOf returns the part that an error comes from.
func (w *window) partOf(o *operation) string {
	switch kind := o.origin.kind; {
	case o.origin.isRefused():
		return backend // nobody listens
	case isBroken(o) || kind == errConnect:
		return transport
	case kind == errCanceled && o.work() > 4*w.usual().quantile(0.9, (*operation).work):
		return backend // the caller gave up on something
	case kind == errPanic, kind == errInvalid, kind == errCanceled, kind == errUnauth, strings.Contains(o.origin.text, "larger than max"):
		return caller
	case kind == errDeadline:
		if d, ok := o.seconds(tagDeadline); ok && d < 2*w.usual().median((*operation).work) {
			return caller
		}
		return backend
	case kind == errPoolTimeout, kind == errPoolClosed, kind == errTooMany:
		return pool
	case kind == errLocalRate, kind == errBulkhead, kind == errOpen, kind == errUnhealthy, kind == "forced_open":
		return stage
	case kind == "slow_attempts" && !w.slowed(), kind == errTimeout && w.tight(operations{o}):
		return stage // a threshold that good operations exceed
	case kind == "PERMISSION_DENIED":
		return caller
	case kind != errTimeout && !o.reached() && w.numbered():
		return stage // of the user
	case kind == "_OTHER" && o.Text(tagCode) == "" && o.Text(tagCauseType) == "":
		return caller // an error of the backend has a code
	default:
		return backend
	}
}

// reached reports whether the operation had a connection, or failed because of another one
// that had.
func (o *operation) reached() bool {
	_, ok := o.connection()
	return ok || o.Text(tagCauseType) != "" || o.recovered
}

// numbered reports whether the operations have the numbers of their connections.
func (w *window) numbered() bool {
	works := w.works()
	return len(works) > 0 && works[0].reached()
}

// partOfAnswer returns the part that an answer in place of a result comes from. It is the
// caller, who asked so, unless the backend has lost a collection.
func (w *window) partOfAnswer(o *operation) string {
	lost := func(p *operation) bool { return p.target == o.target && p.Begin.Before(o.Begin) }
	if o.Text(tagCode) == noCollection && len(w.works().where(lost)) > 0 {
		return backend
	}
	return caller
}

// waits returns a symptom if a stage or the pool makes operations wait that did not wait
// before.
func (w *window) waits() []symptom {
	var found []symptom
	stages := w.plain().values(func(o *operation) string { return o.waitedIn() })
	for _, name := range stages {
		if name == "" || name == "retry" {
			continue
		}
		waits := w.fresh(func(o *operation) bool {
			return o.Text(tagEvidence) == "" && o.waitedIn() == name && o.waited > 2*o.work() && o.waited > slower*w.usual().median((*operation).work)
		})
		if 4*len(waits) < len(w.plain().since(w.calm)) || len(waits) == 0 {
			continue
		}
		part := stage
		if name == "pool" {
			part = pool
		}
		found = append(found, symptom{part, len(waits), by(waits, "%d operations wait in %s for longer than they work", len(waits), name)})
	}
	return found
}

// slowCalls returns a symptom if some calls take far longer than others that run at the
// same time.
func (w *window) slowCalls() []symptom {
	if w.sparse() {
		return nil
	}
	usual := w.usual().quantile(0.9, (*operation).work)
	slow := w.freshOf(w.lonely(w.works().where(func(o *operation) bool { return o.once() && o.work() > 10*usual })))
	if 50*len(slow) < len(w.works().since(w.calm)) {
		return nil
	}
	return []symptom{{backend, len(slow), by(slow, "%d calls take more than %v, while others are as fast as before", len(slow), 10*usual)}}
}

// waitedIn is the stage in which the operation waited first, "pool" for a connection.
func (o *operation) waitedIn() string {
	for _, e := range o.events(eventWait) {
		return e.text(tagStage)
	}
	return ""
}

// connections returns a symptom if new connections are made all the time. A planned
// restart makes each once.
func (w *window) connections() []symptom {
	var before, after []*dial
	for _, d := range w.dials {
		if d.Begin.Before(w.calm) {
			before = append(before, d)
		} else {
			after = append(after, d)
		}
	}
	rest := w.end.Sub(w.calm).Seconds()
	if len(after) < 12*max(len(before), 1) || float64(len(after)) < rest {
		return nil
	}
	return []symptom{{pool, len(after), byDials(after, fmt.Sprintf("%d connections were made in %.0f s", len(after), rest))}}
}
