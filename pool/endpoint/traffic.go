// SPDX-License-Identifier: Apache-2.0

package endpoint

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/nested"
)

const (
	// memory is how slowly the average latency falls: after this time without a call, a
	// third of it is left. It is Finagle's default.
	memory = 10 * time.Second
	// enough is how many calls it takes to say anything about an endpoint.
	enough = 20
	// many is how many calls must take long to say that the endpoint hangs.
	many = 3
	// unknown is the load of an endpoint with calls in flight and no latency yet. It is
	// greater than any load that is known, and less with fewer calls.
	unknown = 1e15
)

// traffic is what an endpoint knows of its calls. Guarded by endpoint.mu.
type traffic[C any] struct {
	latency float64       // peak EWMA, in nanoseconds
	stamp   time.Duration // when latency was brought up to date
	flying  int           // calls in flight
	oldest  *lent[C]      // those since the endpoint was let in, in the order of their begin
	newest  *lent[C]
	recent  int // how many those are

	last      speed
	row       int           // failures in a row
	answered  time.Duration // when a call succeeded last
	this      tally         // of half an interval
	before    tally         // of the half before
	halfBegan time.Duration
}

// tally counts calls.
type tally struct{ calls, failed int }

// lent is a lease, and the lender that tells its endpoint of the end.
type lent[C any] struct {
	core.Lender
	at  *endpoint[C]
	ctx context.Context
	// astray says that the endpoint was ejected already when the lease began: no other one
	// had a connection that is not in doubt.
	astray bool

	// Guarded by endpoint.mu.
	since      time.Duration
	prev, next *lent[C]
	verdict    core.Verdict
	over       bool
	stale      bool // the endpoint was ejected and let in meanwhile
}

// unjudged is the verdict of a lease of which core said none.
const unjudged core.Verdict = math.MaxUint8

var (
	_ nested.Keeper = (*lent[int])(nil)
	_ nested.Judge  = (*lent[int])(nil)
)

// Judge implements [nested.Judge]. A failure is known if the endpoint was ejected since the
// lease began: the ejection was for this call too. All calls that hang on an endpoint may
// time out together, long after its ejection. They say nothing of the other endpoints,
// which are what serves.
func (l *lent[C]) Judge(_ uint64, verdict uint8) (known bool) {
	e := l.at
	out := e.out.Load() // first: an endpoint that is let in makes its calls stale before
	e.mu.Lock()
	defer e.mu.Unlock()
	l.verdict = core.Verdict(verdict)
	all := e.b.endpoints()
	return (out || l.stale) && !l.astray && len(all) > 1 && !e.b.panicking(all)
}

// Return implements [core.Lender].
func (l *lent[C]) Return(token uint64, fate core.ConnFate, reason error) (news bool) {
	news = l.Lender.Return(token, fate, reason)
	l.at.finished(l, l.at.verdict(l, fate, reason, news), reason)
	return news
}

// Hold implements [nested.Keeper].
func (l *lent[C]) Hold(ctx context.Context, token uint64, op, target string, since time.Time) {
	if keeper, ok := l.Lender.(nested.Keeper); ok {
		keeper.Hold(ctx, token, op, target, since)
	}
}

// ConnNumber returns the number of the connection, see [core.Lender].
func (l *lent[C]) ConnNumber(token uint64) int {
	if numbered, ok := l.Lender.(interface{ ConnNumber(uint64) int }); ok {
		return numbered.ConnNumber(token)
	}
	return 0
}

// verdict returns what the end of l says of the endpoint.
func (e *endpoint[C]) verdict(l *lent[C], fate core.ConnFate, reason error, news bool) core.Verdict {
	e.mu.Lock()
	verdict := l.verdict
	e.mu.Unlock()
	switch {
	case verdict == core.Failure && !news && fate >= core.Suspect:
		return core.Neutral // the death of one connection is one failure
	case verdict != unjudged:
		return verdict
	case reason == nil && fate == core.Keep:
		return core.Success
	case reason == nil, fate == core.Unclean && errors.Is(reason, context.Canceled), !news:
		return core.Neutral
	default:
		return core.Failure
	}
}

// began puts l among the calls in flight.
func (e *endpoint[C]) began(l *lent[C]) {
	e.mu.Lock()
	defer e.mu.Unlock()
	l.since = e.b.now() // with the lock held, so that the list is in order
	l.prev = e.newest
	if l.prev == nil {
		e.oldest = l
	} else {
		l.prev.next = l
	}
	e.newest = l
	e.flying++
	e.recent++
	if e.recent == 2 {
		e.b.watch()
	}
}

// finished takes l out of the calls in flight and learns from it, once.
func (e *endpoint[C]) finished(l *lent[C], verdict core.Verdict, reason error) {
	e.mu.Lock()
	if l.over {
		e.mu.Unlock()
		return
	}
	l.over = true
	e.flying--
	now := e.b.now()
	if l.stale { // the ejection was for this call too: it says nothing of the time since
		e.mu.Unlock()
		e.b.judgeIfDue(l.ctx, now)
		return
	}
	e.unlink(l)
	why := e.learn(now, now-l.since, verdict)
	e.mu.Unlock()
	if verdict == core.Failure {
		e.trouble.Store(true)
	} else if verdict == core.Success && e.trouble.Load() {
		e.trouble.Store(false)
	}
	if why != "" {
		e.b.eject(l.ctx, e, why, reason)
	}
	e.b.judgeIfDue(l.ctx, now)
}

// unlink takes l off the list. e.mu is held.
func (e *endpoint[C]) unlink(l *lent[C]) {
	if l.prev == nil {
		e.oldest = l.next
	} else {
		l.prev.next = l.next
	}
	if l.next == nil {
		e.newest = l.prev
	} else {
		l.next.prev = l.prev
	}
	l.prev, l.next = nil, nil
	e.recent--
}

// learn takes note of the end of a call, and returns the reason to eject the endpoint,
// if there is one. e.mu is held.
func (e *endpoint[C]) learn(now, took time.Duration, verdict core.Verdict) (why Reason) {
	d := &e.b.cfg.Detection
	if half := d.Interval / 2; now-e.halfBegan >= half {
		e.before, e.this = e.this, tally{}
		if now-e.halfBegan >= 2*half {
			e.before = tally{}
		}
		e.halfBegan = now
	}
	switch verdict {
	case core.Success:
		e.row, e.answered = 0, now
		e.this.calls++
		e.last.add(e.b.slotAt(now), took)
		e.observe(now, took)
		return ""
	case core.Failure:
		e.row++
		e.this.calls++
		e.this.failed++
	}
	// A failure may come at once, and is no sign of speed. A long one is a sign of the
	// opposite.
	if float64(took) > e.latency {
		e.observe(now, took)
	}
	calls, failed := e.this.calls+e.before.calls, e.this.failed+e.before.failed
	switch {
	case verdict != core.Failure:
		return ""
	case e.row >= d.ConsecutiveFailures:
		return ReasonConsecutive
	case calls >= enough && float64(failed) >= d.FailureRate*float64(calls):
		return ReasonFailureRate
	}
	return ""
}

// observe moves the average latency: up at once, down slowly. e.mu is held.
func (e *endpoint[C]) observe(now, took time.Duration) {
	e.decay(now, float64(took))
	e.latency = max(e.latency, float64(took))
}

// decay moves the average towards a value. e.mu is held.
func (e *endpoint[C]) decay(now time.Duration, to float64) {
	left := math.Exp(-float64(now-e.stamp) / float64(memory))
	e.latency = e.latency*left + to*(1-left)
	e.stamp = now
}

// burden is what the load of an endpoint is made of.
type burden struct {
	latency float64 // average of the calls that ended
	age     float64 // of the calls in flight, if many of them take longer than that
	calls   int     // in flight, and those whose callers wait for a connection
}

// burden returns the present burden of the endpoint. A call or two may take long by
// themselves, or never end: they must not keep all others away, unless they have all that
// the pool has.
func (e *endpoint[C]) burden(now time.Duration) burden {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.decay(now, 0)
	b := burden{latency: e.latency, calls: e.flying + int(e.waiting.Load())}
	if e.recent >= min(many, int(e.b.places.Load())) && float64(now-e.oldest.since) > e.latency {
		b.age = float64(e.typicalAge(now))
	}
	return b
}

// load is latency times calls. The latency counts for no more than most, but the age of
// calls in flight counts whole.
func (b burden) load(most float64) float64 {
	if b.latency == 0 {
		if b.calls == 0 {
			return 0
		}
		return unknown + float64(b.calls)
	}
	return max(min(b.latency, most), b.age) * float64(b.calls+1)
}

// most returns how much the latency of an endpoint counts for at most, among those with
// these burdens. One call that took long makes the average high for a minute. Without a
// bound its endpoint has no call for that long, and all callers are at another endpoint,
// which may be the one that hangs. An endpoint that is slow indeed is ejected, which takes
// a few calls.
func (b *Balancer[C]) most(all ...burden) float64 {
	least := math.Inf(1)
	if b.cfg.Detection.Disabled {
		return least
	}
	for _, one := range all {
		if one.latency > 0 {
			least = min(least, one.latency)
		}
	}
	return b.cfg.Detection.SlowFactor * least
}

// typicalAge returns the age of the median call in flight, or of an older one where that
// is far. One long call among many says nothing of the others. e.mu is held.
func (e *endpoint[C]) typicalAge(now time.Duration) time.Duration {
	const most = 32
	l := e.oldest
	for range min(e.recent/2, most) {
		l = l.next
	}
	return now - l.since
}

// speed returns a copy of what is known of the last Interval.
func (e *endpoint[C]) speed(now time.Duration) *speed {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := e.last
	s.now = e.b.slotAt(now)
	return &s
}

// hanging returns a call that hangs, together with others: many calls have been in flight
// for longer than limit, or two for twice as long, and none succeeded meanwhile.
func (e *endpoint[C]) hanging(now, limit time.Duration) *lent[C] {
	e.mu.Lock()
	defer e.mu.Unlock()
	for calls := many; calls > 1; calls-- {
		if e.recent < calls || now-e.answered <= limit {
			limit *= 2
			continue
		}
		l := e.oldest
		for range calls - 1 {
			l = l.next
		}
		if now-l.since > limit {
			return l
		}
		limit *= 2
	}
	return nil
}

// forget drops what is known of all calls, when the endpoint is let back in. Those that are
// in flight only count as such from now on: if they hang or fail, that is old news.
// The average latency stays: it falls by itself, so that callers come back little by
// little.
func (e *endpoint[C]) forget() {
	e.mu.Lock()
	defer e.mu.Unlock()
	for e.oldest != nil {
		e.oldest.stale = true
		e.unlink(e.oldest)
	}
	e.last, e.row = speed{}, 0
	e.this, e.before = tally{}, tally{}
	e.answered = e.b.now()
	e.trouble.Store(false)
}
