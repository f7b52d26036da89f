// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"time"

	"github.com/penstock-go/penstock/core"
)

// Between dials that fail lie pauses that double, from the first to the last.
const (
	backoffFirst = 50 * time.Millisecond
	backoffLast  = 5 * time.Second
)

// backoff returns the pause after n rounds of dials failed in a row, n > 0:
// somewhere between half and all of the step, so that the pools of many
// processes do not dial in step.
func backoff(n int) time.Duration {
	step := backoffLast
	if shift := n - 1; shift < 16 {
		step = min(backoffFirst<<shift, backoffLast)
	}
	return step/2 + rand.N(step/2+1)
}

// hopeless reports whether a caller would wait for nothing: there is no
// connection, and none will be dialed before the backoff is over. p.mu is held.
func (p *Pool[C]) hopeless(now time.Time) bool {
	return len(p.conns) == 0 && p.dialing == 0 && p.lastDial != nil && now.Before(p.retryAt)
}

// need returns how many dials should be begun: for the waiters, for Start, and
// to keep MinSize. p.mu is held.
func (p *Pool[C]) need() int {
	if p.draining {
		return 0
	}
	share := p.cfg.TargetSharing
	need := (p.waiters.len+share-1)/share - p.dialing

	floor := 0
	if p.keepMin {
		floor = p.cfg.MinSize
	}
	for _, s := range p.starts {
		floor = max(floor, s.want)
	}
	size := len(p.conns) + p.dialing
	return min(max(need, floor-size), p.cfg.MaxSize-size)
}

// replenish begins the dials that are needed, or sees to it that they are
// begun when the backoff is over. It is called after each change that may
// create need. p.mu is held.
func (p *Pool[C]) replenish() {
	if p.need() <= 0 {
		return
	}
	now := time.Now()
	if p.hopeless(now) {
		p.failWaiters(p.lastDial)
	}
	need := p.need()
	if need <= 0 {
		return
	}
	if pause := p.retryAt.Sub(now); pause > 0 {
		if p.timer == nil {
			p.timer = time.AfterFunc(pause, p.retry)
		}
		return
	}
	var ref any
	if observer := p.cfg.Observer; observer != nil {
		switch {
		case p.waiters.tail != nil:
			ref = observer.Ref(p.waiters.tail.ctx)
		case len(p.starts) > 0:
			ref = observer.Ref(p.starts[len(p.starts)-1].ctx)
		}
	}
	for range need {
		p.beginDial(ref)
	}
}

// retry is called when a backoff is over.
func (p *Pool[C]) retry() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.timer = nil
	p.replenish()
}

// grow begins a dial in the background if e was just lent and every connection
// of a shared pool has as many callers as it should. p.mu is held.
func (p *Pool[C]) grow(ctx context.Context, e *entry[C]) {
	if p.cfg.Mode != Shared || e.suspect || e.callers < p.cfg.TargetSharing ||
		p.dialing > 0 || len(p.conns) >= p.cfg.MaxSize {
		return
	}
	for _, other := range p.conns {
		if !other.suspect && other.callers < p.cfg.TargetSharing {
			return
		}
	}
	if time.Now().Before(p.retryAt) {
		return
	}
	var ref any
	if p.cfg.Observer != nil {
		ref = p.cfg.Observer.Ref(ctx)
	}
	p.beginDial(ref)
}

// beginDial dials a connection on a goroutine of its own. ref is the operation
// that gave rise to it. p.mu is held.
func (p *Pool[C]) beginDial(ref any) {
	p.dialing++
	p.dials++
	p.jobs++
	go p.dial(ref, p.round)
}

func (p *Pool[C]) dial(ref any, round uint64) {
	ctx, cancel := context.WithTimeoutCause(p.ctx, p.cfg.DialTimeout, ErrDialTimeout)
	defer cancel()
	scope := core.Scope{Kind: core.KindConnect, Start: time.Now(), Source: p.cfg.Name, Ref: ref}
	if p.cfg.Observer != nil {
		ctx = p.cfg.Observer.Begin(ctx, scope)
	}
	var (
		conn C
		err  = errors.New("the factory called runtime.Goexit") // stands if it does
	)
	defer func() {
		var failed *DialError
		if err != nil {
			failed = &DialError{Pool: p.cfg.Name, Err: err, Timeout: errors.Is(context.Cause(ctx), ErrDialTimeout)}
		}
		if p.cfg.Observer != nil {
			if failed != nil {
				p.cfg.Observer.End(ctx, scope, failed)
			} else {
				p.cfg.Observer.End(ctx, scope, nil)
			}
		}
		p.dialed(conn, failed, round)
	}()
	conn, err = p.makeConn(ctx)
}

// makeConn dials, and turns whatever a factory may do wrong into an error.
func (p *Pool[C]) makeConn(ctx context.Context) (conn C, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("the factory panicked: %v", v)
		}
	}()
	conn, err = p.factory.Dial(ctx)
	switch {
	case err == nil && isNil(conn):
		return conn, errors.New("the factory returned neither a connection nor an error")
	case err != nil && !isZero(conn):
		cctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
		defer cancel()
		if cerr := p.closeConn(cctx, conn); cerr != nil {
			err = fmt.Errorf("%w (and the connection beside it could not be closed: %w)", err, cerr)
		}
	}
	return conn, err
}

func isNil(conn any) bool {
	switch v := reflect.ValueOf(conn); v.Kind() {
	case reflect.Invalid:
		return true
	case reflect.Pointer, reflect.Map, reflect.Chan, reflect.Func, reflect.Slice, reflect.UnsafePointer:
		return v.IsNil()
	default:
		return false
	}
}

func isZero(conn any) bool {
	v := reflect.ValueOf(conn)
	return !v.IsValid() || v.IsZero()
}

// dialed settles a dial of the given round.
func (p *Pool[C]) dialed(conn C, failed *DialError, round uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dialing--
	defer p.endJob()
	e := &entry[C]{pool: p, conn: conn}
	switch {
	case p.closing && failed != nil:
		return // we cut it short ourselves
	case p.closing:
		p.remove(e, CloseShutdown)
		return
	case failed != nil:
		p.dialErrors++
		p.lastDial = failed
		if round == p.round {
			// Dials that fail together are one reason to wait longer, not many.
			p.round++
			p.failures++
			p.retryAt = time.Now().Add(backoff(p.failures))
		}
		p.settleStarts(failed)
		if len(p.conns) == 0 && p.dialing == 0 {
			p.failWaiters(failed)
		}
	default:
		p.lastDial, p.retryAt, p.failures = nil, time.Time{}, 0
		p.touch(e)
		p.conns = append(p.conns, e)
		p.serve()
		p.settleStarts(nil)
	}
	p.replenish()
}
