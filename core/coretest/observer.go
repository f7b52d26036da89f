// SPDX-License-Identifier: Apache-2.0

package coretest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/penstock-go/penstock/core"
)

// TestObserver checks that the observers which newObserver returns keep the
// contract of [core.Observer] towards those who call them: a scope's context is
// made of the one it was given, every kind of scope and event is taken, inside
// of an operation or not and with any field empty, and all of it concurrently,
// which the race detector should watch. newObserver is called several times.
//
// It does not look at what an observer makes of what it is told.
func TestObserver(t *testing.T, newObserver func() core.Observer) {
	t.Helper()
	for _, check := range observerChecks {
		t.Run(check.name, func(t *testing.T) {
			if err := runCheck(check.run, newObserver()); err != nil {
				t.Error(err)
			}
		})
	}
}

var observerChecks = []struct {
	name string
	run  func(core.Observer) error
}{
	{"Begin returns a context made of the given one", checkBegin},
	{"End takes every outcome", checkEnd},
	{"Event takes every kind with any field empty", checkEvent},
	{"Ref works in any context and can be kept", checkRef},
	{"concurrent use", checkConcurrently},
}

var (
	scopeKinds = []core.ScopeKind{core.ScopeOperation, core.ScopeAttempt, core.ScopeAcquire, core.ScopeConnect, core.ScopeProbe, core.ScopeValidate}
	eventKinds = []core.EventKind{
		core.EventRetry, core.EventRetryEnd, core.EventReject, core.EventTransition, core.EventTimeout, core.EventHealth, core.EventWait, core.EventPanic,
	}
	outcomes = []error{
		nil, errors.New("unknown"), core.ErrPanic, core.ErrUnavailable, context.Canceled,
		&core.TimeoutError{Limit: time.Second}, &core.Error{Op: "Search", Attempts: 2, Err: core.ErrRejected},
	}
)

// scopes returns an empty scope of the kind, and a full one.
func scopes(kind core.ScopeKind) []core.Scope {
	return []core.Scope{{Kind: kind}, {
		Kind: kind, Op: core.Op{Name: "Search", Target: "docs", Safety: core.ReadOnly}, Attempt: 2,
		Start: time.Now(), Delay: time.Second, Name: "main",
	}}
}

func events(kind core.EventKind, ref any) []core.Event {
	return []core.Event{{Kind: kind}, {
		Kind: kind, Name: "main", Op: core.Op{Name: "Search", Target: "docs"}, Attempt: 2, Delay: time.Second,
		Limit: time.Minute, From: "closed", To: "open", Outcome: "attempt", Err: core.ErrUnavailable, Ref: ref,
	}}
}

func runCheck(check func(core.Observer) error, o core.Observer) error {
	return calmly(func() error { return check(o) })
}

// calmly turns a panic of f into an error.
func calmly(f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v", v)
		}
	}()
	return f()
}

type outerKey struct{}

func checkBegin(o core.Observer) error {
	var faults []error
	for _, kind := range scopeKinds {
		for _, s := range scopes(kind) {
			err := calmly(func() error { return checkContext(o, s) })
			if err != nil {
				faults = append(faults, fmt.Errorf("Begin of %+v: %w", s, err))
			}
		}
	}
	return errors.Join(faults...)
}

func checkContext(o core.Observer, s core.Scope) error {
	outer, cancel := context.WithTimeout(context.WithValue(context.Background(), outerKey{}, s.Kind), time.Hour)
	defer cancel()
	ctx := o.Begin(outer, s)
	if ctx == nil {
		return errors.New("the context is nil")
	}
	defer o.End(ctx, s, nil)
	want, _ := outer.Deadline()
	if got, ok := ctx.Deadline(); !ok || !got.Equal(want) {
		return fmt.Errorf("the context's deadline is %v, want the given context's %v", got, want)
	}
	if ctx.Value(outerKey{}) != s.Kind {
		return errors.New("a value of the given context is not visible")
	}
	if ctx.Err() != nil {
		return fmt.Errorf("the context has ended: %w", ctx.Err())
	}
	cancel()
	select {
	case <-ctx.Done():
	default:
		return errors.New("the context does not end with the given one")
	}
	if ctx.Err() != context.Canceled {
		return fmt.Errorf("the context's error is %v, want that of the given one", ctx.Err())
	}
	return nil
}

func checkEnd(o core.Observer) error {
	var faults []error
	for _, kind := range scopeKinds {
		for _, s := range scopes(kind) {
			for _, outcome := range outcomes {
				err := calmly(func() error {
					o.End(o.Begin(context.Background(), s), s, outcome)
					return nil
				})
				if err != nil {
					faults = append(faults, fmt.Errorf("End of %+v with %v: %w", s, outcome, err))
				}
			}
		}
	}
	return errors.Join(faults...)
}

func checkEvent(o core.Observer) error {
	var faults []error
	operation := core.Scope{Kind: core.ScopeOperation, Op: core.Op{Name: "Search"}, Start: time.Now()}
	inside := o.Begin(context.Background(), operation)
	for where, ctx := range map[string]context.Context{"outside of a scope": context.Background(), "in an operation": inside} {
		for _, kind := range eventKinds {
			for _, e := range events(kind, nil) {
				if err := calmly(func() error { o.Event(ctx, e); return nil }); err != nil {
					faults = append(faults, fmt.Errorf("Event %+v %s: %w", e, where, err))
				}
			}
		}
	}
	o.End(inside, operation, nil)
	return errors.Join(faults...)
}

func checkRef(o core.Observer) error {
	refs := []any{o.Ref(context.Background(), core.Scope{})}
	for _, kind := range scopeKinds {
		for _, s := range scopes(kind) {
			ctx := o.Begin(context.Background(), s)
			refs = append(refs, o.Ref(ctx, core.Scope{}))
			o.End(ctx, s, nil)
		}
	}
	// What they refer to is over; they point at it from elsewhere.
	for _, ref := range refs {
		for _, kind := range scopeKinds {
			for _, s := range scopes(kind) {
				s.Ref = ref
				o.End(o.Begin(context.Background(), s), s, nil)
			}
		}
		for _, kind := range eventKinds {
			for _, e := range events(kind, ref) {
				o.Event(context.Background(), e)
			}
		}
	}
	return nil
}

func checkConcurrently(o core.Observer) error {
	const callers = 8
	var (
		wg    sync.WaitGroup
		mu    sync.Mutex
		first error
	)
	operation := core.Scope{Kind: core.ScopeOperation, Op: core.Op{Name: "Search"}, Attempt: 1, Start: time.Now()}
	shared := o.Begin(context.Background(), operation)
	for range callers {
		wg.Go(func() {
			err := calmly(func() error {
				own := o.Begin(context.Background(), operation)
				for _, ctx := range []context.Context{own, shared} {
					for _, kind := range scopeKinds[1:] {
						for _, s := range scopes(kind) {
							s.Ref = o.Ref(ctx, core.Scope{})
							o.End(o.Begin(ctx, s), s, core.ErrUnavailable)
						}
					}
					for _, kind := range eventKinds {
						for _, e := range events(kind, o.Ref(ctx, core.Scope{})) {
							o.Event(ctx, e)
						}
					}
				}
				o.End(own, operation, nil)
				return nil
			})
			if err != nil {
				mu.Lock()
				defer mu.Unlock()
				first = err
			}
		})
	}
	wg.Wait()
	o.End(shared, operation, nil)
	return first
}
