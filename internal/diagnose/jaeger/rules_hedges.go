// SPDX-License-Identifier: Apache-2.0

package jaeger

import (
	"slices"
	"time"
)

// hedges are the second runs after the calm quarter.
type hedges struct {
	second operations
	// delays are how long after its first run each second run began, where Jaeger has both.
	delays []time.Duration
}

func (w *window) hedges() hedges {
	h := hedges{second: w.fresh((*operation).second)}
	first := map[string]*operation{} // by trace
	for _, o := range w.ops {
		if !o.second() {
			first[o.trace] = o
		}
	}
	for _, o := range h.second {
		if f := first[o.trace]; f != nil && f.name == o.name {
			h.delays = append(h.delays, o.Begin.Sub(f.Begin))
		}
	}
	return h
}

// median is the median of the delays.
func (h hedges) median() time.Duration {
	if len(h.delays) == 0 {
		return 0
	}
	slices.Sort(h.delays)
	return h.delays[len(h.delays)/2]
}

// name is the operation that has the most second runs.
func (h hedges) name() string {
	runs := map[string]int{}
	most := h.second[0].name
	for _, o := range h.second {
		if runs[o.name]++; runs[o.name] > runs[most] {
			most = o.name
		}
	}
	return most
}

// known is how many operations tell how long operations take.
const known = 3

func hedgingOverload(w *window) *proof {
	h := w.hedges()
	if len(h.second) == 0 {
		return nil
	}
	name := h.name()
	isRead := func(o *operation) bool { return o.name == name && !o.failed() }
	reads := w.plain().since(h.second[0].Begin).where(isRead)
	if hedged := reads.where((*operation).hedged); len(reads) >= known && 2*len(hedged) < len(reads) {
		return nil
	}
	// Second runs that a slow backend causes begin when the usual answer is overdue.
	answered := w.all(isRead).where(func(o *operation) bool { return !o.lost() })
	if delay := h.median(); 2*delay > answered.quantile(0.1, (*operation).work) {
		return nil
	}
	took, usual := answered.since(h.second[0].Begin).median((*operation).work), 10*h.median()
	if before := w.usual().where(isRead).until(h.second[0].Begin); len(before) >= known {
		usual = before.median((*operation).work)
	}
	if took < 2*usual {
		return nil // twice the load, and room for it
	}
	return by(h.second, "%d operations were hedged %v after their first run, before an answer could come, and reads take %v since",
		len(h.second), h.median().Round(time.Millisecond/10), took.Round(time.Millisecond))
}
