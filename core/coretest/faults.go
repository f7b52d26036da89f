// SPDX-License-Identifier: Apache-2.0

package coretest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing/synctest"
	"time"
)

// breakerFaults are what TestBreaker describes. Each begins with a breaker that
// is half-open, and ends where it should recover.
var breakerFaults = []struct {
	name string
	run  func(*patient) error
}{
	{"burst", burst},
	{"panic", panics},
	{"goexit", goexits},
	{"hang", hangs},
	{"cancel", cancels},
	{"straggler", stragglers},
	{"excluded", excluded},
}

func burst(p *patient) error {
	const size = 50
	var inside, most, late atomic.Int64
	began := time.Now()
	all := make([]*errand, size)
	for i := range all {
		all[i] = p.beginAtOnce(p.ctx, func(context.Context) error {
			if time.Since(began) > 0 {
				late.Add(1)
			}
			for n := inside.Add(1); ; {
				if m := most.Load(); n <= m || most.CompareAndSwap(m, n) {
					break
				}
			}
			time.Sleep(time.Second)
			inside.Add(-1)
			return nil
		})
	}
	synctest.Wait()
	refused := count(all, (*errand).refused)
	time.Sleep(time.Second)
	synctest.Wait()
	ran := count(all, (*errand).ran)
	p.note("burst of %d: at most %d at once, %d refused at once", size, most.Load(), refused)
	switch {
	case ran == 0:
		return errors.New("all operations are refused, want a probe")
	case most.Load() > int64(p.cfg.Probes):
		return fmt.Errorf("%d operations run at once, want at most %d", most.Load(), p.cfg.Probes)
	case late.Load() > 0 || ran+refused != size:
		return fmt.Errorf("%d operations had to wait, want them refused at once", size-refused-ran+int(late.Load()))
	}
	return nil
}

func panics(p *patient) error {
	const value = "the work panics"
	for range p.cfg.Probes {
		e, err := p.probe("probe panics", func(context.Context) error { panic(value) })
		if err != nil {
			return err
		}
		if e.panicked != value {
			return fmt.Errorf("the caller recovers %v, want the work's panic", e.panicked)
		}
	}
	return nil
}

func goexits(p *patient) error {
	for range p.cfg.Probes {
		_, err := p.probe("probe calls runtime.Goexit", func(context.Context) error {
			runtime.Goexit()
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func hangs(p *patient) error {
	all := make([]*errand, p.cfg.Probes)
	for i := range all {
		all[i] = p.begin(p.ctx, func(context.Context) error {
			<-p.release
			return errBackend
		})
	}
	ran := count(all, (*errand).ran)
	p.note("%d probes hang", ran)
	if ran == 0 {
		return errors.New("all operations are refused, want a probe")
	}
	return nil
}

func cancels(p *patient) error {
	const times = 20
	for n := range times {
		ctx, cancel := context.WithCancel(p.ctx)
		e := p.begin(ctx, func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		})
		if !e.ran() {
			cancel()
			return fmt.Errorf("after %d canceled probes an operation is refused (%v), want it let through", n, e.outcome())
		}
		cancel()
		synctest.Wait()
		if !e.over() {
			return errors.New("a canceled probe does not return")
		}
	}
	p.note("%d probes canceled", times)
	return p.opensAfterAFailure()
}

// opensAfterAFailure lets a probe fail, and waits until the breaker is
// half-open again.
func (p *patient) opensAfterAFailure() error {
	if e := p.do(errBackend); !e.ran() {
		return fmt.Errorf("an operation is refused (%v), want a probe", e.outcome())
	}
	if err := p.isOpen("after a probe failed"); err != nil {
		return err
	}
	p.recovery()
	return nil
}

func stragglers(p *patient) error {
	// They are let through while the breaker is closed.
	if err := p.recovers(); err != nil {
		return err
	}
	bad, good := p.wait(), make([]*errand, p.cfg.Successes)
	for i := range good {
		good[i] = p.wait()
	}
	for _, e := range append(good, bad) {
		if !e.ran() {
			return fmt.Errorf("an operation is refused (%v), want the breaker closed", e.outcome())
		}
	}
	if err := p.trip(); err != nil {
		return err
	}

	first := p.wait()
	if !first.ran() {
		return fmt.Errorf("an operation is refused (%v), want a probe", first.outcome())
	}
	bad.finish(errBackend)
	second := p.wait()
	if !second.ran() {
		return fmt.Errorf("after an operation from before it opened failed, the breaker refuses (%v), want a probe", second.outcome())
	}
	p.note("an operation from before it opened failed")
	for _, e := range good {
		e.finish(nil)
	}
	second.finish(errBackend)
	if err := p.isOpen("after %d operations from before it opened succeeded and then a probe failed", len(good)); err != nil {
		return err
	}
	p.recovery()

	third := p.wait()
	if !third.ran() {
		return fmt.Errorf("an operation is refused (%v), want a probe", third.outcome())
	}
	first.finish(errBackend)
	if e := p.do(nil); !e.ran() {
		return fmt.Errorf("after a probe of an earlier half-open time failed, the breaker refuses (%v), want a probe", e.outcome())
	}
	p.note("a probe of an earlier half-open time failed")
	third.finish(nil)
	return nil
}

func excluded(p *patient) error {
	const times = 20
	for n := range times {
		switch e := p.do(p.cfg.Excluded); {
		case !e.ran():
			return fmt.Errorf("after %d probes with an excluded error an operation is refused (%v), want it let through", n, e.outcome())
		case !errors.Is(e.outcome(), p.cfg.Excluded):
			return fmt.Errorf("the caller gets %v, want an error that wraps the work's", e.outcome())
		}
	}
	p.note("%d probes returned an excluded error", times)
	return nil
}
