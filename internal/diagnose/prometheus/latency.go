// SPDX-License-Identifier: Apache-2.0

package prometheus

import (
	"slices"
	"strings"
)

// enough is the number of events below which a figure may be chance. The increase of a
// counter is extrapolated, so three events may be a little less.
const enough = 2.5

// times is by how much something is slower that is called slow. Three is far more than
// a busy hour makes of it, and the buckets of a histogram are not finer.
const times = 3

// target is an operation and its collection.
type target struct{ operation, collection string }

func (t target) String() string { return strings.TrimSpace(t.operation + " " + t.collection) }

func (t target) picks() []pick {
	return []pick{{byOperation, t.operation}, {byCollection, t.collection}}
}

// targets returns what succeeded in both phases often enough to be compared.
func (v *view) targets() []target {
	seen := map[target]bool{}
	var targets []target
	for _, r := range v.rows(operations, early) {
		t := target{r.Series[byOperation], r.Series[byCollection]}
		ok := append(t.picks(), pick{byError, ""}, pick{byAnswer, ""})
		if !seen[t] && v.sum(operations, early, ok...) > 2*enough && v.sum(operations, late, ok...) > 2*enough {
			targets = append(targets, t)
		}
		seen[t] = true
	}
	return targets
}

// mean returns how long successful operations of some labels took, zero if there were
// none.
func (v *view) mean(p phase, picks ...pick) float64 {
	picks = append(slices.Clone(picks), pick{byError, ""}, pick{byAnswer, ""})
	n := v.sum(operations, p, picks...)
	if n < enough {
		return 0
	}
	return v.sum(durations, p, picks...) / n
}

// work returns how long the successful operations of a target took, without what
// operations of that name waited for in this process.
func (v *view) work(p phase, t target) float64 {
	name := pick{byOperation, t.operation}
	n := v.sum(operations, p, name)
	if n < enough {
		return 0
	}
	return max(v.mean(p, t.picks()...)-v.sum(waits, p, name)/n, 0)
}

// slower returns the targets whose work takes much longer than at the begin, by their
// mean and by their median, and the others.
func (v *view) slower() (slow, asBefore []target) {
	for _, t := range v.targets() {
		before, now := v.work(early, t), v.work(late, t)
		if before > 0 && now > times*before && v.sum(median, late, t.picks()...) > 2*v.sum(median, early, t.picks()...) {
			slow = append(slow, t)
		} else {
			asBefore = append(asBefore, t)
		}
	}
	return slow, asBefore
}

// isSlower reports whether any operation is much slower than at the begin.
func (v *view) isSlower() bool {
	slow, _ := v.slower()
	return len(slow) > 0
}

// many is how many operations there have to be before a few slow ones count.
const many = 100

// slowAtTimes returns the names of operations whose mean grew much, although the median
// may be as before: some of the operations are slow.
func (v *view) slowAtTimes() (slow []string) {
	seen := map[string]bool{}
	for _, r := range v.rows(operations, early) {
		name := pick{byOperation, r.Series[byOperation]}
		if seen[name.value] || v.sum(operations, late, name, pick{byError, ""}) < many {
			continue
		}
		seen[name.value] = true
		before, lasts := v.mean(early, name), true
		for _, p := range []phase{late, tail} { // at the end as well: a moment of the machine's own passes
			waited := v.sum(waits, p, name) / max(v.sum(operations, p, name), 1)
			lasts = lasts && v.mean(p, name)-waited > times*before
		}
		if before > 0 && lasts {
			slow = append(slow, name.value)
		}
	}
	return slow
}

// busy returns how many operations work at the same time, on average, in the second half.
func (v *view) busy() float64 {
	_, length := late.span(v.begin, v.end)
	return max(v.sum(durations, late)-v.sum(waits, late), 0) / (length - after).Seconds()
}

// busier returns how many times as many operations there are as at the begin.
func (v *view) busier() float64 {
	_, before := early.span(v.begin, v.end)
	_, now := late.span(v.begin, v.end)
	was := v.total(early) / before.Seconds()
	if was == 0 {
		return 1
	}
	return v.total(late) / (now - after).Seconds() / was
}
