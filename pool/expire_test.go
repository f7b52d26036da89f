// SPDX-License-Identifier: Apache-2.0

package pool_test

import (
	"cmp"
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/pool"
)

// What ended a wait is what the error, the figures and the observer say.
func TestTheEndOfAWaitIsCalledByItsName(t *testing.T) {
	const second = time.Second
	for _, row := range []struct {
		name               string
		idle               bool // the pool has a free connection, and the context has ended before
		end                func(context.Context) (context.Context, context.CancelFunc)
		errorType          string
		is, isNot          []error
		timeouts, canceled uint64
		text               string
	}{
		{"the pool's limit", false, context.WithCancel, "pool_timeout",
			[]error{pool.ErrExhausted, core.ErrConnection}, []error{context.Canceled, context.DeadlineExceeded}, 1, 0,
			`pool "pool" exhausted after 3s: 1 of 1 in use, 0 waiting (oldest holders: unknown operation since 3s)`},
		{"the caller's cancel", false, func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			time.AfterFunc(second, cancel)
			return ctx, cancel
		}, "canceled", []error{pool.ErrExhausted, context.Canceled, core.ErrConnection}, []error{context.DeadlineExceeded}, 0, 1,
			`pool "pool" exhausted after 1s: 1 of 1 in use, 0 waiting: context canceled (oldest holders: unknown operation since 1s)`},
		{"the caller's deadline", false, func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, second)
		}, "deadline_exceeded", []error{pool.ErrExhausted, context.DeadlineExceeded, core.ErrConnection}, []error{context.Canceled}, 1, 0,
			`pool "pool" exhausted after 1s: 1 of 1 in use, 0 waiting: context deadline exceeded (oldest holders: unknown operation since 1s)`},
		{"a limit of the attempt", false, func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeoutCause(ctx, second, &core.TimeoutError{Limit: second})
		}, "timeout", []error{pool.ErrExhausted, context.DeadlineExceeded}, []error{context.Canceled}, 1, 0,
			`pool "pool" exhausted after 1s: 1 of 1 in use, 0 waiting: context deadline exceeded (oldest holders: unknown operation since 1s)`},
		{"a deadline that had passed", true, func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, -second)
		}, "deadline_exceeded", []error{context.DeadlineExceeded, core.ErrConnection}, []error{pool.ErrExhausted}, 0, 0,
			`pool "pool": no connection acquired: context deadline exceeded`},
		{"a cancel before the call", true, func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			cancel()
			return ctx, cancel
		}, "canceled", []error{context.Canceled, core.ErrConnection}, []error{pool.ErrExhausted}, 0, 0,
			`pool "pool": no connection acquired: context canceled`},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var told coretest.Recorder
				p := open(t, &factory{}, pool.Config{MaxSize: 1, Observer: &told})
				lease := acquire(t, p)
				if row.idle {
					lease.Release()
				}
				ctx, cancel := row.end(t.Context())
				defer cancel()
				before := len(told.Lines())
				_, err := p.Acquire(ctx)
				if core.ErrorType(err) != row.errorType || err.Error() != row.text {
					t.Errorf("Acquire = %q of type %q, want %q of type %q", err, core.ErrorType(err), row.text, row.errorType)
				}
				e, _ := errors.AsType[*pool.AcquireError](err)
				if want := (core.Class{Verdict: core.Neutral, Retry: core.RetryAlways, Conn: core.Keep, ErrorType: row.errorType}); e.Class() != want {
					t.Errorf("Class = %+v, want %+v", e.Class(), want)
				}
				for _, target := range row.is {
					wantErr(t, "Acquire", err, target)
				}
				for _, target := range row.isNot {
					if errors.Is(err, target) {
						t.Errorf("Acquire = %v, want no %v in it", err, target)
					}
				}
				if s := p.Stats(); s.Timeouts != row.timeouts || s.Canceled != row.canceled {
					t.Errorf("%d timeouts and %d canceled, want %d and %d", s.Timeouts, s.Canceled, row.timeouts, row.canceled)
				}
				if lines := told.Lines()[before:]; !row.idle && lines[len(lines)-1] != "end acquire "+row.errorType {
					t.Errorf("observed %q, want the type %q", lines, row.errorType)
				}
				if !row.idle {
					lease.Release()
				}
			})
		})
	}
}

// A caller that waited in vain for a fair time, while the pool had no connection at all
// and its dials hung, says that the backend does not answer.
func TestABackendThatAnswersNoDialIsToBlameForTheWait(t *testing.T) {
	const fair = 100 * time.Millisecond
	hangs := func(ctx context.Context, _ int) error { <-ctx.Done(); return ctx.Err() }
	for _, row := range []struct {
		name     string
		before   time.Duration // since when the dial hangs when the caller comes
		deadline time.Duration // of the caller; zero is the pool's limit
		cancel   bool          // and the caller cancels
		lent     bool          // the pool has a connection, which is lent out
		broken   time.Duration // when that connection comes back broken
		want     time.Duration // for how long there was no answer; zero is not to blame
	}{
		{name: "the pool's limit", want: 500 * time.Millisecond},
		{name: "the caller's deadline", deadline: fair, want: fair},
		{name: "no fair wait", deadline: fair - 1},
		{name: "no fair wait for a dial that has hung for long", before: time.Second, deadline: fair - 1},
		{name: "a dial that has hung for long", before: time.Second, deadline: fair, want: fair},
		{name: "the caller cancels", deadline: time.Second, cancel: true},
		{name: "a connection that is lent out", deadline: 400 * time.Millisecond, lent: true},
		{name: "a connection that was lost just now", deadline: 400 * time.Millisecond, lent: true, broken: 301 * time.Millisecond},
		{name: "a connection that was lost long ago", deadline: 400 * time.Millisecond, lent: true, broken: 300 * time.Millisecond, want: fair},
	} {
		for _, mode := range []pool.Mode{pool.Exclusive, pool.Shared} {
			t.Run(row.name+" "+mode.String(), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					f := &factory{onDial: func(ctx context.Context, n int) error {
						if n == 1 && row.lent {
							return nil
						}
						return hangs(ctx, n)
					}}
					cfg := pool.Config{Mode: mode, MaxSize: 1, AcquireTimeout: 500 * time.Millisecond, DialTimeout: 30 * time.Second}
					if mode == pool.Shared {
						cfg.MaxSharing = 1
					}
					p := open(t, f, cfg)
					if row.lent {
						lease := acquire(t, p)
						time.AfterFunc(cmp.Or(row.broken, 2*row.deadline), func() { lease.Discard(nil) })
					}
					if row.before > 0 {
						_, _ = p.TryAcquire() // begins the dial
						time.Sleep(row.before)
					}
					ctx, cancel := t.Context(), context.CancelFunc(nil)
					switch {
					case row.cancel:
						ctx, cancel = context.WithCancel(ctx)
						time.AfterFunc(row.deadline/4, cancel)
					case row.deadline > 0:
						ctx, cancel = context.WithTimeout(ctx, row.deadline)
						defer cancel()
					}
					_, err := p.Acquire(ctx)
					e, ok := errors.AsType[*pool.AcquireError](err)
					if !ok || e.Unanswered != row.want || (e.Class().Verdict == core.Failure) != (row.want > 0) {
						t.Errorf("Acquire = %v, no answer for %v, want %v", err, e.Unanswered, row.want)
					}
					time.Sleep(time.Second)
				})
			})
		}
	}
}
