// SPDX-License-Identifier: Apache-2.0

package timeout_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/middleware/timeout"
)

type rig struct {
	client   *core.Client[int]
	recorder *coretest.Recorder
	classes  []core.Class // of the attempts
}

// spy is a guard that writes down the class of each attempt.
type spy struct {
	core.NopGuard
	r *rig
}

func (s spy) AfterAttempt(_ *core.Call, o core.Outcome) { s.r.classes = append(s.r.classes, o.Class) }

func newRig(t testing.TB, cfg timeout.Config, inner ...core.Middleware) *rig {
	t.Helper()
	stage, err := timeout.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{recorder: &coretest.Recorder{}}
	attach := func(next core.Handler) core.Handler {
		return func(ctx context.Context, call *core.Call) error {
			call.Attach(spy{r: r})
			return next(ctx, call)
		}
	}
	r.client, err = core.NewClient(core.ClientConfig[int]{
		Source:     &coretest.Source[int]{},
		Middleware: core.Compose(attach, stage, core.Compose(inner...)),
		Observer:   r.recorder,
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *rig) do(ctx context.Context, op core.Op, fn func(ctx context.Context) error) error {
	op.Name = "op"
	_, err := core.Do(ctx, r.client, op, func(ctx context.Context, _ int) (int, error) { return 0, fn(ctx) })
	return err
}

func hang(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

func TestWhichLimitHolds(t *testing.T) {
	for _, row := range []struct {
		name     string
		cfg      timeout.Config
		op       core.Op
		deadline time.Duration
		want     time.Duration
		ours     bool // the limit that ended it, as opposed to the caller's
	}{
		{"the default", timeout.Config{}, core.Op{}, 0, 10 * time.Second, true},
		{"the stage's", timeout.Config{Attempt: 3 * time.Second}, core.Op{}, 0, 3 * time.Second, true},
		{"a shorter one of the operation", timeout.Config{}, core.Op{Timeout: time.Second}, 0, time.Second, true},
		{"a longer one of the operation", timeout.Config{}, core.Op{Timeout: time.Minute}, 0, time.Minute, true},
		{"a longer deadline", timeout.Config{}, core.Op{}, 11 * time.Second, 10 * time.Second, true},
		{"a shorter deadline", timeout.Config{}, core.Op{}, 9 * time.Second, 9 * time.Second, false},
		{"an equal deadline", timeout.Config{}, core.Op{}, 10 * time.Second, 10 * time.Second, false},
		{"a deadline between the two", timeout.Config{}, core.Op{Timeout: time.Minute}, 30 * time.Second, 30 * time.Second, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, row.cfg)
				ctx := t.Context()
				if row.deadline > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, row.deadline)
					defer cancel()
				}
				start := time.Now()
				err := r.do(ctx, row.op, hang)
				if took := time.Since(start); took != row.want {
					t.Errorf("took %v, want %v", took, row.want)
				}
				if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, timeout.ErrExceeded) != row.ours {
					t.Errorf("Do = %v, ErrExceeded in it: %v", err, !row.ours)
				}
				events := r.recorder.Events(core.EventTimeout)
				if !row.ours {
					if len(events) != 0 || core.ErrorType(err) != "deadline_exceeded" {
						t.Errorf("observed %+v, error of type %q", events, core.ErrorType(err))
					}
					return
				}
				e, ok := errors.AsType[*core.TimeoutError](err)
				if !ok || e.Operation || e.Limit != row.want || !e.Timeout() || core.ErrorType(err) != "timeout" {
					t.Errorf("Do = %#v, want an attempt's limit of %v", err, row.want)
				}
				if len(events) != 1 || events[0].Limit != row.want || events[0].Outcome != "attempt" || !errors.Is(events[0].Err, timeout.ErrExceeded) {
					t.Errorf("observed %+v, want the limit of %v", events, row.want)
				}
			})
		})
	}
}

func TestAContextIsNotMadeForNothing(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	var outer, inner context.Context
	spy := func(seen *context.Context) core.Middleware {
		return func(next core.Handler) core.Handler {
			return func(ctx context.Context, call *core.Call) error {
				*seen = ctx
				return next(ctx, call)
			}
		}
	}
	stage, err := timeout.New(timeout.Config{})
	if err != nil {
		t.Fatal(err)
	}
	client, err := core.NewClient(core.ClientConfig[int]{Source: &coretest.Source[int]{}, Middleware: core.Compose(spy(&outer), stage, spy(&inner))})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		ctx  context.Context
		same bool
	}{{ctx, true}, {t.Context(), false}} {
		if _, err := core.Do(row.ctx, client, core.Op{}, func(context.Context, int) (int, error) { return 0, nil }); err != nil {
			t.Fatal(err)
		}
		if (outer == inner) != row.same {
			t.Errorf("the same context further in: %v, want %v", outer == inner, row.same)
		}
		if !row.same && inner.Err() == nil {
			t.Error("the context of an attempt that is over has not ended")
		}
	}
}

func TestItWaitsForTheWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, timeout.Config{})
		start := time.Now()
		err := r.do(t.Context(), core.Op{}, func(context.Context) error { time.Sleep(time.Minute); return nil })
		if took := time.Since(start); err != nil || took != time.Minute {
			t.Errorf("Do = %v after %v, want the result of deaf work", err, took)
		}
		if events := r.recorder.Events(core.EventTimeout); len(events) != 0 {
			t.Errorf("observed %+v", events)
		}
	})
}

func TestWhateverTheWorkReturnsIsFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, timeout.Config{})
		reset := errors.New("stream reset")
		for _, row := range []struct {
			fn   func(ctx context.Context) error
			is   error
			text string
		}{
			{func(ctx context.Context) error { <-ctx.Done(); return reset }, reset, "op: attempt timed out after 10s: stream reset"},
			{func(ctx context.Context) error { <-ctx.Done(); return context.Cause(ctx) }, timeout.ErrExceeded, "op: attempt timed out after 10s"},
			{hang, context.DeadlineExceeded, "op: attempt timed out after 10s"},
		} {
			err := r.do(t.Context(), core.Op{}, row.fn)
			if !errors.Is(err, row.is) || !errors.Is(err, timeout.ErrExceeded) || err.Error() != row.text {
				t.Errorf("Do = %v, want %q", err, row.text)
			}
		}
		for n, c := range r.classes {
			if c.Verdict != core.Failure || c.Retry != core.RetryIfIdempotent || c.ErrorType != "timeout" {
				t.Errorf("attempt %d is of %+v, want a failure that was sent, and may be repeated", n, c)
			}
		}
	})
}

func TestTheCallersCancelIsNotATimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, timeout.Config{})
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		err := r.do(ctx, core.Op{}, hang)
		if !errors.Is(err, context.Canceled) || errors.Is(err, timeout.ErrExceeded) || len(r.recorder.Lines()) != 0 {
			t.Errorf("Do = %v, observed %q", err, r.recorder.Lines())
		}
	})
}

func TestAStageInBetweenThatHeedsTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, timeout.Config{Attempt: time.Second}, func(core.Handler) core.Handler {
			return func(ctx context.Context, _ *core.Call) error {
				<-ctx.Done()
				return ctx.Err()
			}
		})
		err := r.do(t.Context(), core.Op{}, func(context.Context) error { t.Error("called"); return nil })
		if !errors.Is(err, timeout.ErrExceeded) || !errors.Is(err, context.DeadlineExceeded) || core.ErrorType(err) != "timeout" {
			t.Errorf("Do = %v, want ErrExceeded", err)
		}
		if lines := r.recorder.Lines(); !slices.Equal(lines, []string{"timeout attempt timeout"}) {
			t.Errorf("observed %q", lines)
		}
	})
}

func TestAnAnswerAfterTheLimitIsNoTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		busy := core.Sentinel("busy", "bulkhead_full", core.ErrRejected)
		refuse := func(core.Handler) core.Handler {
			return func(ctx context.Context, _ *core.Call) error {
				<-ctx.Done()
				return busy
			}
		}
		r := newRig(t, timeout.Config{Attempt: time.Second}, refuse)
		if err := r.do(t.Context(), core.Op{}, hang); !errors.Is(err, busy) || errors.Is(err, timeout.ErrExceeded) {
			t.Errorf("Do = %v, want the refusal", err)
		}
	})
}

func TestNewNamesWhatIsWrong(t *testing.T) {
	cfg := timeout.Config{Attempt: -time.Second}
	stage, err := timeout.New(cfg)
	if _, same := cfg.Effective(); err == nil || stage != nil || same == nil || same.Error() != err.Error() || !strings.Contains(err.Error(), "timeout: ") || !strings.Contains(err.Error(), "Attempt is -1s, want 0") {
		t.Errorf("New = %v", err)
	}
}
