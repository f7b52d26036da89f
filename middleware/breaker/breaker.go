// SPDX-License-Identifier: Apache-2.0

package breaker

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/eapache/go-resiliency/breaker"

	"github.com/penstock-go/penstock/core"
)

// Name is the name of the stage.
const Name = "breaker"

// Breaker is a circuit breaker for one backend. It is safe for concurrent use.
type Breaker struct {
	*common
	name    string // for people; that for telemetry is cfg.Name
	key     string // in a Keyed
	born    time.Time
	current atomic.Pointer[period]

	consecutive atomic.Int64 // failures since the last success
	succeeded   atomic.Uint64
	failed      atomic.Uint64
	neutral     atomic.Uint64
	rejected    atomic.Uint64

	mu       sync.Mutex
	noted    State     // the last state noted; guarded by mu, as are all below
	moves    uint64    // noted so far
	movedAt  time.Time // when the last one was
	openedAt time.Time
	openedBy any   // reference to the operation that opened it, see core.Observer
	cause    error // what that failed with

	untold  []move // to the listener
	telling bool   // somebody is
	panics  uint64 // of the listener
}

// common is what the breakers of one stage share.
type common struct {
	cfg      Config
	observer atomic.Pointer[core.Observer] // of the first operation that had one
}

// New returns a closed breaker.
func New(cfg Config) (*Breaker, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	return newBreaker(&common{cfg: cfg}, cfg.Name), nil
}

func newBreaker(c *common, name string) *Breaker {
	b := &Breaker{common: c, name: name, born: time.Now()}
	b.current.Store(b.newPeriod(b.newMachine(), Closed))
	return b
}

// now returns the time since the breaker was made.
func (b *Breaker) now() time.Duration { return time.Since(b.born) }

// Stage returns the stage of this breaker.
func (b *Breaker) Stage() core.Stage { return core.Stage{Name: Name, Middleware: b.Middleware} }

// Middleware wraps next with this breaker. It is a core.Middleware.
func (b *Breaker) Middleware(next core.Handler) core.Handler {
	return func(ctx context.Context, call *core.Call) error { return b.run(ctx, call, next) }
}

func (b *Breaker) run(ctx context.Context, call *core.Call, next core.Handler) error {
	p, err := b.admit(call)
	if err != nil {
		return err
	}
	var guard core.Guard = p
	var t *ticket
	if b.cfg.CountAttempts || p.period.slow != nil {
		t = newTicket(p)
		guard = t
	}
	call.Attach(guard)
	if p.probe {
		call.LimitAttempts(1)
	}
	mark := call.Mark()
	err = core.ErrPanic // stands if next does not return
	defer func() {
		call.Detach(guard)
		if t != nil {
			t.free()
		}
		b.leave(p, call, mark, err)
	}()
	err = next(ctx, call)
	return err
}

// admit returns the permit of a call, or why it has none.
func (b *Breaker) admit(call *core.Call) (*permit, error) {
	if b.observer.Load() == nil && call.Observer() != nil {
		b.remember(call.Observer())
	}
	period := b.current.Load() // before its state: a move in between makes the permit stale, never wrong
	switch state := period.state(); state {
	case Open, ForcedOpen:
		return nil, b.reject(call, state)
	case HalfOpen:
		return b.admitProbe(call)
	}
	return &period.normal, nil
}

// admitProbe returns the permit of a call that came while the breaker was
// half-open. Taking a place, noting when, and making new places for those that
// are never given back are one step, lest more probes run than may.
func (b *Breaker) admitProbe(call *core.Call) (*permit, error) {
	var admitted *permit
	b.mu.Lock()
	p := b.current.Load()
	state := p.state()
	m := b.note(state)
	switch {
	case state.passes():
		admitted = &p.normal
	case state == HalfOpen:
		if p.full() && b.now()-p.entered >= b.cfg.RecoveryTimeout {
			p = b.renew(p)
		}
		if !p.full() {
			p.probes.Add(1)
			p.entered = b.now()
			admitted = &p.probe
		}
	}
	b.mu.Unlock()
	b.tell(m, call, nil)
	if admitted == nil {
		return nil, b.reject(call, state)
	}
	return admitted, nil
}

// reject counts a rejection and returns its error.
func (b *Breaker) reject(call *core.Call, state State) error {
	b.rejected.Add(1)
	return b.refuse(call, state)
}

// refuse returns the error for what comes in state, and tells the observer.
func (b *Breaker) refuse(call *core.Call, state State) error {
	err, ref := b.refusal(state)
	call.Event(core.Event{
		Kind: core.EventReject, Source: b.cfg.Name, From: state.String(), Delay: err.RetryAfter, Err: err, Ref: ref,
	})
	return err
}

// refusal returns the error for what comes in state, and the reference to the
// operation that opened the breaker.
func (b *Breaker) refusal(state State) (err *OpenError, openedBy any) {
	b.mu.Lock()
	openedAt, openedBy := b.openedAt, b.openedBy
	b.mu.Unlock()
	err = &OpenError{Name: b.name, State: state, by: b}
	if state == Open {
		err.RetryAfter = max(b.cfg.RecoveryTimeout-time.Since(openedAt), 0)
	}
	return err, openedBy
}

// leave ends the permit of a call that next returned err for. A probe's place
// is free again whatever happened.
func (b *Breaker) leave(p *permit, call *core.Call, mark core.Mark, err error) {
	if p.probe {
		defer p.period.probes.Add(-1)
	}
	switch {
	case b.cfg.CountAttempts:
		if !call.Reached(mark) {
			b.neutral.Add(1)
		}
	case !call.Judged(mark) && b.refused(err):
		b.rejected.Add(1)
	default:
		b.count(p, call, b.outcome(call, mark, err), err)
	}
}

// refused reports whether err is a refusal of this breaker, and not of another
// one further in.
func (b *Breaker) refused(err error) bool {
	open, ok := errors.AsType[*OpenError](err)
	return ok && open.by == b
}

// outcome is the verdict of an operation that ended with err.
func (b *Breaker) outcome(call *core.Call, mark core.Mark, err error) core.Verdict {
	judged := false
	defer func() {
		if !judged { // the classifier panics: nobody will know what it meant
			b.neutral.Add(1)
		}
	}()
	class := call.Outcome(mark, err)
	judged = true
	return b.verdict(class, call.Ran())
}

// verdict is class's verdict under this breaker's rules.
func (b *Breaker) verdict(class core.Class, ran time.Duration) core.Verdict {
	if class.OutOfTime && ran < b.cfg.FairRun {
		return core.Neutral // the attempt had no fair chance
	}
	return class.Verdict
}

// count counts a verdict, and moves the machine if the permit is not stale.
func (b *Breaker) count(p *permit, call *core.Call, v core.Verdict, err error) {
	switch v {
	case core.Neutral:
		b.neutral.Add(1)
		return
	case core.Success:
		b.succeeded.Add(1)
		err = nil // of the statement, if there is one, and not why anything moves
	default:
		b.failed.Add(1)
	}
	tooMany := false
	if w := p.period.failures; w != nil && !p.probe {
		tooMany = w.add(v == core.Failure)
	}
	if v == core.Success && !p.probe && !tooMany && b.consecutive.Load() == 0 {
		return // almost always
	}
	if p.period.mode == ForcedClosed {
		return
	}

	b.mu.Lock()
	var m move
	switch {
	case b.stale(p):
	case v == core.Success && p.probe:
		p.period.successes.Add(1)
		_ = p.period.machine.Run(func() error { return nil })
		m = b.note(p.period.state())
	case v == core.Success && !tooMany:
		b.consecutive.Store(0)
	case v == core.Success: // enough calls to see how many failed before
		b.consecutive.Store(0)
		err = errTooMany
		m = b.open(p.period, call, err)
	case b.inARow() || tooMany || p.probe:
		m = b.open(p.period, call, err)
	}
	b.mu.Unlock()
	b.tell(m, call, err)
}

// inARow counts a failure, and reports whether there are too many in a row now.
func (b *Breaker) inARow() bool {
	n := b.consecutive.Add(1)
	return b.cfg.FailureThreshold > 0 && n >= int64(b.cfg.FailureThreshold)
}

// open opens the breaker, and returns the move to tell. The caller holds mu and
// has seen that p is current.
func (b *Breaker) open(p *period, call *core.Call, cause error) move {
	if p.mode != Closed || p.machine.Run(func() error { return core.ErrUnavailable }) == breaker.ErrBreakerOpen {
		return move{}
	}
	b.consecutive.Store(0)
	b.openedAt, b.openedBy, b.cause = time.Now(), call.Ref(), cause
	b.replace(b.newPeriod(p.machine, Closed))
	return b.note(Open)
}

// idle reports whether the breaker is closed and has nothing that speaks for
// opening it.
func (b *Breaker) idle() bool {
	p := b.current.Load()
	return p.state() == Closed && b.consecutive.Load() == 0 &&
		(p.failures == nil || p.failures.clean()) &&
		(p.slow == nil || p.slow.clean())
}

// retire ends a breaker that is idle and that nobody uses any more, and returns
// what it counted.
func (b *Breaker) retire() Counters {
	b.mu.Lock()
	defer b.mu.Unlock()
	if slow := b.current.Load().slow; slow != nil {
		slow.stop() // else its timer would keep the breaker for a while
	}
	return b.counters()
}

var errTooMany = core.Sentinel("too many failures", "")
