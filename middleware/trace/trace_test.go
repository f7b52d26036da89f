// SPDX-License-Identifier: Apache-2.0

package trace_test

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/middleware/trace"
)

func newClient(t testing.TB, observer core.Observer, inner core.Middleware) *core.Client[int] {
	t.Helper()
	client, err := core.NewClient(core.ClientConfig[int]{
		Source:     &coretest.Source[int]{},
		Middleware: core.Compose(trace.New(), inner),
		Observer:   observer,
	})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// mark emits an event, and sees which operation the call belongs to.
func mark(ref *any) core.Middleware {
	return func(next core.Handler) core.Handler {
		return func(ctx context.Context, call *core.Call) error {
			*ref = call.Ref()
			call.Event(core.Event{Kind: core.EventTransition, From: "a", To: "b"})
			return next(ctx, call)
		}
	}
}

func TestTheOperationIsOneScope(t *testing.T) {
	for _, row := range []struct {
		name string
		fn   func(context.Context, int) (int, error)
		end  string
	}{
		{"good", func(context.Context, int) (int, error) { return 1, nil }, "end operation op"},
		{"failed", func(context.Context, int) (int, error) { return 0, errors.New("down") }, "end operation op _OTHER"},
		{"panicked", func(context.Context, int) (int, error) { panic("boom") }, "end operation op panic"},
		{"gone", func(context.Context, int) (int, error) { runtime.Goexit(); return 0, nil }, "end operation op panic"},
	} {
		t.Run(row.name, func(t *testing.T) {
			recorder := &coretest.Recorder{}
			var ref any
			client := newClient(t, recorder, mark(&ref))
			var wg sync.WaitGroup
			wg.Go(func() {
				defer func() {
					if v := recover(); v != nil && v != "boom" {
						t.Errorf("recovered %v", v)
					}
				}()
				_, _ = core.Do(t.Context(), client, core.Op{Name: "op"}, row.fn)
			})
			wg.Wait()
			if got, want := recorder.Lines(), []string{"begin operation op", "transition a>b", row.end}; !slices.Equal(got, want) {
				t.Errorf("observed %q, want %q", got, want)
			}
			if err := recorder.Check(); err != nil {
				t.Error(err)
			}
			if ref != 1 {
				t.Errorf("the call refers to operation %v, want 1", ref)
			}
		})
	}
}

func TestTheWorkRunsInTheScope(t *testing.T) {
	recorder := &coretest.Recorder{}
	client := newClient(t, recorder, nil)
	for n := range 3 {
		_, err := core.Do(t.Context(), client, core.Op{Name: "op"}, func(ctx context.Context, _ int) (int, error) {
			if got := recorder.Ref(ctx, core.Scope{}); got != n+1 {
				t.Errorf("the work belongs to operation %v, want %d", got, n+1)
			}
			return 0, nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestWithoutAnObserverItDoesNothing(t *testing.T) {
	var ref any = "unset"
	client := newClient(t, nil, mark(&ref))
	if _, err := core.Do(t.Context(), client, core.Op{Name: "op"}, func(context.Context, int) (int, error) { return 0, nil }); err != nil {
		t.Fatal(err)
	}
	if ref != nil {
		t.Errorf("Ref = %v, want nil", ref)
	}
}

func TestTheOperationTimeoutIsAnEventOfTheOperation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		recorder := &coretest.Recorder{}
		client, err := core.NewClient(core.ClientConfig[int]{
			Source:           &coretest.Source[int]{},
			Middleware:       trace.New(),
			Observer:         recorder,
			OperationTimeout: time.Second,
		})
		if err != nil {
			t.Fatal(err)
		}
		hang := func(ctx context.Context, _ int) (int, error) {
			<-ctx.Done()
			return 0, ctx.Err()
		}
		if _, err := core.Do(t.Context(), client, core.Op{Name: "op"}, hang); !errors.Is(err, core.ErrTimeout) {
			t.Errorf("Do = %v, want ErrTimeout", err)
		}
		want := []string{"begin operation op", "timeout operation timeout", "end operation op timeout"}
		if got := recorder.Lines(); !slices.Equal(got, want) {
			t.Errorf("observed %q, want %q", got, want)
		}
		if events := recorder.Events(core.EventTimeout); len(events) == 1 && events[0].Limit != time.Second {
			t.Errorf("observed a limit of %v, want 1 s", events[0].Limit)
		}
		// The caller's own deadline is no limit of ours.
		ctx, cancel := context.WithTimeout(t.Context(), time.Second/2)
		defer cancel()
		_, _ = core.Do(ctx, client, core.Op{Name: "op"}, hang)
		if n := len(recorder.Events(core.EventTimeout)); n != 1 {
			t.Errorf("%d timeouts observed, want 1", n)
		}
	})
}

// ends keeps the scopes that end.
type ends struct {
	coretest.Recorder
	ended []core.Scope
}

func (e *ends) End(_ context.Context, s core.Scope, _ error) { e.ended = append(e.ended, s) }

// What comes before a connection is a refusal of this process; what comes after one
// is not, also if a nested operation was refused.
func TestAnOperationIsRejectedIfNoAttemptHeldAConnection(t *testing.T) {
	refused := core.Sentinel("full", "bulkhead_full", core.ErrRejected)
	down := errors.New("down")
	for _, row := range []struct {
		name        string
		stage, work error
		want        bool
	}{
		{"by a stage", refused, nil, true},
		{"by nothing", nil, nil, false},
		{"within the work", nil, refused, false},
		{"a failure of a stage", down, nil, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			e := new(ends)
			client := newClient(t, e, func(next core.Handler) core.Handler {
				return func(ctx context.Context, call *core.Call) error {
					if row.stage != nil {
						return row.stage
					}
					return next(ctx, call)
				}
			})
			_, _ = core.Do(t.Context(), client, core.Op{Name: "op"}, func(context.Context, int) (int, error) { return 0, row.work })
			if len(e.ended) != 1 || e.ended[0].Rejected != row.want {
				t.Errorf("ended with %+v, want Rejected %v", e.ended, row.want)
			}
		})
	}
}
