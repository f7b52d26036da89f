// SPDX-License-Identifier: Apache-2.0

package coretest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// BreakerFunc runs work under a circuit breaker: any breaker, it need not be
// one of ours. It calls work with ctx, or with a context made of it, at most
// once and before it returns, and returns work's error or one that wraps it. If
// the breaker refuses, it returns at once with an error, without having called
// work. It is called concurrently.
//
// It adds nothing to what the breaker does by itself: a panic that it caught on
// the breaker's behalf would prove nothing about the breaker.
type BreakerFunc func(ctx context.Context, work func(context.Context) error) error

// BreakerConfig is how a breaker is to be configured for [TestBreaker].
type BreakerConfig struct {
	Failures  int           // so many failures in a row open it
	Recovery  time.Duration // so long it stays open; then it is half-open
	Successes int           // so many probes that succeed close it
	Probes    int           // so many probes may be under way at once; as many as Successes
	Excluded  error         // is no failure: the caller's mistake, not the backend's
}

// What TestBreaker configures. Probes is the same as Successes because many a
// breaker has one setting for both.
const (
	breakerFailures  = 5
	breakerRecovery  = 10 * time.Second
	breakerSuccesses = 3

	// How often an operation starts while the breaker should recover. No
	// multiple of it is a recovery time: what falls on the very instant of a
	// transition is a matter of luck.
	breakerBeat = 1007 * time.Millisecond
)

var (
	errBackend  = errors.New("the backend failed")
	errExcluded = errors.New("no such row")
	errWaits    = errors.New("it waits")
)

// BreakerResult says how a breaker took one fault.
type BreakerResult struct {
	// Fault is one of burst, panic, goexit, hang, cancel, straggler, excluded.
	Fault string
	// Err is nil if the breaker survived it, else it says what went wrong.
	Err error
	// Transcript is what happened, a line each with its time. It is the same in
	// every run, unless the breaker uses random numbers.
	Transcript string
}

// TestBreaker checks that the breakers which newBreaker returns survive seven
// faults that a probe may have, a probe being an operation that a half-open
// breaker lets through. It runs in virtual time. Each fault gets a breaker of
// its own, which five failures in a row have opened, and which is asked again
// when its recovery time is over:
//
//   - burst: 50 operations start at once. At least one runs, at most
//     BreakerConfig.Probes run at once, and the others are refused at once. The
//     breaker recovers.
//   - panic: as many probes as may be under way panic, one after the other, each
//     as soon as the breaker lets it through. The panic reaches the caller with
//     its value. The breaker recovers.
//   - goexit: the same with runtime.Goexit.
//   - hang: as many operations as may be under way start at once, and those that
//     run hang for good, whatever becomes of their context. The breaker recovers
//     while they hang.
//   - cancel: 20 probes are canceled by their callers, one after the other. Each
//     is let through: the breaker neither opened for the one before nor kept its
//     place. They do not close it either: when a probe fails after that, the
//     breaker is open. It recovers.
//   - straggler: operations from earlier states end while the breaker is
//     half-open. One from the time before it opened fails, and one that was a
//     probe of an earlier half-open time fails: each time the next probe is let
//     through. Three from before it opened succeed: they do not close it, so
//     that it is open when a probe fails after that. It recovers.
//   - excluded: 20 probes return BreakerConfig.Excluded, one after the other.
//     Each is let through, and the breaker recovers. It may count them as
//     successes, because the backend did answer.
//
// To recover is to be closed again after at most ten times the recovery time,
// in which the backend works and an operation starts about each second. That a
// breaker is closed is seen by its letting 20 operations run at once; its own
// idea of its state is not asked for.
func TestBreaker(t *testing.T, newBreaker func(BreakerConfig) BreakerFunc) {
	t.Helper()
	for _, r := range CheckBreaker(t, newBreaker) {
		if r.Err != nil {
			t.Errorf("half-open/%s: %v\n%s", r.Fault, r.Err, r.Transcript)
		}
	}
}

// CheckBreaker does what [TestBreaker] does, but does not fail t where the
// breaker does not survive a fault: it returns the results.
func CheckBreaker(t *testing.T, newBreaker func(BreakerConfig) BreakerFunc) []BreakerResult {
	t.Helper()
	results := make([]BreakerResult, len(breakerFaults))
	for i, fault := range breakerFaults {
		synctest.Test(t, func(t *testing.T) {
			p := newPatient(newBreaker)
			defer p.discharge()
			err := p.trip()
			if err == nil {
				err = fault.run(p)
			}
			if err == nil {
				err = p.recovers()
			}
			if err != nil {
				p.note("%v", err)
			}
			results[i] = BreakerResult{Fault: fault.name, Err: err, Transcript: p.transcript.String()}
		})
	}
	return results
}

// patient is a breaker under examination. Its methods are called on one
// goroutine, in a bubble.
type patient struct {
	cfg        BreakerConfig
	run        BreakerFunc
	start      time.Time
	transcript strings.Builder
	ctx        context.Context
	cancel     context.CancelFunc
	release    chan struct{} // closed in the end, for what hangs
}

func newPatient(newBreaker func(BreakerConfig) BreakerFunc) *patient {
	cfg := BreakerConfig{
		Failures: breakerFailures, Recovery: breakerRecovery, Successes: breakerSuccesses, Probes: breakerSuccesses,
		Excluded: errExcluded,
	}
	p := &patient{cfg: cfg, run: newBreaker(cfg), start: time.Now(), release: make(chan struct{})}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	return p
}

// discharge lets everything end that the breaker may have started, timers
// included: a bubble must be empty in the end.
func (p *patient) discharge() {
	p.cancel()
	close(p.release)
	synctest.Wait()
	time.Sleep(100 * p.cfg.Recovery)
}

func (p *patient) note(format string, args ...any) {
	fmt.Fprintf(&p.transcript, "%10v  %s\n", time.Since(p.start), fmt.Sprintf(format, args...))
}

// errand is an operation under the breaker.
type errand struct {
	started, ended atomic.Bool
	err            error // once it has ended, as panicked
	panicked       any
	end            chan error // ends the work of an errand that waits
}

// ran reports whether the breaker let it through.
func (e *errand) ran() bool { return e.started.Load() }

// refused reports whether the breaker did not, at once.
func (e *errand) refused() bool { return e.over() && !e.ran() }

func (e *errand) over() bool { return e.ended.Load() }

// outcome returns what the caller got.
func (e *errand) outcome() error {
	if !e.over() {
		return errWaits
	}
	return e.err
}

// begin starts an operation. When it returns, the operation is over, or waits
// for something.
func (p *patient) begin(ctx context.Context, work func(context.Context) error) *errand {
	e := p.beginAtOnce(ctx, work)
	synctest.Wait()
	return e
}

// beginAtOnce does the same without waiting.
func (p *patient) beginAtOnce(ctx context.Context, work func(context.Context) error) *errand {
	e := &errand{end: make(chan error, 1)}
	go func() {
		defer func() {
			e.panicked = recover()
			e.ended.Store(true)
		}()
		e.err = p.run(ctx, func(ctx context.Context) error {
			e.started.Store(true)
			return work(ctx)
		})
	}()
	return e
}

// do starts an operation whose work is done at once with the given error.
func (p *patient) do(err error) *errand {
	return p.begin(p.ctx, func(context.Context) error { return err })
}

// wait starts an operation whose work is done when it is told to.
func (p *patient) wait() *errand {
	var e *errand
	known := make(chan struct{})
	e = p.beginAtOnce(p.ctx, func(context.Context) error {
		<-known
		select {
		case err := <-e.end:
			return err
		case <-p.release:
			return errBackend
		}
	})
	close(known)
	synctest.Wait()
	return e
}

// finish ends the work of an operation that waits.
func (e *errand) finish(err error) {
	e.end <- err
	synctest.Wait()
}

// trip opens the breaker and waits until it is half-open.
func (p *patient) trip() error {
	for n := range p.cfg.Failures {
		switch e := p.do(errBackend); {
		case !e.ran():
			return fmt.Errorf("operation %d is refused (%v), want the breaker closed", n+1, e.outcome())
		case !errors.Is(e.outcome(), errBackend):
			return fmt.Errorf("operation %d returns %v, want an error that wraps the work's", n+1, e.outcome())
		}
	}
	if err := p.isOpen("after %d failures in a row", p.cfg.Failures); err != nil {
		return err
	}
	p.recovery()
	return nil
}

// isOpen returns an error unless the breaker refuses.
func (p *patient) isOpen(when string, args ...any) error {
	when = fmt.Sprintf(when, args...)
	switch e := p.do(errBackend); {
	case e.ran():
		return fmt.Errorf("an operation runs %s, want the breaker open", when)
	case !e.over():
		return fmt.Errorf("an operation waits %s, want it refused at once", when)
	case e.outcome() == nil:
		return fmt.Errorf("an operation returns nil without having run %s", when)
	}
	p.note("open %s", when)
	return nil
}

// recovery waits as long as the breaker is open. A little more, because some
// are open for longer than it and some for as long.
func (p *patient) recovery() { time.Sleep(p.cfg.Recovery + time.Millisecond) }

// probe begins an operation as soon as the breaker lets one through.
func (p *patient) probe(what string, work func(context.Context) error) (*errand, error) {
	const patience = 3
	for began := time.Now(); time.Since(began) <= patience*p.cfg.Recovery; time.Sleep(breakerBeat) {
		if e := p.begin(p.ctx, work); e.ran() {
			p.note("%s", what)
			return e, nil
		}
	}
	return nil, fmt.Errorf("no operation is let through for %v, want a probe", patience*p.cfg.Recovery)
}

// recovers returns an error unless the breaker recovers.
func (p *patient) recovers() error {
	const patience = 10
	ran, refused := 0, 0
	for began := time.Now(); time.Since(began) < patience*p.cfg.Recovery; time.Sleep(breakerBeat) {
		if p.do(nil).ran() {
			ran++
		} else {
			refused++
		}
		if ran >= p.cfg.Successes && p.closed() {
			p.note("closed: recovered after %d probes, with %d refused", ran, refused)
			return nil
		}
	}
	return fmt.Errorf("not closed %v after the fault: %d operations ran and succeeded, %d were refused", patience*p.cfg.Recovery, ran, refused)
}

// closed reports whether the breaker lets many operations run at once.
func (p *patient) closed() bool {
	const many = 20
	return count(p.many(many, time.Millisecond), (*errand).ran) == many
}

// many starts n operations at once, which succeed after a time, and returns
// them when that is over.
func (p *patient) many(n int, after time.Duration) []*errand {
	all := make([]*errand, n)
	for i := range all {
		all[i] = p.beginAtOnce(p.ctx, func(context.Context) error {
			time.Sleep(after)
			return nil
		})
	}
	time.Sleep(after)
	synctest.Wait()
	return all
}

func count(all []*errand, is func(*errand) bool) (n int) {
	for _, e := range all {
		if is(e) {
			n++
		}
	}
	return n
}
