// SPDX-License-Identifier: Apache-2.0

package bulkhead_test

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/internal/errtype"
	"github.com/penstock-go/penstock/internal/stage/stagetest"
	"github.com/penstock-go/penstock/middleware/bulkhead"
)

var op = core.Op{Name: "op", Safety: core.ReadOnly}

type work = func(context.Context, int) (int, error)

// rig is a client whose chain is a bulkhead.
type rig struct {
	bulkhead *bulkhead.Bulkhead
	client   *core.Client[int]
	recorder coretest.Recorder
	source   coretest.Source[int]
	limit    int // slots
}

func newRig(t testing.TB, cfg bulkhead.Config) *rig {
	t.Helper()
	r := &rig{limit: cfg.MaxConcurrent}
	var err error
	if r.bulkhead, err = bulkhead.New(cfg); err != nil {
		t.Fatal(err)
	}
	r.client, err = core.NewClient(core.ClientConfig[int]{
		Source: &r.source, Middleware: r.bulkhead.Middleware, Observer: &r.recorder,
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *rig) do(ctx context.Context, fn work) error {
	_, err := core.Do(ctx, r.client, op, fn)
	return err
}

// sleep is work that takes d.
func sleep(d time.Duration) work {
	return func(context.Context, int) (int, error) {
		time.Sleep(d)
		return 0, nil
	}
}

func nothing(context.Context, int) (int, error) { return 0, nil }

func (r *rig) check(t *testing.T, want bulkhead.Stats) {
	t.Helper()
	got := r.bulkhead.Stats()
	if want.Limit = r.limit; got != want {
		t.Errorf("Stats = %+v, want %+v", got, want)
	}
}

func TestNoMoreRunThanMayAndTheRestWaitTheirTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, bulkhead.Config{MaxConcurrent: 2, MaxWaiting: 8})
		var (
			wg            sync.WaitGroup
			mu            sync.Mutex
			order         []int
			running, most int
		)
		for i := range 10 {
			wg.Go(func() {
				err := r.do(t.Context(), func(context.Context, int) (int, error) {
					mu.Lock()
					order = append(order, i)
					running++
					most = max(most, running)
					mu.Unlock()
					time.Sleep(time.Duration(10+i) * time.Second) // no two end together
					mu.Lock()
					running--
					mu.Unlock()
					return 0, nil
				})
				if err != nil {
					t.Errorf("Do = %v", err)
				}
			})
			synctest.Wait()
		}
		r.check(t, bulkhead.Stats{Running: 2, Waiting: 8, Admitted: 2})
		wg.Wait()
		if want := []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}; !slices.Equal(order, want) || most != 2 {
			t.Errorf("ran in the order %v, %d at once; want %v, 2", order, most, want)
		}
		r.check(t, bulkhead.Stats{Admitted: 10})
	})
}

func TestBeyondTheQueueARefusalIsImmediateAndTyped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, bulkhead.Config{Name: "docs", MaxConcurrent: 1, MaxWaiting: 1})
		for range 2 {
			go func() { _ = r.do(t.Context(), sleep(time.Minute)) }()
			synctest.Wait()
		}
		began := time.Now()
		err := r.do(t.Context(), nothing)
		if !errors.Is(err, bulkhead.ErrFull) || !errors.Is(err, core.ErrRejected) || core.ErrorType(err) != "bulkhead_full" {
			t.Errorf("Do = %v (%s), want ErrFull", err, core.ErrorType(err))
		}
		if full, ok := errors.AsType[*bulkhead.FullError](err); !ok || full.Name != "docs" || full.Limit != 1 || full.Waited != 0 {
			t.Errorf("Do = %+v, want a FullError of docs", full)
		}
		if time.Since(began) != 0 {
			t.Errorf("refused after %v, want at once", time.Since(began))
		}
		events := r.recorder.Events(core.EventReject)
		if len(events) != 1 || events[0].Name != "docs" || !errors.Is(events[0].Err, bulkhead.ErrFull) {
			t.Errorf("events %+v, want one refusal", events)
		}
		r.check(t, bulkhead.Stats{Running: 1, Waiting: 1, Admitted: 1, Rejected: 1})
		time.Sleep(3 * time.Minute)
	})
}

func TestAWaitEndsAfterMaxWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, bulkhead.Config{MaxConcurrent: 1, MaxWaiting: 1, MaxWait: time.Second})
		go func() { _ = r.do(t.Context(), sleep(time.Minute)) }()
		synctest.Wait()
		began := time.Now()
		err := r.do(t.Context(), nothing)
		if full, ok := errors.AsType[*bulkhead.FullError](err); !ok || full.Waited != time.Second || full.Err != nil {
			t.Errorf("Do = %v, want a FullError after 1s", err)
		}
		if time.Since(began) != time.Second {
			t.Errorf("refused after %v, want 1s", time.Since(began))
		}
		r.check(t, bulkhead.Stats{Running: 1, Admitted: 1, Rejected: 1})
		time.Sleep(time.Minute)
	})
}

func TestAWaitEndsWithTheCallersContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, bulkhead.Config{MaxConcurrent: 1, MaxWaiting: 3})
		go func() { _ = r.do(t.Context(), sleep(time.Minute)) }()
		synctest.Wait()

		late, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := r.do(late, nothing)
		if !errors.Is(err, bulkhead.ErrFull) || !errors.Is(err, context.DeadlineExceeded) || core.ErrorType(err) != "bulkhead_full" {
			t.Errorf("Do = %v (%s), want ErrFull and the deadline", err, core.ErrorType(err))
		}
		if err := r.do(late, nothing); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Do = %v with a context that has ended, want no wait", err)
		}

		gone, leave := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, leave)
		err = r.do(gone, nothing)
		if !errors.Is(err, bulkhead.ErrFull) || !errors.Is(err, context.Canceled) || core.ErrorType(err) != errtype.Canceled {
			t.Errorf("Do = %v (%s), want ErrFull and the cancel", err, core.ErrorType(err))
		}
		r.check(t, bulkhead.Stats{Running: 1, Admitted: 1, Rejected: 3})
		time.Sleep(time.Minute)
		r.check(t, bulkhead.Stats{Admitted: 1, Rejected: 3})
	})
}

// An operation that gives up leaves the others their order.
func TestTheQueueClosesUpBehindAnOperationThatGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for gone := range 3 {
			r := newRig(t, bulkhead.Config{MaxConcurrent: 1, MaxWaiting: 3})
			var wg sync.WaitGroup
			var mu sync.Mutex
			var order []int
			wg.Go(func() { _ = r.do(t.Context(), sleep(time.Minute)) })
			synctest.Wait()
			for i := range 3 {
				ctx, cancel := context.WithCancel(t.Context())
				if i == gone {
					time.AfterFunc(time.Second, cancel)
				} else {
					defer cancel()
				}
				wg.Go(func() {
					_ = r.do(ctx, func(context.Context, int) (int, error) {
						mu.Lock()
						order = append(order, i)
						mu.Unlock()
						return 0, nil
					})
				})
				synctest.Wait()
			}
			wg.Wait()
			if want := slices.DeleteFunc([]int{0, 1, 2}, func(i int) bool { return i == gone }); !slices.Equal(order, want) {
				t.Errorf("ran in the order %v, want %v", order, want)
			}
		}
	})
}

func TestAnEndWithoutAReturnGivesTheSlotBack(t *testing.T) {
	r := newRig(t, bulkhead.Config{MaxConcurrent: 1})
	for name, fn := range map[string]work{
		"panic":  func(context.Context, int) (int, error) { panic("boom") },
		"Goexit": func(context.Context, int) (int, error) { runtime.Goexit(); return 0, nil },
	} {
		future := core.Go(t.Context(), r.client, op, fn)
		<-future.Done()
		if err := r.do(t.Context(), nothing); err != nil {
			t.Errorf("Do after a %s = %v, want a free slot", name, err)
		}
	}
	r.check(t, bulkhead.Stats{Admitted: 4})
}

func TestARefusalSaysNothingAboutTheBackend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, bulkhead.Config{MaxConcurrent: 1, MaxWaiting: 1})
		release := make(chan struct{})
		go func() {
			_ = r.do(t.Context(), func(context.Context, int) (int, error) { <-release; return 0, nil })
		}()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := r.do(ctx, nothing)
		if e, ok := errors.AsType[*core.Error](err); !ok || e.Outcome.Verdict != core.Neutral {
			t.Errorf("Do = %v, want a neutral outcome", err)
		}
		close(release)
	})
}

func TestAStageFurtherOutIsAskedAgainAfterAWait(t *testing.T) {
	stagetest.AsksAgain(t, func(t *testing.T) core.Middleware {
		b, err := bulkhead.New(bulkhead.Config{MaxConcurrent: 1, MaxWaiting: 1})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if got, want := b.Stats(), (bulkhead.Stats{Limit: 1, Admitted: 3}); got != want {
				t.Errorf("Stats = %+v, want %+v: also what another stage refuses gets a slot", got, want)
			}
		})
		return b.Middleware
	})
}

func TestSlotsAreNeverLostOrLentTwice(t *testing.T) {
	const callers, rounds, slots = 16, 200, 3
	r := newRig(t, bulkhead.Config{MaxConcurrent: slots, MaxWaiting: callers})
	var (
		wg      sync.WaitGroup
		mu      sync.Mutex
		running int
	)
	for i := range callers {
		wg.Go(func() {
			for j := range rounds {
				ctx, cancel := context.WithCancel(t.Context())
				if (i+j)%3 == 0 {
					go cancel() // at any moment
				}
				_ = r.do(ctx, func(context.Context, int) (int, error) {
					mu.Lock()
					if running++; running > slots {
						t.Errorf("%d run at once, want %d at most", running, slots)
					}
					mu.Unlock()
					runtime.Gosched()
					mu.Lock()
					running--
					mu.Unlock()
					return 0, nil
				})
				cancel()
			}
		})
	}
	wg.Wait()
	s := r.bulkhead.Stats()
	if s.Running != 0 || s.Waiting != 0 || s.Admitted+s.Rejected != callers*rounds {
		t.Errorf("Stats = %+v, want nothing left and %d in all", s, callers*rounds)
	}
}

func TestNewNamesAllThatIsWrong(t *testing.T) {
	for _, row := range []struct {
		cfg  bulkhead.Config
		want []string
	}{
		{bulkhead.Config{}, []string{"MaxConcurrent is 0, want at least 1"}},
		{bulkhead.Config{MaxConcurrent: -1, MaxWaiting: -2, MaxWait: -3},
			[]string{"MaxConcurrent is -1", "MaxWaiting is -2, want 0", "MaxWait is -3ns, want 0"}},
		{bulkhead.Config{MaxConcurrent: 1, MaxWait: time.Second}, []string{"MaxWait is 1s, but MaxWaiting lets no operation wait"}},
	} {
		b, err := bulkhead.New(row.cfg)
		if _, same := row.cfg.Effective(); err == nil || b != nil || same == nil || same.Error() != err.Error() {
			t.Errorf("New(%+v) = %v, Effective = %v; want the same error", row.cfg, err, same)
			continue
		}
		for _, want := range append(row.want, "bulkhead: ") {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("New(%+v) = %q, want %q in it", row.cfg, err, want)
			}
		}
	}
}

func TestTheStageCostsNoAllocation(t *testing.T) {
	b, err := bulkhead.New(bulkhead.Config{MaxConcurrent: 1})
	if err != nil {
		t.Fatal(err)
	}
	handler := b.Middleware(func(context.Context, *core.Call) error { return nil })
	call := new(core.Call)
	if allocs := testing.AllocsPerRun(1000, func() {
		if err := handler(t.Context(), call); err != nil {
			t.Error(err)
		}
	}); allocs != 0 {
		t.Errorf("the stage costs %v allocations, want none", allocs)
	}
}

func TestCloseEndsTheWait(t *testing.T) {
	stagetest.HeedsClose(t, func(t *testing.T) core.Middleware {
		stage, err := bulkhead.New(bulkhead.Config{MaxConcurrent: 1, MaxWaiting: 1})
		if err != nil {
			t.Fatal(err)
		}
		return stage.Middleware
	})
}
