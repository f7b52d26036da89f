// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/penstock-go/penstock/core"
)

// Lease is a borrowed connection.
type Lease[C any] = core.Lease[C]

// LeakInfo describes a lease that was not given back within Config.LeakAfter.
type LeakInfo struct {
	Pool string
	// Held is how long the lease has been out.
	Held time.Duration
	// Stack says where it was acquired, the innermost function first.
	Stack string
	// Returned says that it has come back after all. Every lease that is
	// reported is reported again when it does.
	Returned bool
}

// loan is what is known of the lease of one seat, in pools that want to know.
type loan struct {
	since atomic.Int64 // an instant

	mu     sync.Mutex // guards what follows; nothing is called with it held
	out    bool
	leaked bool // and it was reported
	stack  *[32]uintptr
	depth  int
}

// lease makes the lease of a seat that was taken for the calling goroutine.
func (e *entry[C]) lease(token uint64) core.Lease[C] {
	if e.loans != nil {
		e.borrowed(&e.loans[seatOf(token)])
	}
	return core.NewLease(e.conn, core.Lender(e), token)
}

// borrowed begins the account of a loan.
func (e *entry[C]) borrowed(l *loan) {
	p := e.pool
	l.since.Store(int64(p.now()))
	if p.cfg.LeakAfter == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.out, l.leaked = true, false
	if p.cfg.OnLeak != nil {
		if l.stack == nil {
			l.stack = new([32]uintptr)
		}
		l.depth = runtime.Callers(2, l.stack[:])
	}
}

// account is what there is to tell about a loan that has ended.
type account struct {
	held time.Duration
	leak LeakInfo // if Returned is true
}

// settleLoan ends the account of a loan.
func (e *entry[C]) settleLoan(l *loan) (a account) {
	p := e.pool
	a.held = p.now() - instant(l.since.Load())
	if p.cfg.LeakAfter == 0 {
		return a
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.leaked && p.cfg.OnLeak != nil {
		a.leak = p.leakInfo(l, a.held, true)
	}
	l.out, l.leaked = false, false
	return a
}

// report tells those who want to know.
func (p *Pool[C]) report(a account) {
	if p.cfg.OnUse != nil {
		p.cfg.OnUse(a.held)
	}
	if a.leak.Returned {
		p.cfg.OnLeak(a.leak)
	}
}

// findLeaks returns the leases that are out for too long and were not reported
// before, and when the next one may be. p.mu is held.
func (p *Pool[C]) findLeaks(now instant) (leaks []LeakInfo, next instant) {
	next = never
	if p.cfg.LeakAfter == 0 {
		return nil, next
	}
	look := func(e *entry[C]) {
		for i := range e.loans {
			l := &e.loans[i]
			l.mu.Lock()
			if l.out && !l.leaked {
				since := instant(l.since.Load())
				if due := later(since, p.cfg.LeakAfter); now < due {
					next = min(next, due)
				} else {
					l.leaked = true
					p.leaks++
					if p.cfg.OnLeak != nil {
						leaks = append(leaks, p.leakInfo(l, now-since, false))
					}
				}
			}
			l.mu.Unlock()
		}
	}
	for _, e := range p.conns {
		look(e)
	}
	for e := range p.leaving {
		look(e)
	}
	return leaks, next
}

// leakInfo describes l. l.mu is held.
func (p *Pool[C]) leakInfo(l *loan, held time.Duration, returned bool) LeakInfo {
	var b strings.Builder
	frames := runtime.CallersFrames(l.stack[:l.depth])
	for own := true; ; {
		f, more := frames.Next()
		own = own && strings.HasPrefix(f.Function, ownPackage) // our own functions say nothing
		if !own && f.Function != "" {
			fmt.Fprintf(&b, "%s\n\t%s:%d\n", f.Function, f.File, f.Line)
		}
		if !more {
			break
		}
	}
	return LeakInfo{Pool: p.cfg.Name, Held: held, Stack: b.String(), Returned: returned}
}

const ownPackage = "github.com/penstock-go/penstock/pool."
