// SPDX-License-Identifier: Apache-2.0

package jaeger

import (
	"slices"
	"sync"
	"time"
)

// window is what the traces of a service say of a stretch of time.
type window struct {
	begin, end time.Time
	// calm is the end of the first quarter. Nothing is taken to be wrong before: what
	// is as frequent then as later is normal for the service.
	calm time.Time
	ops  []*operation // in the order of their begin
	// dials are new connections. Their spans are traces of their own.
	dials []*dial

	// See findPlain and so on: found once, because they are asked for each operation.
	plain, works, usual func() operations
	slowdown            func() *slowdown
}

// dial is the span of a new connection.
type dial struct {
	*Span
	trace string
}

// newWindow reads the traces. Only spans of Penstock count, and the names of their parents.
func newWindow(traces []Trace, begin, end time.Time) *window {
	w := &window{begin: begin, end: end, calm: begin.Add(end.Sub(begin) / 4)}
	for i := range traces {
		t := &traces[i]
		names := make(map[string]string, len(t.Spans))
		for j := range t.Spans {
			names[t.Spans[j].ID] = t.Spans[j].Name
		}
		for j := range t.Spans {
			s := &t.Spans[j]
			switch {
			case isOperation(s):
				w.ops = append(w.ops, newOperation(t.ID, s, names[s.Parent]))
			case s.Text(tagScope) != scope:
			case s.Name == spanConnect:
				w.dials = append(w.dials, &dial{s, t.ID})
			}
		}
	}
	slices.SortStableFunc(w.ops, func(a, b *operation) int { return a.Begin.Compare(b.Begin) })
	w.plain, w.works, w.usual = sync.OnceValue(w.findPlain), sync.OnceValue(w.findWorks), sync.OnceValue(w.findUsual)
	w.slowdown = sync.OnceValue(w.findSlowdown)
	slices.SortStableFunc(w.dials, func(a, b *dial) int { return a.Begin.Compare(b.Begin) })
	return w
}

// all returns the operations for which f holds.
func (w *window) all(f func(*operation) bool) operations {
	var found operations
	for _, o := range w.ops {
		if f(o) {
			found = append(found, o)
		}
	}
	return found
}

// fresh returns the operations after the calm quarter for which f holds, if there are at
// least two, and if they are at least three times as frequent as before.
func (w *window) fresh(f func(*operation) bool) operations { return w.freshOf(w.all(f)) }

// freshOf is fresh for operations at hand.
func (w *window) freshOf(os operations) operations {
	before, after := os.until(w.calm), os.since(w.calm)
	// The rest is three times as long as the calm quarter.
	if len(after) < 2 || len(before) > 0 && len(after) < 9*len(before) {
		return nil
	}
	return after
}

// operations are some operations of a window, in the order of their begin.
type operations []*operation

// ids returns the ids of up to three traces: the first, one in the middle, and the last.
func (os operations) ids() []string {
	var ids []string
	for _, i := range []int{0, len(os) / 2, len(os) - 1} {
		if i >= 0 && i < len(os) && !slices.Contains(ids, os[i].trace) {
			ids = append(ids, os[i].trace)
		}
	}
	return ids
}

// where returns the operations for which f holds.
func (os operations) where(f func(*operation) bool) operations {
	var found operations
	for _, o := range os {
		if f(o) {
			found = append(found, o)
		}
	}
	return found
}

// since returns the operations that began at t or later.
func (os operations) since(t time.Time) operations {
	return os.where(func(o *operation) bool { return !o.Begin.Before(t) })
}

// until returns the operations that began before t.
func (os operations) until(t time.Time) operations {
	return os.where(func(o *operation) bool { return o.Begin.Before(t) })
}

// median returns the median of d of the operations, zero if there are none.
func (os operations) median(d func(*operation) time.Duration) time.Duration {
	return os.quantile(0.5, d)
}

func (os operations) quantile(q float64, d func(*operation) time.Duration) time.Duration {
	if len(os) == 0 {
		return 0
	}
	all := make([]time.Duration, len(os))
	for i, o := range os {
		all[i] = d(o)
	}
	slices.Sort(all)
	return all[min(int(q*float64(len(all))), len(all)-1)]
}

// values returns the different values of f, in the order in which they first appear.
func (os operations) values(f func(*operation) string) []string {
	var found []string
	for _, o := range os {
		if v := f(o); !slices.Contains(found, v) {
			found = append(found, v)
		}
	}
	return found
}

// medianOf returns the median duration of the dials.
func medianOf(dials []*dial) time.Duration {
	all := make([]time.Duration, len(dials))
	for i, d := range dials {
		all[i] = d.Duration
	}
	slices.Sort(all)
	return all[len(all)/2]
}
