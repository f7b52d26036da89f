// SPDX-License-Identifier: Apache-2.0

package retry_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/internal/errtype"
	"github.com/penstock-go/penstock/middleware/retry"
)

func TestAWaitThatDoesNotFitIsNotBegun(t *testing.T) {
	for _, deadline := range []time.Duration{30 * time.Millisecond, time.Second} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, steady(t)) // waits 1 s
			ctx, cancel := context.WithTimeout(t.Context(), deadline)
			defer cancel()
			err := r.do(ctx, core.ReadOnly, errDown)
			if took := time.Since(r.started); took != 0 {
				t.Errorf("deadline %v: took %v, want none", deadline, took)
			}
			if !errors.Is(err, errDown) || !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, retry.ErrExhausted) {
				t.Errorf("deadline %v: Do = %v, want the backend's error and the deadline's", deadline, err)
			}
			if got := r.outcome(); got != retry.OutcomeDeadline {
				t.Errorf("deadline %v: outcome %q, want %q", deadline, got, retry.OutcomeDeadline)
			}
		})
	}
}

func TestAWaitThatFitsIsMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, steady(t))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second+1)
		defer cancel()
		if err := r.do(ctx, core.ReadOnly, errDown, nil); err != nil {
			t.Errorf("Do = %v", err)
		}
		r.at(t, 0, time.Second)
	})
}

func TestAHintBeyondTheDeadlineIsNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := steady(t)
		cfg.MaxInterval = time.Hour
		r := newRig(t, cfg)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		err := r.do(ctx, core.ReadOnly, &limited{time.Hour})
		if took := time.Since(r.started); took != 0 || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Do = %v after %v, want the deadline's error at once", err, took)
		}
	})
}

func TestAHintBeyondTheCapIsNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, steady(t))
		err := r.do(t.Context(), core.ReadOnly, &limited{24 * time.Hour})
		failed, ok := errors.AsType[*retry.Error](err)
		if took := time.Since(r.started); took != 0 || !ok || failed.Outcome != retry.OutcomeHint {
			t.Errorf("Do = %v after %v, want it to give up at once", err, took)
		}
	})
}

func TestANegativeHintIsNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, steady(t))
		if err := r.do(t.Context(), core.ReadOnly, &limited{-time.Hour}, nil); err != nil {
			t.Errorf("Do = %v", err)
		}
		r.at(t, 0, time.Second)
	})
}

func TestACancelEndsTheWaitAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := steady(t)
		cfg.Budget = budget(t, 0, 5)
		r := newRig(t, cfg)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(500*time.Millisecond, func() {
			if got, want := cfg.Budget.Balance(), 4.0+2.5; got != want {
				t.Errorf("budget %v in the wait, want %v: an attempt is paid before its wait", got, want)
			}
			cancel()
		})
		err := r.do(ctx, core.ReadOnly, errDown)
		if took := time.Since(r.started); took != 500*time.Millisecond {
			t.Errorf("took %v, want 500 ms", took)
		}
		if !errors.Is(err, errDown) || !errors.Is(err, context.Canceled) || r.outcome() != retry.OutcomeCanceled {
			t.Errorf("Do = %v, outcome %q; want the backend's error and the cancel", err, r.outcome())
		}
		if got, want := cfg.Budget.Balance(), 5.0+2.5; got != want {
			t.Errorf("budget %v after the cancel, want %v: it was paid back", got, want)
		}
		r.at(t, 0)
	})
}

func TestACancelInAnAttemptIsTheLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, steady(t))
		ctx, cancel := context.WithCancel(t.Context())
		r.results = []error{errDown}
		_, err := core.Do(ctx, r.client, core.Op{Name: "op", Safety: core.ReadOnly}, func(ctx context.Context, _ int) (int, error) {
			r.attempts = append(r.attempts, 0)
			if len(r.attempts) == 2 {
				cancel()
			}
			return 0, errDown
		})
		cancel()
		if len(r.attempts) != 2 || !errors.Is(err, context.Canceled) || !errors.Is(err, errDown) || r.outcome() != retry.OutcomeCanceled {
			t.Errorf("Do = %v after %d attempts, outcome %q", err, len(r.attempts), r.outcome())
		}
		if e, ok := errors.AsType[*core.Error](err); !ok || core.ErrorType(e) != errtype.Canceled {
			t.Errorf("Do = %v of type %q, want %q", err, core.ErrorType(err), errtype.Canceled)
		}
	})
}

func TestAnAttemptThatTheCallerEndedSpeaksForItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, row := range []struct {
			end     func(ctx context.Context) (context.Context, context.CancelFunc)
			text    string
			outcome string
		}{
			{func(ctx context.Context) (context.Context, context.CancelFunc) {
				ctx, cancel := context.WithCancel(ctx)
				time.AfterFunc(time.Second, cancel)
				return ctx, cancel
			}, "op: context canceled: down", retry.OutcomeCanceled},
			{func(ctx context.Context) (context.Context, context.CancelFunc) {
				return context.WithTimeout(ctx, time.Second)
			}, "op: context deadline exceeded: down", retry.OutcomeDeadline},
		} {
			r := newRig(t, steady(t))
			ctx, cancel := row.end(t.Context())
			_, err := core.Do(ctx, r.client, core.Op{Name: "op", Safety: core.ReadOnly}, func(ctx context.Context, _ int) (int, error) {
				<-ctx.Done()
				return 0, errDown
			})
			cancel()
			if _, ok := errors.AsType[*retry.Error](err); ok || err.Error() != row.text || r.outcome() != row.outcome {
				t.Errorf("Do = %v, outcome %q; want %q, %q", err, r.outcome(), row.text, row.outcome)
			}
		}
	})
}

// A limit of a stage further out is not the caller's deadline.
func TestTheDeadlineOfAStageFurtherOutIsATimeout(t *testing.T) {
	for _, row := range []struct {
		name  string
		takes time.Duration // the attempt
		text  string
	}{
		{"the wait would not fit", 0, "op: down (no further attempt: a wait of 1s would not fit: attempt timed out)"},
		{"the attempt took too long", time.Second, "op: attempt timed out after 500ms: down (no further attempt: attempt timed out after 500ms)"},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				stage, err := retry.New(steady(t))
				if err != nil {
					t.Fatal(err)
				}
				limit := &core.TimeoutError{Limit: time.Second / 2}
				outside := func(next core.Handler) core.Handler {
					return func(ctx context.Context, call *core.Call) error {
						ctx, cancel := context.WithTimeoutCause(ctx, limit.Limit, limit)
						defer cancel()
						return next(ctx, call)
					}
				}
				client, err := core.NewClient(core.ClientConfig[int]{Source: &coretest.Source[int]{}, Middleware: core.Compose(outside, stage)})
				if err != nil {
					t.Fatal(err)
				}
				for _, callers := range []time.Duration{0, time.Minute} {
					ctx := t.Context()
					if callers > 0 {
						var cancel context.CancelFunc
						ctx, cancel = context.WithTimeout(ctx, callers)
						defer cancel()
					}
					_, err = core.Do(ctx, client, core.Op{Name: "op", Safety: core.ReadOnly}, func(context.Context, int) (int, error) {
						time.Sleep(row.takes)
						return 0, errDown
					})
					e, ok := errors.AsType[*retry.Error](err)
					if !ok || e.Outcome != retry.OutcomeDeadline || !errors.Is(err, core.ErrTimeout) || errors.Is(err, context.DeadlineExceeded) {
						t.Errorf("Do = %v, want the stage's limit as the reason", err)
					}
					if err.Error() != row.text {
						t.Errorf("the text is %q, want %q", err, row.text)
					}
				}
			})
		})
	}
}
