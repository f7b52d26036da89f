// SPDX-License-Identifier: Apache-2.0

package otelx

import (
	"sync"
	"time"
)

// trouble is a kind of evidence. Kinds that were not exported for a while go before
// those that were, so that a storm of one kind does not hide another one.
type trouble struct {
	why, errorType string
	series         *series // nil: no operation
}

// newsAfter is how long a kind that was exported goes behind the others.
const newsAfter = 5 * time.Second

// limit bounds how many traces are exported: never more than most within any second.
type limit struct {
	most     int
	referred int // places that only operations have that others refer to
	news     int // places that only those have and kinds that were not exported for a while

	mu     sync.Mutex            // guards the fields below
	recent []time.Time           // the exports of the last second, the oldest first
	kinds  map[trouble]time.Time // the last export of each kind
	left   int                   // how many were refused since the last export
}

// newLimit returns a limit of most traces a second, which is at least one. Of ten places,
// two are kept for operations that others refer to, and three for rare kinds.
func newLimit(most int) *limit {
	return &limit{most: most, referred: most / 5, news: most * 3 / 10, kinds: map[trouble]time.Time{}}
}

// take reports whether a trace of this kind may be exported now, and how many were not
// since the last one. A refusal of a trace that is referred to is not counted: the trace
// asks again at its end.
func (l *limit) take(now time.Time, kind trouble, referred bool) (left int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.forget(now)
	room := l.most - len(l.recent)
	switch {
	case referred:
	case l.isNews(now, kind):
		room -= l.referred
	default:
		room -= l.referred + l.news
	}
	if room <= 0 {
		if !referred {
			l.left++
		}
		return 0, false
	}
	l.recent = append(l.recent, now)
	if !referred {
		l.kinds[kind] = now
	}
	left, l.left = l.left, 0
	return left, true
}

// forget forgets exports that are over a second ago, and kinds that are news again.
func (l *limit) forget(now time.Time) {
	over := 0
	for over < len(l.recent) && now.Sub(l.recent[over]) >= time.Second {
		over++
	}
	if over > 0 {
		l.recent = l.recent[:copy(l.recent, l.recent[over:])]
	}
	// At most as many kinds are no news as there were exports in that time.
	if len(l.kinds) > 2*l.most*int(newsAfter/time.Second) {
		for kind, at := range l.kinds {
			if now.Sub(at) >= newsAfter {
				delete(l.kinds, kind)
			}
		}
	}
}

func (l *limit) isNews(now time.Time, kind trouble) bool {
	at, known := l.kinds[kind]
	return !known || now.Sub(at) >= newsAfter
}
