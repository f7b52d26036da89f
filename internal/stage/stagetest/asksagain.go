// SPDX-License-Identifier: Apache-2.0

package stagetest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
)

// AsksAgain checks that a stage asks the guards of the stages further out after
// it made an operation wait, because a breaker may have opened meanwhile, and
// only then. newStage returns a stage that lets one operation through, and makes
// the next wait for a second.
func AsksAgain(t *testing.T, newStage func(*testing.T) core.Middleware) {
	for _, row := range []struct {
		name  string
		limit int // of attempts
		want  error
	}{
		{"any operation", 0, errShut},
		{"a probe, which has a limit of one attempt and passes", 1, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				source := &coretest.Source[int]{}
				d := &door{limit: row.limit, shuts: time.Now().Add(time.Second / 2)}
				client, err := core.NewClient(core.ClientConfig[int]{Source: source, Middleware: core.Compose(d.stage, newStage(t))})
				if err != nil {
					t.Fatal(err)
				}
				do := func(takes time.Duration) error {
					_, err := core.Do(t.Context(), client, core.Op{Name: "op", Safety: core.ReadOnly}, func(context.Context, int) (int, error) {
						time.Sleep(takes)
						return 0, nil
					})
					return err
				}
				began := time.Now()
				var wg sync.WaitGroup
				wg.Go(func() {
					if err := do(time.Second); err != nil {
						t.Errorf("Do = %v without a wait", err)
					}
				})
				synctest.Wait()
				before := source.Leases()
				err = do(0)
				if !errors.Is(err, row.want) || (row.want == nil) != (err == nil) || time.Since(began) != time.Second {
					t.Errorf("Do = %v after %v, want %v after 1s", err, time.Since(began), row.want)
				}
				if e, ok := errors.AsType[*core.Error](err); ok && (!errors.Is(err, core.ErrRejected) || core.ErrorType(err) != "circuit_open" ||
					e.Outcome.Verdict != core.Neutral || source.Leases() != before) {
					t.Errorf("Do = %v (%+v, %d leases), want a refusal before the backend", err, e.Outcome, source.Leases()-before)
				}
				wg.Wait()
				time.Sleep(time.Second)
				if err := do(0); err != nil {
					t.Errorf("Do = %v without a wait", err)
				}
			})
		})
	}
}

// door is a guard that forbids attempts after a time; limit is what the stage
// that attaches it limits attempts to.
type door struct {
	core.NopGuard
	shuts time.Time
	limit int
}

func (d *door) BeforeAttempt(*core.Call) error {
	if time.Now().After(d.shuts) {
		return errShut
	}
	return nil
}

func (d *door) stage(next core.Handler) core.Handler {
	return func(ctx context.Context, call *core.Call) error {
		call.Attach(d)
		if d.limit > 0 {
			call.LimitAttempts(d.limit)
		}
		return next(ctx, call)
	}
}

var errShut = core.Sentinel("shut", "circuit_open")

// HeedsClose checks that the close of the client ends the wait of an operation in a
// stage at once. newStage returns a stage that lets one operation through, and makes
// the next wait for longer than a second.
func HeedsClose(t *testing.T, newStage func(*testing.T) core.Middleware) {
	synctest.Test(t, func(t *testing.T) {
		client, err := core.NewClient(core.ClientConfig[int]{Source: &coretest.Source[int]{}, Middleware: newStage(t)})
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		var wg sync.WaitGroup
		for first := range 2 {
			wg.Go(func() {
				_, err := core.Do(t.Context(), client, core.Op{Name: "op", Safety: core.ReadOnly}, func(context.Context, int) (int, error) {
					time.Sleep(time.Minute)
					return 0, nil
				})
				switch took := time.Since(began); {
				case first == 0:
					if err != nil || took != time.Minute {
						t.Errorf("Do = %v after %v, want the work to end as it would", err, took)
					}
				case !errors.Is(err, core.ErrClientClosed) || !errors.Is(err, core.ErrRejected) || core.ErrorType(err) != "pool_closed" || took != time.Second:
					t.Errorf("Do = %v (%s) after %v, want ErrClientClosed after 1s", err, core.ErrorType(err), took)
				default:
					if e, ok := errors.AsType[*core.Error](err); !ok || e.Outcome.Verdict != core.Neutral || !e.Outcome.Rejected {
						t.Errorf("Do = %+v, want the outcome of a refusal", e)
					}
				}
			})
			synctest.Wait()
		}
		time.Sleep(time.Second)
		if err := client.Close(t.Context()); err != nil {
			t.Errorf("Close = %v", err)
		}
		wg.Wait()
	})
}
