// SPDX-License-Identifier: Apache-2.0

package prometheus

import (
	"maps"
	"slices"
)

// enough is the number of events below which a figure may be chance. The increase of a
// counter is extrapolated, so three events may be a little less.
const enough = 2.5

// times is by how much something is slower that is called slow. Three is far more than
// a busy hour makes of it, and the buckets of a histogram are not finer.
const times = 3

// names returns the names of the operations that succeeded in both phases often enough
// to be compared.
func (v *view) names() []string {
	names := map[string]bool{}
	for _, r := range v.rows(operations, early) {
		name := pick{byOperation, r.Series[byOperation]}
		if v.sum(operations, early, name, pick{byError, ""}) > enough && v.sum(operations, late, name, pick{byError, ""}) > enough {
			names[name.value] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// mean returns how long successful operations of some labels took, zero if there were
// none.
func (v *view) mean(p phase, picks ...pick) float64 {
	picks = append(picks, pick{byError, ""}, pick{byAnswer, ""})
	n := v.sum(operations, p, picks...)
	if n < enough {
		return 0
	}
	return v.sum(durations, p, picks...) / n
}

// work returns how long the successful operations of a name took, without what they
// waited for in this process.
func (v *view) work(p phase, name string) float64 {
	n := v.sum(operations, p, pick{byOperation, name})
	if n < enough {
		return 0
	}
	return max(v.mean(p, pick{byOperation, name})-v.sum(waits, p, pick{byOperation, name})/n, 0)
}

// slower returns the operations whose work takes much longer than at the begin, by their
// mean and by their median, and the others.
func (v *view) slower() (slow, asBefore []string) {
	for _, name := range v.names() {
		before, now := v.work(early, name), v.work(late, name)
		middle := pick{byOperation, name}
		if before > 0 && now > times*before && v.sum(median, late, middle) > 2*v.sum(median, early, middle) {
			slow = append(slow, name)
		} else {
			asBefore = append(asBefore, name)
		}
	}
	return slow, asBefore
}

// isSlower reports whether any operation is much slower than at the begin.
func (v *view) isSlower() bool {
	slow, _ := v.slower()
	return len(slow) > 0
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
