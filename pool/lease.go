// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"context"
	"runtime"
	"sync"
	"time"

	"github.com/penstock-go/penstock/core"
)

// Lease is the use of a connection by one caller, until the lease is returned;
// see [core.Lease].
type Lease[C any] = core.Lease[C]

// LeakInfo describes a lease that was not returned within Config.LeakAfter.
type LeakInfo struct {
	Pool string
	// Holder is the caller that has the lease, for how long, and its stack.
	Holder
	// Returned is false in the first report of a leaked lease. It is true in the
	// second one, which follows if the lease is returned after all.
	Returned bool
}

// leaseRecord is what a pool with an Observer, LeakAfter or OnUse knows of the lease of
// one seat. Its mutex is of this seat alone: a lease waits for nothing but a look at
// this record.
type leaseRecord struct {
	mu     sync.Mutex      // guards what follows; no function of the user is called with it held
	since  instant         // begin of the lease
	out    bool            // the lease has not been returned, and since holds
	leaked bool            // the lease counts as leaked
	ctx    context.Context // of the caller
	op     string          // name of the operation, empty if none is known
	target string          // its target
	stack  *[32]uintptr    // stack of the Acquire; nil without LeakAfter
	depth  int             // number of frames in stack
}

// lease returns the lease of a seat that was taken for the calling goroutine.
func (e *entry[C]) lease(ctx context.Context, token uint64) core.Lease[C] {
	if e.records != nil {
		e.beginRecord(ctx, &e.records[seatOf(token)])
	}
	return core.NewLease(e.conn, core.Lender(e), token)
}

// beginRecord records the begin of a lease. Where nothing but the holder is wanted and
// core calls Hold, core knows the instant as well, so no clock is read.
func (e *entry[C]) beginRecord(ctx context.Context, r *leaseRecord) {
	p := e.pool
	if !p.tracked.Load() && heldByOperation(ctx) {
		return
	}
	now := p.now()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.since, r.out, r.leaked = now, true, false
	r.ctx = ctx
	if p.cfg().LeakAfter > 0 {
		if r.stack == nil {
			r.stack = new([32]uintptr)
		}
		r.depth = runtime.Callers(2, r.stack[:])
	}
}

// clear forgets the lease of r, and with it the context of its caller. r.mu is held.
func (r *leaseRecord) clear() {
	r.out, r.leaked = false, false
	r.ctx, r.op, r.target = nil, "", ""
}

// endHold records the end of a lease of which nothing but the holder is known.
func (r *leaseRecord) endHold() {
	r.mu.Lock()
	r.clear()
	r.mu.Unlock()
}

// leaseReport is what the functions of the user are told of a returned lease.
type leaseReport struct {
	held time.Duration
	leak *leak // nil if OnLeak is not called
}

// leak is a leak to report. OnLeak is told of info with the trace of ctx.
type leak struct {
	holding
	held     time.Duration
	returned bool
}

// endRecord records the end of a lease. It returns false if the begin of the lease is not
// known: no record was kept then.
func (e *entry[C]) endRecord(r *leaseRecord) (report leaseReport, known bool) {
	p := e.pool
	now := p.now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.out {
		return report, false
	}
	report.held = now - r.since
	if r.leaked && p.cfg().OnLeak != nil {
		report.leak = &leak{r.holding(), report.held, true}
	}
	r.clear()
	return report, true
}

// findLeaks counts the leases that have become leaked and returns what to report
// of them, and the instant at which the next lease may become leaked. p.mu is
// held.
func (p *Pool[C]) findLeaks(now instant) (leaks []*leak, next instant) {
	next = never
	if p.cfg().LeakAfter == 0 {
		return nil, next
	}
	look := func(e *entry[C]) {
		for i := range e.records {
			r := &e.records[i]
			r.mu.Lock()
			if r.out && !r.leaked {
				if due := later(r.since, p.cfg().LeakAfter); now < due {
					next = min(next, due)
				} else {
					r.leaked = true
					p.leaks++
					if p.cfg().OnLeak != nil {
						leaks = append(leaks, &leak{r.holding(), now - r.since, false})
					}
				}
			}
			r.mu.Unlock()
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

// leakInfo describes a leak. No lock is held.
func (p *Pool[C]) leakInfo(l *leak) LeakInfo {
	h := l.holder
	h.Held, h.Trace, h.Stack = l.held, p.traceOf(l.ctx), stackText(l.stack[:l.depth])
	return LeakInfo{Pool: p.cfg().Name, Holder: h, Returned: l.returned}
}
