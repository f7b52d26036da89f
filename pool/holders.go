// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/nested"
)

// Holder is a caller that has a connection, or a place on one.
type Holder struct {
	// Operation and Target are the name and the target of the operation. Both are empty
	// for a lease that core.Do did not acquire.
	Operation, Target string
	// Held is how long the lease has been out.
	Held time.Duration
	// Trace is the id of the trace that the caller belongs to, sampled or not; empty if
	// the observer knows none.
	Trace string
	// Stack says where the lease was acquired, the innermost function first. It is
	// empty without Config.LeakAfter.
	Stack string
}

// String returns the holder without its stack, such as "Search docs since 12.3s trace
// 4bf92f3577b34da6a3ce929d0e0e4736". The operation is cut after 32 characters, so that
// three holders fit into one attribute of a span.
func (h Holder) String() string {
	what := strings.TrimSpace(h.Operation + " " + h.Target)
	if what == "" {
		what = "unknown operation"
	}
	if runes := []rune(what); len(runes) > 32 {
		what = string(runes[:31]) + "…"
	}
	unit := time.Microsecond
	switch {
	case h.Held >= time.Second:
		unit = 100 * time.Millisecond
	case h.Held >= time.Millisecond:
		unit = time.Millisecond
	}
	what = fmt.Sprintf("%s since %v", what, h.Held.Round(unit))
	if h.Trace != "" {
		what += " trace " + h.Trace
	}
	return what
}

// Holders are the callers that have had a connection for longest, the oldest first.
type Holders []Holder

// String returns the holders as one text.
func (holders Holders) String() string {
	texts := make([]string, len(holders))
	for i, h := range holders {
		texts[i] = h.String()
	}
	return strings.Join(texts, "; ")
}

const (
	// mostHolders is how many holders an error names.
	mostHolders = 3
	// holdersFor is how long a description of the holders is used again. A storm of
	// waits that end at once costs one look at the leases, and not one for each.
	holdersFor = 100 * time.Millisecond
)

// holderState is what a pool knows of who has its connections.
type holderState struct {
	described atomic.Pointer[description] // nil before the first one
}

// description is the oldest holders at one instant. It does not change.
type description struct {
	at      instant
	holders Holders
}

// holding is a copy of the record of a lease that is out.
type holding struct {
	since  instant
	holder Holder // without Held, Trace and Stack
	ctx    context.Context
	stack  [32]uintptr
	depth  int
}

// NamesHolders reports whether the pool keeps who has its connections, for
// [AcquireError.Holders]: it has an Observer or LeakAfter. A client of package core
// then tells the pool of each of its operations that has a connection.
func (p *Pool[C]) NamesHolders() bool { return p != nil && p.records() }

// records reports whether the pool keeps a record of each lease.
func (s *settings[C]) records() bool { return s.recorded }

// Hold implements [nested.Keeper].
func (e *entry[C]) Hold(ctx context.Context, token uint64, op, target string, since time.Time) {
	seat := seatOf(token)
	if seat >= len(e.records) {
		return
	}
	r := &e.records[seat]
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.out { // else the record has the instant of the Acquire
		r.out = true
		r.since = since.Sub(e.pool.epoch)
	}
	r.ctx, r.op, r.target = ctx, op, target
}

// heldByOperation reports whether ctx is of an attempt that waits for its connection:
// core calls Hold when the attempt has it.
func heldByOperation(ctx context.Context) bool {
	a, ok := ctx.(nested.Attempt)
	return ok && a.Lease() == 0
}

// named adds the holders to the error of a wait that found no connection, and returns
// the error. p.mu is not held.
func (p *Pool[C]) named(err error) error {
	if e, ok := err.(*AcquireError); ok && e.Waited > 0 && e.Holders == nil {
		e.Holders = p.holders()
	}
	return err
}

// holders describes the oldest leases that are out, the oldest first. p.mu is not held.
func (p *Pool[C]) holders() Holders {
	if !p.records() {
		return nil
	}
	d := p.described.Load()
	if now := p.now(); d == nil || now-d.at >= holdersFor {
		d = p.describeHolders()
	} else if age := now - d.at; age > 0 {
		aged := slices.Clone(d.holders)
		for i := range aged {
			aged[i].Held += age
		}
		return aged
	}
	return slices.Clone(d.holders)
}

// describeHolders looks at all leases.
func (p *Pool[C]) describeHolders() *description {
	p.mu.Lock()
	now := p.now()
	if d := p.described.Load(); d != nil && now-d.at < holdersFor {
		p.mu.Unlock()
		return d // another caller was first
	}
	oldest := p.oldestHoldings()
	p.mu.Unlock()
	d := &description{at: now}
	for _, h := range oldest {
		holder := h.holder
		holder.Held = now - h.since
		holder.Trace = p.traceOf(h.ctx) // a function of the user
		holder.Stack = stackText(h.stack[:h.depth])
		d.holders = append(d.holders, holder)
	}
	p.described.Store(d)
	return d
}

// oldestHoldings returns the oldest leases that are out, the oldest first. p.mu is held.
func (p *Pool[C]) oldestHoldings() []holding {
	var oldest []holding
	look := func(e *entry[C]) {
		for i := range e.records {
			r := &e.records[i]
			r.mu.Lock()
			if r.out && (len(oldest) < mostHolders || r.since < oldest[len(oldest)-1].since) {
				if len(oldest) == mostHolders {
					oldest = oldest[:mostHolders-1]
				}
				oldest = append(oldest, r.holding())
				slices.SortStableFunc(oldest, func(a, b holding) int { return cmp.Compare(a.since, b.since) })
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
	return oldest
}

// holding returns a copy of r. r.mu is held.
func (r *leaseRecord) holding() holding {
	h := holding{since: r.since, holder: Holder{Operation: r.op, Target: r.target}, ctx: r.ctx}
	if r.stack != nil {
		h.depth = copy(h.stack[:], r.stack[:r.depth])
	}
	return h
}

// traceOf asks the observer for the trace of ctx. No lock is held.
func (p *Pool[C]) traceOf(ctx context.Context) string {
	if tracer, ok := p.cfg().Observer.(nested.Tracer); ok && ctx != nil {
		return tracer.TraceID(ctx)
	}
	return ""
}

// stackText returns a stack, without the functions of this package.
func stackText(stack []uintptr) string {
	if len(stack) == 0 {
		return ""
	}
	var b strings.Builder
	frames := runtime.CallersFrames(stack)
	for own := true; ; {
		f, more := frames.Next()
		own = own && strings.HasPrefix(f.Function, ownPackage) // functions of this package say nothing
		if !own && f.Function != "" {
			fmt.Fprintf(&b, "%s\n\t%s:%d\n", f.Function, f.File, f.Line)
		}
		if !more {
			return b.String()
		}
	}
}

// ownPackage is how the names of this package's functions begin.
const ownPackage = "github.com/penstock-go/penstock/pool."

var _ nested.Keeper = (*entry[int])(nil)
var _ core.Lender = (*entry[int])(nil)
