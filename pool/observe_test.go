// SPDX-License-Identifier: Apache-2.0

package pool_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/pool"
)

func TestTheObserverSeesWaitsAndDials(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &factory{onDial: func(context.Context, int) error { time.Sleep(time.Millisecond); return nil }}
		var r coretest.Recorder
		p := open(t, f, pool.Config{MaxSize: 1, Observer: &r})

		lease := acquire(t, p)
		synctest.Wait()
		lease.Release()
		acquire(t, p) // does not wait, so the observer hears nothing
		_, err := p.Acquire(t.Context())
		wantErr(t, "Acquire", err, pool.ErrExhausted)

		want := []string{"begin acquire", "begin connect", "end connect", "end acquire", "begin acquire", "end acquire pool_timeout"}
		got := r.Lines()
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("Lines = %q, want %q", got, want)
		}
		if err := r.Check(); err != nil {
			t.Error(err)
		}
	})
}

func TestScopesPairWhateverHappens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r coretest.Recorder
		f := &factory{onDial: func(ctx context.Context, n int) error {
			switch n {
			case 1:
				panic("oops")
			case 2:
				return errRefused
			case 3:
				return nil
			}
			<-ctx.Done()
			return ctx.Err()
		}}
		p := open(t, f, pool.Config{MaxSize: 2, Observer: &r})
		for range 2 {
			_, err := p.Acquire(t.Context())
			wantErr(t, "Acquire", err, pool.ErrDial)
			time.Sleep(time.Second)
		}
		acquire(t, p).Release()
		lease := acquire(t, p)
		acquireAsync(t.Context(), p) // Close ends the wait and its dial
		ctx, cancel := context.WithCancel(t.Context())
		acquireAsync(ctx, p)
		synctest.Wait()
		cancel()
		synctest.Wait()
		go func() {
			time.Sleep(time.Millisecond) // Close has begun, and so has ended the wait
			lease.Release()
		}()
		if err := p.Close(t.Context()); err != nil {
			t.Errorf("Close = %v", err)
		}
		synctest.Wait()
		if err := r.Check(); err != nil {
			t.Error(err)
		}
		for _, line := range []string{"end connect connect_error", "end acquire pool_closed", "end acquire canceled", "end acquire connect_error"} {
			if !slices.Contains(r.Lines(), line) {
				t.Errorf("Lines = %q, want %q in it", r.Lines(), line)
			}
		}
	})
}

func TestARefusalIsNoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r coretest.Recorder
		f := &factory{onDial: func(context.Context, int) error { return errRefused }}
		p := open(t, f, pool.Config{Observer: &r})
		_, err := p.Acquire(t.Context())
		wantErr(t, "Acquire", err, pool.ErrDial)
		before := len(r.Lines())
		_, err = p.Acquire(t.Context())
		wantErr(t, "Acquire in the backoff", err, pool.ErrDial)
		if lines := r.Lines()[before:]; len(lines) > 0 {
			t.Errorf("Lines = %q, want nothing more", lines)
		}
	})
}

// scopes keeps the scopes that begin.
type scopes struct {
	coretest.Recorder
	mu  sync.Mutex
	all []core.Scope
}

func (s *scopes) Begin(ctx context.Context, scope core.Scope) context.Context {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, scope)
	return s.Recorder.Begin(ctx, scope)
}

func (s *scopes) take() []core.Scope {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.all
	s.all = nil
	return all
}

func TestADialPointsAtWhoeverNeededIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s scopes
		p := open(t, &factory{}, pool.Config{Name: "docs", Mode: pool.Shared, TargetSharing: 2, Observer: &s})
		// The recorder numbers the operations; the pool must pass the number on.
		op := func() context.Context {
			return s.Begin(t.Context(), core.Scope{Kind: core.ScopeOperation})
		}
		start := op()
		wait := op()
		grow := op()
		s.take()

		if err := p.Start(start); err != nil {
			t.Fatal(err)
		}
		check := func(what string, ref any) {
			t.Helper()
			synctest.Wait()
			dials := 0
			for _, scope := range s.take() {
				if scope.Name != "docs" || scope.Start.IsZero() {
					t.Errorf("%s: scope = %+v, want source and start", what, scope)
				}
				if scope.Kind == core.ScopeConnect {
					dials++
					if scope.Ref != ref {
						t.Errorf("%s: Ref = %v, want %v", what, scope.Ref, ref)
					}
				}
			}
			if dials != 1 {
				t.Errorf("%s: %d dials, want 1", what, dials)
			}
		}
		check("Start", 1)
		acquire(t, p).Discard(nil)
		if _, err := p.Acquire(wait); err != nil {
			t.Fatal(err)
		}
		check("a waiter", 2)
		if _, err := p.Acquire(grow); err != nil {
			t.Fatal(err)
		}
		check("growth", 3)
	})
}

func TestTheFactorySeesTheObserversContextAndNotTheCallers(t *testing.T) {
	type key struct{}
	synctest.Test(t, func(t *testing.T) {
		errSeen := errors.New("the caller's values are in the context of the dial")
		f := &factory{onDial: func(ctx context.Context, _ int) error {
			if ctx.Value(key{}) != nil {
				return errSeen
			}
			if _, ok := ctx.Deadline(); !ok {
				return errors.New("no deadline")
			}
			return nil
		}}
		p := open(t, f, pool.Config{})
		if _, err := p.Acquire(context.WithValue(t.Context(), key{}, 1)); err != nil {
			t.Errorf("Acquire = %v", err)
		}
	})
}
