// SPDX-License-Identifier: Apache-2.0

package jaeger

import (
	"slices"
	"time"
)

// findPlain returns the operations that the head sampler chose. Others are there because
// something was wrong with them, so shares and medians cannot be taken from those.
func (w *window) findPlain() operations {
	return w.all(func(o *operation) bool { return o.Text(tagEvidence) == "" })
}

// findWorks returns the operations that the head sampler chose, and that the backend gave a
// result.
func (w *window) findWorks() operations {
	return w.plain().where(func(o *operation) bool { return o.succeeded() && o.Text(tagAnswer) == "" })
}

// sparse reports whether there are so few traces that the absence of one proves nothing.
func (w *window) sparse() bool {
	for _, o := range w.ops {
		if o.Text(tagEvidence) != "" {
			return true
		}
	}
	return len(w.plain()) < 40
}

// once reports whether the operation succeeded at the first attempt, without a second run.
func (o *operation) once() bool { return !o.recovered && !o.hedged() }

// findUsual returns operations that show how long operations take when all is well: those of
// the calm quarter, else those before the first trouble, else all that went well.
func (w *window) findUsual() operations {
	works := w.works().where((*operation).once)
	if calm := works.until(w.calm); len(calm) > 0 {
		return calm
	}
	if bad := w.troubled(); len(bad) > 0 {
		if before := works.until(bad[0].Begin); len(before) > 0 {
			return before
		}
	}
	return works
}

// slowdown says that operations take longer than before.
type slowdown struct {
	after operations // that are slow
	took  time.Duration
	ratio float64
	// same are the names of operations and targets that are as fast as before.
	same []string
}

const (
	slower     = 3 // an operation is slow if it takes so many times what it took
	muchSlower = 4 // the same, if only few are known
)

// slowed reports whether most operations are slow.
func (w *window) slowed() bool {
	s := w.slowdown()
	return s != nil && len(s.same) == 0
}

// findSlowdown compares the second half of the window with its calm quarter, one kind of
// operation at a time. It returns nil if none is slow.
func (w *window) findSlowdown() *slowdown {
	works := w.works().where((*operation).once)
	before, after := works.until(w.calm), works.since(w.begin.Add(w.end.Sub(w.begin)/2))
	if w.sparse() || len(before) < 10 || len(after) < 10 {
		return w.shift(works)
	}
	s := &slowdown{}
	key := func(o *operation) string { return o.name + " " + o.target }
	for _, k := range before.values(key) {
		is := func(o *operation) bool { return key(o) == k }
		b, a := before.where(is), after.where(is)
		if len(b) < 3 || len(a) < 3 {
			continue
		}
		if a.median((*operation).work) >= slower*b.median((*operation).work) {
			s.after = append(s.after, a...)
		} else {
			s.same = append(s.same, k)
		}
	}
	if len(s.after) == 0 {
		return nil
	}
	s.took = s.after.median((*operation).work)
	s.ratio = float64(s.took) / float64(max(before.median((*operation).work), 1))
	return s
}

// shift finds the operation from which on all take much longer than all before.
func (w *window) shift(works operations) *slowdown {
	// Operations that are evidence for being slow are slow by their own history: they take
	// three times what 99 of 100 took.
	slow := w.all(func(o *operation) bool { return o.Text(tagEvidence) == "slow" && o.once() }).since(w.calm)
	for i := range works {
		before, after := works[:i], works[i:]
		since := w.calm // what is evidence may have come between the two
		if len(before) > 0 {
			since = before[i-1].end()
		}
		slow := slow.since(since)
		if after[0].Begin.Before(w.calm) || len(after)+len(slow) < 3 {
			continue
		}
		usual := before.median((*operation).work)
		if len(before) == 0 {
			if len(slow) == 0 {
				continue
			}
			usual = slow.median((*operation).work) / muchSlower / 2
		}
		long := after.where(func(o *operation) bool { return o.work() >= slower*usual })
		if 5*len(long) < 4*len(after) || after.median((*operation).work) < muchSlower*usual || !slices.Concat(after, slow).alike() {
			continue
		}
		took := after.median((*operation).work)
		after = slices.Concat(after, slow)
		return &slowdown{after: after, took: took, ratio: float64(took) / float64(max(usual, 1))}
	}
	return nil
}

// busier reports whether callers ask for several times as many operations as before, as
// far as that can be told.
func (w *window) busier() bool {
	before, after := w.plain().until(w.calm), w.plain().since(w.calm)
	return !w.sparse() && len(before) >= 10 && len(after) >= 3*slower*len(before)*4/5 // the rest is three times as long
}

// alike reports whether the operations take about as long as each other. A machine that
// has other work to do makes some of them slow, and each by another time.
func (os operations) alike() bool {
	return os.quantile(0.9, (*operation).work) <= 4*os.quantile(0.1, (*operation).work)
}

// slowDials reports whether new connections take several times as long as before, too.
func (w *window) slowDials() bool {
	var before, after []*dial
	for _, d := range w.dials {
		switch {
		case d.Text(tagErrorType) != "":
		case d.Begin.Before(w.calm):
			before = append(before, d)
		default:
			after = append(after, d)
		}
	}
	if len(before) == 0 || len(after) == 0 {
		return false
	}
	return medianOf(after) > muchSlower*medianOf(before) && medianOf(after) > 20*time.Millisecond
}
