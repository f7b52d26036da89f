// SPDX-License-Identifier: Apache-2.0

package breaker_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/middleware/breaker"
)

// refused runs an operation that the breaker refuses, and returns the refusal and what
// the observer was told of it.
func (r *rig) refused(t testing.TB) (*breaker.OpenError, core.Event) {
	t.Helper()
	err := r.do(t.Context(), func(context.Context) error { t.Error("the operation ran"); return nil })
	open, ok := errors.AsType[*breaker.OpenError](err)
	if !ok {
		t.Fatalf("Do = %v, want a refusal", err)
	}
	rejects := r.recorder.Events(core.EventReject)
	return open, rejects[len(rejects)-1]
}

// toldAs checks that the observer was told what the error says.
func toldAs(t testing.TB, open *breaker.OpenError, e core.Event) {
	t.Helper()
	if e.Cause != open.Cause || !e.CausedAt.Equal(open.OpenedAt) || e.Reopened != open.Reopened || e.Probe != open.Probe || !e.ProbedAt.Equal(open.ProbedAt) {
		t.Errorf("observed %+v, want what the error says: %+v", e, open)
	}
}

func TestARefusalSaysWhatOpenedTheBreakerAndWhatItsProbesCameTo(t *testing.T) {
	errRefused := core.Sentinel("connection refused", "connect_error")
	errReset := core.Sentinel("reset by peer", "unavailable")
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, breaker.Config{Name: "milvus", FailureThreshold: 1, HalfOpenSuccesses: 2})
		opened := time.Now()
		r.end(t, 1, errRefused)
		open, e := r.refused(t)
		if open.Cause == nil || !errors.Is(open.Cause, errRefused) || !open.OpenedAt.Equal(opened) || open.Reopened != 0 || !open.ProbedAt.IsZero() {
			t.Errorf("refused with %+v, want what opened it", open)
		}
		if errors.Is(open, errRefused) {
			t.Error("the refusal matches the cause, but the operation did not fail with it")
		}
		toldAs(t, open, e)
		if got, want := open.Error(), `circuit breaker "milvus" is open for another 30s, opened just now by connect_error: connection refused`; got != want {
			t.Errorf("Error = %q, want %q", got, want)
		}

		time.Sleep(30 * time.Second)
		r.end(t, 1, errReset) // a probe
		time.Sleep(29 * time.Second)
		open, e = r.refused(t)
		if !errors.Is(open.Cause, errRefused) || !open.OpenedAt.Equal(opened) || open.Reopened != 1 ||
			!errors.Is(open.Probe, errReset) || time.Since(open.ProbedAt) != 29*time.Second {
			t.Errorf("refused with %+v, want the first cause, and the probe", open)
		}
		toldAs(t, open, e)
		if got, want := open.Error(), `circuit breaker "milvus" is open for another 1s, opened 59s ago by connect_error: connection refused; its last probe failed 29s ago: unavailable: reset by peer`; got != want {
			t.Errorf("Error = %q, want %q", got, want)
		}

		// Half-open: the first probe succeeded, and the second and third hang.
		time.Sleep(time.Second)
		r.end(t, 1, nil)
		probed := time.Now()
		hang := make(chan struct{})
		for range 2 {
			go func() { _ = r.do(t.Context(), func(context.Context) error { <-hang; return errLimited }) }()
		}
		synctest.Wait()
		time.Sleep(time.Second)
		open, e = r.refused(t)
		if open.State != breaker.HalfOpen || !errors.Is(open.Cause, errRefused) || open.Reopened != 1 || open.Probe != nil || !open.ProbedAt.Equal(probed) {
			t.Errorf("refused with %+v, want a probe that succeeded", open)
		}
		toldAs(t, open, e)
		if got, want := open.Error(), `circuit breaker "milvus" is half-open and its probes are under way, opened 1m1s ago by connect_error: connection refused; its last probe succeeded 1s ago`; got != want {
			t.Errorf("Error = %q, want %q", got, want)
		}

		// A probe that says nothing about the backend is told, too.
		hang <- struct{}{}
		synctest.Wait()
		go func() { _ = r.do(t.Context(), func(context.Context) error { <-hang; return nil }) }()
		synctest.Wait()
		if open, _ = r.refused(t); !errors.Is(open.Probe, errLimited) {
			t.Errorf("refused with %+v, want the probe that said nothing", open)
		}
		close(hang)
		synctest.Wait()

		// A breaker that closed begins anew.
		r.is(t, breaker.Closed)
		r.end(t, 1, errDown)
		if open, _ = r.refused(t); open.Reopened != 0 || !open.ProbedAt.IsZero() || !errors.Is(open.Cause, errDown) {
			t.Errorf("refused with %+v, want nothing of the time before", open)
		}
		r.Reset()
	})
}

func TestARefusalOfAForcedOpenBreakerSaysThatItWasSetByHand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, breaker.Config{Name: "milvus"})
		r.ForceOpen()
		time.Sleep(2 * time.Second)
		open, e := r.refused(t)
		if core.ErrorType(open.Cause) != "forced_open" || time.Since(open.OpenedAt) != 2*time.Second {
			t.Errorf("refused with %+v, want that it was set by hand", open)
		}
		toldAs(t, open, e)
		if got, want := open.Error(), `circuit breaker "milvus" was forced open by hand 2s ago`; got != want {
			t.Errorf("Error = %q, want %q", got, want)
		}
	})
}

func TestACauseIsTheErrorOfAnOperationWhereThereIsOne(t *testing.T) {
	swallow := func(next core.Handler) core.Handler {
		return func(ctx context.Context, call *core.Call) error { _ = next(ctx, call); return nil }
	}
	for name, row := range map[string]struct {
		cfg   breaker.Config
		inner []core.Middleware
		open  func(*rig)
		text  string // of the cause
		kind  string // error type of the cause
	}{
		"counting attempts": {cfg: breaker.Config{CountAttempts: true}, text: "down", kind: "_OTHER"},
		"a window that a success completes": {
			cfg: breaker.Config{FailureRate: 0.5, MinimumCalls: 2},
			open: func(r *rig) {
				_ = r.do(context.Background(), func(context.Context) error { return core.Sentinel("refused", "connect_error") })
				_ = r.do(context.Background(), func(context.Context) error { return nil })
			},
			text: "too many failures, the last: refused", kind: "connect_error",
		},
		"a stage that loses the error": {cfg: breaker.Config{FailureThreshold: 1}, inner: []core.Middleware{swallow}, text: "down", kind: "_OTHER"},
		"a window, and a stage that loses the error": {
			cfg: breaker.Config{FailureRate: 1, MinimumCalls: 1}, inner: []core.Middleware{swallow}, text: "down", kind: "_OTHER",
		},
		"slow attempts": {
			cfg: breaker.Config{SlowCallRate: 1, SlowCallWindow: 1},
			open: func(r *rig) {
				_ = r.do(context.Background(), func(context.Context) error { time.Sleep(2 * time.Second); return nil })
			},
			text: "too many slow attempts", kind: "slow_attempts",
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, row.cfg, row.inner...)
				if row.open == nil {
					row.open = func(r *rig) {
						for range 5 {
							_ = r.do(context.Background(), func(context.Context) error { return errDown })
						}
					}
				}
				row.open(r)
				open, e := r.refused(t)
				if open.Cause == nil || open.Cause.Error() != row.text || core.ErrorType(open.Cause) != row.kind {
					t.Errorf("cause %v of type %q, want %q of type %q", open.Cause, core.ErrorType(open.Cause), row.text, row.kind)
				}
				toldAs(t, open, e)
				r.Reset()
			})
		})
	}
}

// A stage further in may wait, and hand on what the breaker said then.
func TestARefusalThatAnotherStageHandsOnIsExplainedToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, breaker.Config{FailureThreshold: 1}, func(next core.Handler) core.Handler {
			return func(ctx context.Context, call *core.Call) error {
				if call.Op.Target != "waits" {
					return next(ctx, call)
				}
				time.Sleep(time.Second)
				err := call.AfterWait()
				call.Event(core.Event{Kind: core.EventReject, Name: "queue", Err: err})
				return err
			}
		})
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, _ = core.Do(t.Context(), r.client, core.Op{Name: "op", Target: "waits"}, func(context.Context, int) (int, error) { return 0, nil })
		}()
		synctest.Wait()
		r.end(t, 1, errDown)
		<-done
		e := r.recorder.Events(core.EventReject)[0]
		if e.Name != "queue" || !errors.Is(e.Cause, errDown) || time.Since(e.CausedAt) != time.Second {
			t.Errorf("observed %+v, want what opened the breaker", e)
		}
		r.Reset()
	})
}

func TestATransitionSaysSinceWhenTheBreakerIsOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, breaker.Config{FailureThreshold: 1, HalfOpenSuccesses: 1})
		opened := time.Now()
		r.end(t, 1, errDown)
		r.recover(t)
		r.end(t, 1, errDown)
		r.recover(t)
		r.end(t, 1, nil)
		transitions := r.recorder.Events(core.EventTransition)
		last := transitions[len(transitions)-1]
		if last.To != "closed" || !errors.Is(last.Cause, errDown) || !last.CausedAt.Equal(opened) || last.Reopened != 1 {
			t.Errorf("observed %+v, want what opened the breaker, when, and that it reopened once", last)
		}
	})
}

// BenchmarkRefusal runs operations that an open breaker refuses, with an observer that
// does nothing.
func BenchmarkRefusal(b *testing.B) {
	br, err := breaker.New(breaker.Config{FailureThreshold: 1, RecoveryTimeout: time.Hour})
	if err != nil {
		b.Fatal(err)
	}
	client, err := core.NewClient(core.ClientConfig[int]{Source: noConns{}, Middleware: br.Middleware, Observer: silent{}})
	if err != nil {
		b.Fatal(err)
	}
	fn := func(context.Context, int) (int, error) { return 0, nil }
	op := core.Op{Name: "op"}
	_, _ = core.Do(b.Context(), client, op, fn)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := core.Do(b.Context(), client, op, fn); err == nil {
			b.Fatal("not refused")
		}
	}
}

type noConns struct{}

func (noConns) Acquire(context.Context) (core.Lease[int], error) { return core.Lease[int]{}, errDown }

type silent struct{}

func (silent) Begin(ctx context.Context, _ core.Scope) context.Context { return ctx }
func (silent) End(context.Context, core.Scope, error)                  {}
func (silent) Event(context.Context, core.Event)                       {}
func (silent) Ref(context.Context, core.Scope) any                     { return nil }
