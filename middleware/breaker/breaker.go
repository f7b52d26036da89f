// SPDX-License-Identifier: Apache-2.0

// Package breaker refuses operations while the backend does not do its work,
// so that callers fail at once and the backend can recover.
//
// The state machine and its timer are those of
// github.com/eapache/go-resiliency/breaker; what counts as a failure, who may
// pass, and what is told to whom are decided here. The timer is a goroutine
// that sleeps for RecoveryTimeout after each opening and cannot be ended
// sooner.
package breaker

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/eapache/go-resiliency/breaker"

	"github.com/penstock-go/penstock/core"
)

// Name is the name of the stage.
const Name = "breaker"

// State is what a breaker does with operations.
type State uint8

const (
	// Closed lets every operation through.
	Closed State = iota
	// Open refuses every operation.
	Open
	// HalfOpen lets a few operations through, as probes of the backend.
	HalfOpen
)

// String returns "closed", "open" or "half_open".
func (s State) String() string {
	switch s {
	case Open:
		return "open"
	case HalfOpen:
		return "half_open"
	default:
		return "closed"
	}
}

// Breaker is a circuit breaker for one backend. It is safe for concurrent use.
type Breaker struct {
	cfg     Config
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
}

// New returns a closed breaker.
func New(cfg Config) (*Breaker, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	b := &Breaker{cfg: cfg, born: time.Now()}
	b.current.Store(b.newPeriod(b.newMachine()))
	return b, nil
}

// newMachine returns the state machine: one reported failure opens it, because
// when to report one is decided here.
func (b *Breaker) newMachine() *breaker.Breaker {
	return breaker.New(1, b.cfg.HalfOpenSuccesses, b.cfg.RecoveryTimeout)
}

// period is a stretch of life from one opening (or the start, or a reset) to
// the next. What was admitted in a period that is over is counted, but moves
// nothing any more; and a probe that hangs holds a place in its own only.
type period struct {
	machine   *breaker.Breaker
	probes    atomic.Int64 // under way
	entered   atomic.Int64 // when the last of them began, since the breaker was made
	successes atomic.Int64 // of probes
	slow      *window      // nil if slow calls do not count
	normal    permit
	probe     permit
}

// permit is how a call was admitted. As a guard it follows the call's attempts.
type permit struct {
	breaker *Breaker
	period  *period
	probe   bool
}

func (b *Breaker) newPeriod(machine *breaker.Breaker) *period {
	p := &period{machine: machine}
	if b.cfg.SlowCallRate > 0 {
		p.slow = newWindow(b.cfg.SlowCallWindow)
	}
	p.normal = permit{breaker: b, period: p}
	p.probe = permit{breaker: b, period: p, probe: true}
	return p
}

func (p *period) state() State {
	switch p.machine.GetState() {
	case breaker.Open:
		return Open
	case breaker.HalfOpen:
		return HalfOpen
	default:
		return Closed
	}
}

// enter takes a place for a probe, if fewer than most are under way.
func (p *period) enter(most int) bool {
	for {
		n := p.probes.Load()
		if n >= int64(most) {
			return false
		}
		if p.probes.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// State returns the present state. It changes nothing.
func (b *Breaker) State() State { return b.current.Load().state() }

// Reset closes the breaker and forgets the failures in a row. The totals stay.
func (b *Breaker) Reset() {
	b.mu.Lock()
	b.consecutive.Store(0)
	b.current.Store(b.newPeriod(b.newMachine()))
	m := b.note(Closed)
	b.mu.Unlock()
	b.tell(m, nil, nil)
}

// Stage returns the stage of this breaker.
func (b *Breaker) Stage() core.Stage { return core.Stage{Name: Name, Middleware: b.Middleware} }

// Middleware wraps next with this breaker. It is a core.Middleware.
func (b *Breaker) Middleware(next core.Handler) core.Handler {
	return func(ctx context.Context, call *core.Call) error {
		p, err := b.admit(call)
		if err != nil {
			return err
		}
		call.Attach(p)
		if p.probe {
			call.LimitAttempts(1)
		}
		mark := call.Mark()
		err = core.ErrPanic // stands if next does not return
		defer func() { b.leave(p, call, mark, err) }()
		err = next(ctx, call)
		return err
	}
}

// admit returns the permit of a call, or why it has none.
func (b *Breaker) admit(call *core.Call) (*permit, error) {
	period := b.current.Load() // before its state: an opening in between makes the permit stale, never wrong
	switch period.state() {
	case Open:
		return nil, b.reject(call, Open)
	case HalfOpen:
		b.mu.Lock()
		m := b.note(b.State())
		b.mu.Unlock()
		b.tell(m, call, nil)
		if !period.enter(b.cfg.MaxHalfOpenRequests) {
			period = b.renew(period)
			if !period.enter(b.cfg.MaxHalfOpenRequests) {
				return nil, b.reject(call, b.State())
			}
		}
		period.entered.Store(int64(time.Since(b.born)))
		return &period.probe, nil
	}
	return &period.normal, nil
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
	err = &OpenError{Name: b.cfg.Name, State: state}
	if state == Open {
		err.RetryAfter = max(b.cfg.RecoveryTimeout-time.Since(openedAt), 0)
	}
	return err, openedBy
}

// leave ends the permit of a call that next returned err for. A probe's place
// is free again whatever happened.
func (b *Breaker) leave(p *permit, call *core.Call, mark core.Mark, err error) {
	call.Detach(p)
	if p.probe {
		defer p.period.probes.Add(-1)
	}
	if b.cfg.CountAttempts {
		if !call.Reached(mark) {
			b.neutral.Add(1)
		}
		return
	}
	class := call.Outcome(mark, err)
	if b.isRejection(class, call.Ran()) {
		return
	}
	b.count(p, call, b.verdict(class, call.Ran()), err)
}

// renew returns the half-open time to enter in place of p, whose places are all
// taken: another one, if no probe has begun in p for RecoveryTimeout. Those that
// hold the places may never end.
func (b *Breaker) renew(p *period) *period {
	b.mu.Lock()
	defer b.mu.Unlock()
	entered := b.born.Add(time.Duration(p.entered.Load()))
	if !b.stale(&p.probe) && time.Since(entered) >= b.cfg.RecoveryTimeout {
		b.current.Store(b.newPeriod(p.machine))
	}
	return b.current.Load()
}

// isRejection reports whether class is that of an attempt which Begin forbade,
// and which is counted as a rejection.
func (b *Breaker) isRejection(class core.Class, ran time.Duration) bool {
	return class.Code == core.TypeCircuitOpen && class.Verdict == core.Neutral && ran == 0
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
		if !p.probe && b.consecutive.Load() == 0 {
			return // almost always
		}
	default:
		b.failed.Add(1)
	}

	b.mu.Lock()
	var m move
	switch {
	case b.stale(p):
	case v == core.Success && p.probe:
		p.period.successes.Add(1)
		_ = p.period.machine.Run(func() error { return nil })
		m = b.note(p.period.state())
	case v == core.Success:
		b.consecutive.Store(0)
	case p.probe || b.consecutive.Add(1) >= int64(b.cfg.FailureThreshold):
		m = b.open(p.period, call, err)
	}
	b.mu.Unlock()
	b.tell(m, call, err)
}

// stale reports whether the breaker has moved on since p was given. The caller
// holds mu.
func (b *Breaker) stale(p *permit) bool {
	return b.current.Load() != p.period || p.probe != (p.period.state() == HalfOpen)
}

// open opens the breaker, and returns the move to tell. The caller holds mu and
// has seen that p is current.
func (b *Breaker) open(p *period, call *core.Call, cause error) move {
	if p.machine.Run(func() error { return core.ErrUnavailable }) == breaker.ErrBreakerOpen {
		return move{}
	}
	b.consecutive.Store(0)
	b.openedAt, b.openedBy, b.cause = time.Now(), call.Ref(), cause
	b.current.Store(b.newPeriod(p.machine))
	return b.note(Open)
}

// move is what observers are told of; from a state to itself it is none.
type move struct{ from, to State }

// note notes that the breaker is in state to, and returns the move that this
// is. The caller holds mu, so that no move is lost or blamed on another call.
func (b *Breaker) note(to State) move {
	m := move{b.noted, to}
	if m.from != m.to {
		b.noted = to
		b.moves++
		b.movedAt = time.Now()
	}
	return m
}

// tell tells the observer and the listener of m, if it is one. The caller does
// not hold mu.
func (b *Breaker) tell(m move, call *core.Call, cause error) {
	if m.from == m.to {
		return
	}
	if call != nil {
		call.Event(core.Event{Kind: core.EventMove, Source: b.cfg.Name, From: m.from.String(), To: m.to.String(), Err: cause})
	}
	if b.cfg.OnMove != nil {
		b.cfg.OnMove(b.cfg.Name, m.from, m.to)
	}
}

// Allow forbids further attempts unless the breaker is closed.
func (p *permit) Allow(*core.Call) error {
	if state := p.breaker.State(); state != Closed {
		err, _ := p.breaker.refusal(state)
		return err
	}
	return nil
}

// Begin forbids the work of an attempt that waited for its connection while the
// breaker moved on.
func (p *permit) Begin(call *core.Call) error {
	b := p.breaker
	state := b.State()
	if !p.probe && state == Closed || p.probe && b.current.Load() == p.period {
		return nil
	}
	if call.Attempt() == 1 || b.cfg.CountAttempts { // else the operation counts by an attempt before
		b.rejected.Add(1)
	}
	return b.refuse(call, state)
}

// Ended counts the attempt, if attempts or slow ones count.
func (p *permit) Ended(call *core.Call, ran time.Duration, class core.Class) {
	b := p.breaker
	verdict := b.verdict(class, ran)
	if slow := p.period.slow; slow != nil && ran > 0 {
		late := ran >= b.cfg.SlowCallThreshold
		// Whoever gave up after that long has seen that it is slow; of one given
		// up earlier nobody knows.
		told := verdict != core.Neutral || late && class.Code == core.TypeCanceled
		if told && (slow.add(late) >= b.cfg.SlowCallRate || p.probe && late) {
			b.tooSlow(p, call)
		}
	}
	if b.cfg.CountAttempts && !b.isRejection(class, ran) {
		b.count(p, call, verdict, attemptError(class.Code))
	}
}

// tooSlow opens the breaker because too many attempts are slow.
func (b *Breaker) tooSlow(p *permit, call *core.Call) {
	b.mu.Lock()
	var m move
	if !b.stale(p) {
		m = b.open(p.period, call, errTooSlow)
	}
	b.mu.Unlock()
	b.tell(m, call, errTooSlow)
}

// attemptError stands for the error of an attempt, of which a guard is told the
// type alone.
type attemptError string

func (e attemptError) Error() string     { return "attempt failed: " + string(e) }
func (e attemptError) ErrorType() string { return string(e) }

var errTooSlow = core.Sentinel("too many slow attempts", "")
