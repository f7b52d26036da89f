// SPDX-License-Identifier: Apache-2.0

package health_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/middleware/health"
)

// with is a client of the monitor of a rig, with a stage further in and a source.
func (r *rig) with(t *testing.T, inner core.Middleware, acquire func(context.Context) error) *core.Client[int] {
	t.Helper()
	client, err := core.NewClient(core.ClientConfig[int]{
		Source: &coretest.Source[int]{OnAcquire: acquire}, Middleware: core.Compose(r.Middleware, inner), Observer: r.recorder,
	})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// run runs an operation, on a goroutine of its own that may end.
func run(ctx context.Context, c *core.Client[int], work func(context.Context) error) (err error) {
	var wg sync.WaitGroup
	wg.Go(func() {
		defer func() {
			if v := recover(); v != nil {
				err = core.ErrPanic
			}
		}()
		_, err = core.Do(ctx, c, core.Op{Name: "op"}, func(ctx context.Context, _ int) (int, error) { return 0, work(ctx) })
	})
	wg.Wait()
	return err
}

// A caller that never reaches the backend does not use up the pass of its interval.
func TestAnAttemptThatSaysNothingGivesBackItsPass(t *testing.T) {
	stage := func(fn func(context.Context) error) core.Middleware {
		return func(core.Handler) core.Handler {
			return func(ctx context.Context, _ *core.Call) error { return fn(ctx) }
		}
	}
	wait := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	never := func(context.Context) error { panic("the work was called") }
	for name, row := range map[string]struct {
		inner   core.Middleware
		acquire func(context.Context) error
		work    func(context.Context) error
		cancel  bool // the caller's context is canceled, instead of running out
		back    bool // the pass is there for the next
	}{
		"canceled in the wait for a connection":    {nil, wait, never, true, true},
		"out of time in the wait for a connection": {nil, wait, never, false, true},
		"no connection came free":                  {nil, func(context.Context) error { return unasked{} }, never, true, true},
		"canceled in a stage":                      {stage(wait), nil, never, true, true},
		"out of time in a stage":                   {stage(wait), nil, never, false, true},
		"refused by a stage":                       {stage(func(context.Context) error { return core.ErrRejected }), nil, never, true, true},
		"a panic in a stage":                       {stage(func(context.Context) error { panic("stage") }), nil, never, true, true},
		"a Goexit in a stage":                      {stage(func(context.Context) error { runtime.Goexit(); return nil }), nil, never, true, true},
		"canceled at work":                         {nil, nil, wait, true, true},
		"hardly any time for the work": {nil, nil, func(ctx context.Context) error {
			ctx, cancel := context.WithTimeout(ctx, time.Hour)
			defer cancel()
			return wait(ctx)
		}, false, true},
		"a dial that failed":  {nil, func(context.Context) error { return errDown }, never, true, false},
		"failed work":         {nil, nil, func(context.Context) error { return errDown }, true, false},
		"a panic of the work": {nil, nil, func(context.Context) error { panic("work") }, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, health.Config{})
				c := r.with(t, row.inner, row.acquire)
				r.probed(t, 3, errDown)
				for range 6 {
					time.Sleep(10 * time.Second)
					ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
					if row.cancel {
						time.AfterFunc(20*time.Millisecond, cancel)
					}
					if err := run(ctx, c, row.work); errors.Is(err, health.ErrUnhealthy) {
						t.Errorf("Do = %v, want the pass", err)
					}
					cancel()
					if got := r.do(t, errDown); got != row.back {
						t.Errorf("a live call passes %v, want %v", got, row.back)
					}
					r.up(t, false)
				}
			})
		})
	}
}

func TestADeadlineThatGaveTheBackendTimeUsesUpThePass(t *testing.T) {
	for ran, back := range map[time.Duration]bool{99 * time.Millisecond: true, 100 * time.Millisecond: false} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, health.Config{})
			r.probed(t, 3, errDown)
			time.Sleep(10 * time.Second)
			ctx, cancel := context.WithTimeout(t.Context(), ran)
			defer cancel()
			_ = run(ctx, r.client, func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
			if got := r.do(t, errDown); got != back {
				t.Errorf("after %v of work a live call passes %v, want %v", ran, got, back)
			}
		})
	}
}

func TestDeadCallersDoNotKeepLiveOnesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, health.Config{})
		r.probed(t, 3, errDown)
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		for range 6 {
			time.Sleep(10 * time.Second)
			if err := run(gone, r.client, func(context.Context) error { t.Error("called"); return nil }); !errors.Is(err, health.ErrUnhealthy) {
				t.Errorf("Do = %v, want a refusal", err)
			}
			if !r.do(t, errDown) {
				t.Error("a live call was refused")
			}
		}
	})
}

// The work of an attempt that passes the shut gate may run other operations.
func TestOperationsWithinAPassOpenTheGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, health.Config{})
		r.probed(t, 3, errDown)
		time.Sleep(10 * time.Second)
		var late context.Context
		err := run(t.Context(), r.client, func(ctx context.Context) error {
			late = ctx
			if r.do(t, nil) {
				t.Error("a call from elsewhere passed at the same time")
			}
			return run(ctx, r.client, func(ctx context.Context) error {
				return errors.Join(run(ctx, r.client, func(context.Context) error { return errDown }), errDown)
			})
		})
		if !errors.Is(err, errDown) {
			t.Errorf("Do = %v, want the failure of the innermost work", err)
		}
		r.up(t, false)
		if err := run(late, r.client, func(context.Context) error { return nil }); !errors.Is(err, health.ErrUnhealthy) {
			t.Errorf("Do = %v after the pass, want a refusal", err)
		}
		time.Sleep(10 * time.Second)
		if err := run(t.Context(), r.client, func(ctx context.Context) error {
			return run(ctx, r.client, func(context.Context) error { return nil })
		}); err != nil {
			t.Errorf("Do = %v", err)
		}
		r.up(t, true)
	})
}
