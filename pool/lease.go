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

// Lease is the use of a connection by one caller, until the lease is returned;
// see [core.Lease].
type Lease[C any] = core.Lease[C]

// LeakInfo describes a lease that was not returned within Config.LeakAfter.
type LeakInfo struct {
	Pool string
	// Held is how long the lease has been out.
	Held time.Duration
	// Stack says where the lease was acquired, the innermost function first.
	Stack string
	// Returned is false in the first report of a leaked lease. It is true in the
	// second one, which follows if the lease is returned after all.
	Returned bool
}

// leaseRecord is what a pool with LeakAfter or OnUse knows of the lease of one
// seat.
type leaseRecord struct {
	since atomic.Int64 // instant of the Acquire

	mu     sync.Mutex   // guards what follows; no function of the user is called with it held
	out    bool         // the lease has not been returned
	leaked bool         // the lease counts as leaked
	stack  *[32]uintptr // stack of the Acquire; nil without OnLeak
	depth  int          // number of frames in stack
}

// lease returns the lease of a seat that was taken for the calling goroutine.
func (e *entry[C]) lease(token uint64) core.Lease[C] {
	if e.records != nil {
		e.beginRecord(&e.records[seatOf(token)])
	}
	return core.NewLease(e.conn, core.Lender(e), token)
}

// beginRecord records the begin of a lease.
func (e *entry[C]) beginRecord(r *leaseRecord) {
	p := e.pool
	r.since.Store(int64(p.now()))
	if p.cfg.LeakAfter == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.out, r.leaked = true, false
	if p.cfg.OnLeak != nil {
		if r.stack == nil {
			r.stack = new([32]uintptr)
		}
		r.depth = runtime.Callers(2, r.stack[:])
	}
}

// leaseReport is what the functions of the user are told of a returned lease.
type leaseReport struct {
	held time.Duration
	leak LeakInfo // if Returned is true
}

// endRecord records the end of a lease.
func (e *entry[C]) endRecord(r *leaseRecord) (report leaseReport) {
	p := e.pool
	report.held = p.now() - instant(r.since.Load())
	if p.cfg.LeakAfter == 0 {
		return report
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.leaked && p.cfg.OnLeak != nil {
		report.leak = p.leakInfo(r, report.held, true)
	}
	r.out, r.leaked = false, false
	return report
}

// findLeaks counts the leases that have become leaked and returns what to report
// of them, and the instant at which the next lease may become leaked. p.mu is
// held.
func (p *Pool[C]) findLeaks(now instant) (leaks []LeakInfo, next instant) {
	next = never
	if p.cfg.LeakAfter == 0 {
		return nil, next
	}
	look := func(e *entry[C]) {
		for i := range e.records {
			r := &e.records[i]
			r.mu.Lock()
			if r.out && !r.leaked {
				since := instant(r.since.Load())
				if due := later(since, p.cfg.LeakAfter); now < due {
					next = min(next, due)
				} else {
					r.leaked = true
					p.leaks++
					if p.cfg.OnLeak != nil {
						leaks = append(leaks, p.leakInfo(r, now-since, false))
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

// leakInfo describes the lease of r. r.mu is held.
func (p *Pool[C]) leakInfo(r *leaseRecord, held time.Duration, returned bool) LeakInfo {
	var b strings.Builder
	frames := runtime.CallersFrames(r.stack[:r.depth])
	for own := true; ; {
		f, more := frames.Next()
		own = own && strings.HasPrefix(f.Function, ownPackage) // functions of this package say nothing
		if !own && f.Function != "" {
			fmt.Fprintf(&b, "%s\n\t%s:%d\n", f.Function, f.File, f.Line)
		}
		if !more {
			break
		}
	}
	return LeakInfo{Pool: p.cfg.Name, Held: held, Stack: b.String(), Returned: returned}
}

// ownPackage is how the names of this package's functions begin.
const ownPackage = "github.com/penstock-go/penstock/pool."
