// SPDX-License-Identifier: Apache-2.0

package endpoint

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/contain"
)

// State is the state of an endpoint.
type State string

const (
	In      State = "in"      // the endpoint gets leases
	Ejected State = "ejected" // it gets none, unless the Balancer panics or all others are in doubt
	Gone    State = "gone"    // the endpoint was found no more; it drains
)

// Reason says why an endpoint changed its state.
type Reason string

const (
	// Of ejections.
	ReasonConsecutive Reason = "consecutive_failures"
	ReasonFailureRate Reason = "failure_rate"
	ReasonSlow        Reason = "slow"
	ReasonHanging     Reason = "hanging"
	ReasonUnreachable Reason = "unreachable" // a dial failed, or the next connection is not alive

	ReasonProbe Reason = "probe" // the ping of an ejected endpoint succeeded
	ReasonFound Reason = "found" // a lookup found the endpoint
	ReasonGone  Reason = "gone"  // a lookup did not find the endpoint any more
	// ReasonUnknownHost is the lookup of a host that failed, after one that succeeded or as
	// the first. The address is the host's, and its endpoints stay as they are.
	ReasonUnknownHost Reason = "unknown_host"
)

// ejections are the reasons of ejections.
var ejections = [...]Reason{ReasonConsecutive, ReasonFailureRate, ReasonSlow, ReasonHanging, ReasonUnreachable}

// Change says that an endpoint changed its state.
type Change struct {
	Address string // host:port
	To      State
	Reason  Reason
	For     time.Duration // until the first probe of an endpoint that was ejected
	Err     error         // error behind an ejection; nil if there is none
	// Ejected of Endpoints are ejected now. Panic says that ejections have no effect.
	Ejected, Endpoints int
	Panic              bool
}

// exile is what is known of the ejections of an endpoint. Guarded by Balancer.mu.
type exile struct {
	reason Reason
	streak int           // ejections in a row; it makes them longer
	since  time.Duration // when the endpoint was ejected or let in
	counts [len(ejections)]uint64
	timer  *time.Timer // of the next probe
	ended  bool        // no more probes

	in    context.Context // ends when callers are not to wait for the endpoint any more
	leave context.CancelFunc
}

// admit begins the time in which callers may wait for the endpoint, unless it has not
// ended. b.mu is held.
func (x *exile) admit() {
	if x.in == nil || x.in.Err() != nil {
		x.in, x.leave = context.WithCancel(context.Background())
	}
}

// eject takes the endpoint out, because of what err says. ctx is of the call that led to
// it. No lock is held.
func (b *Balancer[C]) eject(ctx context.Context, e *endpoint[C], why Reason, err error) {
	if b.cfg.Detection.Disabled || e.out.Load() {
		return
	}
	b.mu.Lock()
	if b.closing || e.ended || e.out.Load() || !slices.Contains(b.endpoints(), e) {
		b.mu.Unlock()
		return
	}
	now := b.now()
	if why == ReasonUnreachable || now-e.since > max(b.cfg.Detection.Interval, b.ejectionTime(e.streak)) {
		// The endpoint was well for a while. One that cannot be reached need not have been:
		// a ping says for sure that it is back.
		e.streak = 0
	}
	e.reason, e.since = why, now
	e.counts[slices.Index(ejections[:], why)]++
	e.out.Store(true)
	b.countEjected()
	out := b.schedule(e)
	change := b.changed(e, Change{To: Ejected, Reason: why, For: out, Err: err})
	b.mu.Unlock()
	b.tell(ctx, change)
}

// changed completes a change. b.mu is held.
func (b *Balancer[C]) changed(e *endpoint[C], c Change) Change {
	all := b.endpoints()
	c.Address, c.Ejected, c.Endpoints, c.Panic = e.address.HostPort, int(b.ejected.Load()), len(all), b.panicking(all)
	return c
}

// ejectionTime returns how long an endpoint is ejected after so many ejections in a row,
// without jitter.
func (b *Balancer[C]) ejectionTime(streak int) time.Duration {
	d := &b.cfg.Detection
	if streak > 30 {
		return d.MaxEjection
	}
	if t := d.BaseEjection << streak; t > 0 && t < d.MaxEjection {
		return t
	}
	return d.MaxEjection
}

// schedule sets the timer of the next probe. b.mu is held.
func (b *Balancer[C]) schedule(e *endpoint[C]) time.Duration {
	t := b.ejectionTime(e.streak)
	t = t - t/5 + rand.N(2*t/5+1)
	e.streak++
	e.timer = time.AfterFunc(t, func() { b.probe(e) })
	return t
}

// reached brings the next probe forward, if the endpoint is ejected because it could not
// be reached: a dial has just succeeded.
func (b *Balancer[C]) reached(e *endpoint[C]) {
	if !e.out.Load() {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if e.reason == ReasonUnreachable && !e.ended && !b.closing && e.timer.Stop() {
		e.timer.Reset(0)
	}
}

// stopProbes ends the probes of an endpoint that is gone. b.mu is held.
func (e *endpoint[C]) stopProbes() {
	e.ended = true
	if e.timer != nil {
		e.timer.Stop()
	}
}

// probe asks an ejected endpoint whether it works, and lets it back in or waits again.
func (b *Balancer[C]) probe(e *endpoint[C]) {
	b.mu.Lock()
	why := e.reason
	b.mu.Unlock()
	err := b.trial(e, why)
	b.mu.Lock()
	if e.ended || b.closing {
		b.mu.Unlock()
		return
	}
	if err != nil {
		b.schedule(e)
		b.mu.Unlock()
		return
	}
	e.forget()
	e.since = b.now()
	e.admit()
	e.out.Store(false)
	b.countEjected()
	change := b.changed(e, Change{To: In, Reason: ReasonProbe})
	b.mu.Unlock()
	b.tell(b.ctx, change)
}

// trial returns why an endpoint that was ejected for that reason is not to be let in, nil
// if it is. Any ping may take long by chance: that of several which all do is slow.
func (b *Balancer[C]) trial(e *endpoint[C], why Reason) error {
	const pings = 3
	var err error
	for range pings {
		var took time.Duration
		if took, err = e.ping(); err != nil || why != ReasonSlow {
			return err
		}
		if err = b.stillSlow(e, took); err == nil {
			return nil
		}
	}
	return err
}

// ping pings the endpoint on a connection of its pool. An endpoint without a Ping answers
// by having a connection.
func (e *endpoint[C]) ping() (took time.Duration, err error) {
	ctx, cancel := context.WithTimeout(e.b.ctx, e.b.pingTimeout())
	defer cancel()
	lease, err := e.pool.Acquire(ctx)
	if err != nil {
		return 0, err
	}
	fate, reason := core.Unclean, error(nil)
	defer func() { lease.Return(fate, reason) }()
	began := time.Now()
	if e.pinger != nil {
		err = errors.New("endpoint: the ping did not return")
		contain.Apart("Ping", e.b.panicked, func() { err = e.pinger.Ping(ctx, lease.Conn()) })
	} else if e.checker != nil && !e.alive(lease.Conn()) {
		err = errNotAlive
	}
	if fate = core.Keep; err != nil {
		fate, reason = core.Suspect, err
	}
	return time.Since(began), err
}

func (b *Balancer[C]) pingTimeout() time.Duration {
	if d := b.pool.Load().DialTimeout; d > 0 {
		return d
	}
	return 5 * time.Second
}

// stillSlow compares the ping of an endpoint that was ejected because it is slow with a
// ping of one that is in. The endpoint is still slow if its ping took much longer.
func (b *Balancer[C]) stillSlow(e *endpoint[C], took time.Duration) error {
	for _, other := range b.byLoad(b.endpoints()) {
		if other == e || other.out.Load() || other.pinger == nil {
			continue
		}
		normal, err := other.ping()
		if err != nil {
			continue
		}
		if limit := b.limit(normal); took > limit {
			return fmt.Errorf("the ping took %v, and one of %s %v", rounded(took), other.address.HostPort, rounded(normal))
		}
		return nil
	}
	return nil
}

const (
	// slowest is by how much an endpoint must be slower, at least, to be ejected.
	slowest = time.Millisecond
	// hang is for how long calls must take, at least, to count as hanging.
	hang = time.Second
	// judging is how often the endpoints are compared.
	judging = 100 * time.Millisecond
)

// limit returns how long an endpoint may take for what others do in a normal time.
func (b *Balancer[C]) limit(normal time.Duration) time.Duration {
	return max(time.Duration(b.cfg.Detection.SlowFactor*float64(normal)), normal+slowest)
}

// judgeIfDue compares the endpoints, if that was not done just before.
func (b *Balancer[C]) judgeIfDue(ctx context.Context, now time.Duration) {
	due := b.judging.Load()
	if int64(now) < due || b.cfg.Detection.Disabled || !b.judging.CompareAndSwap(due, int64(now+judging)) {
		return
	}
	b.judge(ctx, now)
}

// watch compares the endpoints from time to time while several calls are in flight on one:
// if all callers hang, none comes by to do it.
func (b *Balancer[C]) watch() {
	if !b.cfg.Detection.Disabled && b.watching.CompareAndSwap(false, true) {
		b.watcher.Reset(hang / 4)
	}
}

// watched is what the watcher does.
func (b *Balancer[C]) watched() {
	b.watching.Store(false)
	if b.closer.Begun() {
		return
	}
	b.judgeIfDue(b.ctx, b.now())
	for _, e := range b.endpoints() {
		e.mu.Lock()
		several := e.recent > 1
		e.mu.Unlock()
		if several {
			b.watch()
			return
		}
	}
}

// judge ejects an endpoint that hangs, or that is far slower than the others.
func (b *Balancer[C]) judge(ctx context.Context, now time.Duration) {
	all := b.endpoints()
	speeds := make([]*speed, len(all))
	for i, e := range all {
		if !e.out.Load() {
			speeds[i] = e.speed(now)
		}
	}
	var (
		worst *endpoint[C]
		most  comparison
	)
	for i, e := range all {
		if speeds[i] == nil {
			continue
		}
		others := slices.Concat(speeds[:i], speeds[i+1:])
		usual, ok := usualOf(others)
		if !ok {
			continue
		}
		limit := max(b.limit(usual), hang)
		if l := e.hanging(now, limit); l != nil {
			b.eject(l.ctx, e, ReasonHanging, fmt.Errorf("calls have been in flight for more than %v, and none succeeded", rounded(limit)))
		} else if c, slow := speeds[i].slower(others, b.limit); slow && c.took > most.took {
			worst, most = e, c
		}
	}
	if worst != nil {
		b.eject(ctx, worst, ReasonSlow, fmt.Errorf("three quarters of the calls took more than %v, of those to the others %v or less", rounded(most.took), rounded(most.usual)))
	}
}
