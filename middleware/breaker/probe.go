// SPDX-License-Identifier: Apache-2.0

package breaker

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/penstock-go/penstock/core"
)

// probe is an operation that a half-open breaker lets through. Most probes hold a
// place. An operation that runs within the work of such a probe is a part of it: it
// holds no place, and causes no transition, because the outcome of the probe around
// it counts. So operations may be nested in each other, and the breaker recovers
// with a single place.
type probe struct {
	period *period
	round  int         // of the places when the probe took its own
	inner  bool        // it holds no place, but is a part of another probe
	over   atomic.Bool // written under Breaker.mu
}

// probeKey is the key of a breaker's own probe in the context of its work.
type probeKey struct{ breaker *Breaker }

// context returns the context for the work of a probe that holds a place. Its inner
// operations find the probe there.
func (pr *probe) context(ctx context.Context) context.Context {
	if pr.inner {
		return ctx
	}
	return context.WithValue(ctx, probeKey{pr.period.breaker}, pr)
}

// places are the places for the probes of a half-open breaker. All fields are
// guarded by Breaker.mu.
type places struct {
	taken int
	last  time.Duration // when the last place was taken, since the breaker was made
	round int           // how often the places were renewed
}

// take returns a probe with a place of period p, nil if none is free. Places that
// were all taken RecoveryTimeout ago are given out again, since their probes may
// never end. The older probes still count when they end. The caller holds mu.
func (p *period) take() *probe {
	b := p.breaker
	if p.full() {
		if b.now()-p.places.last < b.cfg().RecoveryTimeout {
			return nil
		}
		p.places.taken = 0
		p.places.round++
	}
	p.places.taken++
	p.places.last = b.now()
	return &probe{period: p, round: p.places.round}
}

// full reports whether as many probes run as may. The caller holds mu.
func (p *period) full() bool { return p.places.taken >= p.breaker.cfg().MaxHalfOpenRequests }

// end gives the place of pr back, if pr still has one.
func (b *Breaker) end(pr *probe) {
	b.mu.Lock()
	defer b.mu.Unlock()
	pr.over.Store(true)
	if p := pr.period; !pr.inner && pr.round == p.places.round {
		p.places.taken--
	}
}

// admitProbe admits a call that came while the breaker was not closed. One lock
// covers all it does, so that never more probes hold a place than may.
func (b *Breaker) admitProbe(ctx context.Context, call *core.Call) (*period, *probe, error) {
	outer, _ := ctx.Value(probeKey{b}).(*probe)
	b.mu.Lock()
	p := b.current.Load()
	state := p.state()
	t := b.note(state)
	var pr *probe
	switch {
	case state != HalfOpen:
	case outer != nil && outer.period == p && !outer.over.Load():
		pr = &probe{period: p, inner: true}
	default:
		pr = p.take()
	}
	b.mu.Unlock()
	told := false
	defer func() {
		if !told && pr != nil { // the observer calls Goexit
			b.end(pr)
		}
	}()
	b.tell(t, call, nil)
	told = true
	if pr == nil && !state.passes() {
		return nil, nil, b.reject(call, state)
	}
	return p, pr, nil
}
