// SPDX-License-Identifier: Apache-2.0

package admin

import "time"

// point is a slot that is over. Its times are in seconds.
type point struct {
	slot                                     int64 // number of the slot, from 1; 0 is none
	ok, answered, failed, rejected, repeated uint64
	p50, p99, max                            float64
}

// enough is how many operations a slot must have to say what is slow, farMore how much
// longer than the 99th percentile a slow operation takes, and leastSlow the least time.
const (
	enough    = 50
	farMore   = 3
	leastSlow = time.Millisecond
)

// turn begins the slot that now is in, if it has not begun. It comes before anything is
// counted, so the slots in between had no event, and have no point.
func (c *collector) turn(now time.Duration) {
	if int64(now) < c.slotEnd.Load() {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.advance(now)
}

// advance is turn; c.mu is held.
func (c *collector) advance(now time.Duration) {
	slots := int64(now/slot) - c.slots
	if slots <= 0 {
		return
	}
	p := c.present()
	c.points[p.slot%kept] = p
	c.slots += slots
	i := c.active.Load()
	var drained counted
	c.drain(&drained, 1-i)
	if slots > 1 { // the slot before the new one had no operation
		c.drain(&drained, i)
	}
	c.folded.n.Add(drained.n)
	c.active.Store(1 - i)
	if c.slowAfter == 0 && p.ok+p.answered+p.failed >= enough {
		c.slowOver.Store(int64(max(leastSlow, time.Duration(farMore*p.p99*float64(time.Second)))))
	}
	for _, n := range c.totals() {
		n.mark(slots)
	}
	c.stages.each(func(_ stageKey, n *counter) { n.mark(slots) })
	c.allow()
	c.slotEnd.Store(int64(c.slots+1) * int64(slot))
}

func (c *collector) totals() []*counter {
	return []*counter{&c.answered, &c.failed, &c.rejected, &c.recovered, &c.further}
}

// drain takes the operations out of a pair of histograms. The net ones count nothing
// that the others do not.
func (c *collector) drain(to *counted, i uint32) {
	to.drain(&c.took[i])
	to.drain(&c.waited[i])
	for b := range c.net[i] {
		c.net[i][b].Store(0)
	}
}

// present returns the slot that is not over; c.mu is held.
func (c *collector) present() point {
	var all counted
	i := c.active.Load()
	all.plus(&c.took[i])
	all.plus(&c.waited[i])
	since := func(n *counter) uint64 { return n.n.Load() - n.marks[0] }
	p := point{
		slot: c.slots + 1, answered: since(&c.answered), failed: since(&c.failed), rejected: since(&c.rejected), repeated: since(&c.further),
		p50: all.quantile(.5), p99: all.quantile(.99), max: all.max(),
	}
	if bad := p.answered + p.failed; all.n > bad { // an operation that ends now may be counted in one place
		p.ok = all.n - bad
	}
	return p
}

// history returns the points since a slot, the oldest first, with zeros for slots without
// an operation; c.mu is held. The last one is the present slot.
func (c *collector) history(now time.Duration, since int64) []Point {
	last := c.slots + 1
	var all []Point
	for n := max(since, last-kept+1, 1); n < last; n++ {
		p := c.points[n%kept]
		if p.slot != n {
			p = point{slot: n}
		}
		all = append(all, c.shown(p, slot))
	}
	return append(all, c.shown(c.present(), now-time.Duration(c.slots)*slot))
}

func (c *collector) shown(p point, lasts time.Duration) Point {
	return Point{
		At: c.born.Add(time.Duration(p.slot) * slot).UTC(), Seconds: lasts.Seconds(),
		OK: rate(p.ok, lasts), Answered: rate(p.answered, lasts), Failed: rate(p.failed, lasts),
		Rejected: rate(p.rejected, lasts), Further: rate(p.repeated, lasts),
		P50: p.p50, P99: p.p99, Max: p.max,
	}
}

// window returns how long the present slot and the one before have lasted.
func (c *collector) window(now time.Duration) time.Duration {
	return now - time.Duration(max(c.slots-1, 0))*slot
}

// mostPeriods bounds the history of a breaker that flaps.
const mostPeriods = 64

// periods is the history of a state, the oldest first.
type periods struct{ all []Period }

// move begins a period, unless the state stays.
func (p *periods) move(next Period, at time.Time) {
	at = at.UTC()
	if n := len(p.all); n > 0 {
		last := &p.all[n-1]
		if last.State == next.State {
			return
		}
		last.To = at
	}
	next.From = at
	p.all = append(p.all, next)
	if len(p.all) > mostPeriods {
		p.all = append(p.all[:0], p.all[1:]...)
	}
}

// since returns the periods that ended after t, or did not end.
func (p *periods) since(t time.Time) []Period {
	for i, period := range p.all {
		if period.To.IsZero() || period.To.After(t) {
			return append([]Period(nil), p.all[i:]...)
		}
	}
	return nil
}

// openedBy returns the operation that opened the breaker, nil if none did.
func (p *periods) openedBy() *Opener {
	for i := len(p.all) - 1; i >= 0; i-- {
		switch period := p.all[i]; {
		case period.State == "closed":
			return nil
		case period.State == "open" && period.By != "" && (i == 0 || p.all[i-1].State == "closed"):
			return &Opener{Name: period.By, TraceID: period.TraceID, At: period.From}
		}
	}
	return nil
}
