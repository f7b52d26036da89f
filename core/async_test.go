// SPDX-License-Identifier: Apache-2.0

package core_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
)

// until is work that ends when release is closed, and only then.
func until(release chan struct{}) work {
	return func(context.Context, string) (string, error) {
		<-release
		return "result", nil
	}
}

// pooled is a client that closes p.
func pooled(t *testing.T, p *part) *core.Client[string] {
	return newClient(t, core.ClientConfig[string]{
		Source: &coretest.Source[string]{}, Closers: []func(context.Context) error{p.close},
	})
}

// isRefusal reports whether o is the outcome of an operation that was refused
// before it came to its chain.
func isRefusal(o core.Outcome, errorType string) bool {
	want := core.Class{Verdict: core.Neutral, Retry: core.RetryNever, Conn: core.Keep, ErrorType: errorType}
	return o.Class == want && !o.Reached && !o.Judged && !o.OutOfTime && o.Ran == 0
}

func TestGoRefusesBeyondItsLimitAndNeverWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		recorder := new(coretest.Recorder)
		client := newClient(t, core.ClientConfig[string]{Source: &coretest.Source[string]{}, MaxAsync: 2, Observer: recorder})
		release := make(chan struct{})
		var futures []*core.Future[string]
		for range 2 {
			futures = append(futures, core.Go(t.Context(), client, search, until(release)))
		}
		refused := core.Go(t.Context(), client, search, fail())
		select {
		case <-refused.Done():
		default:
			t.Fatal("Done is not closed at once")
		}
		_, err := refused.Await(t.Context())
		if !errors.Is(err, core.ErrAsyncLimit) || !errors.Is(err, core.ErrRejected) || core.ErrorType(err) != "bulkhead_full" {
			t.Errorf("Await = %v (%s), want ErrAsyncLimit", err, core.ErrorType(err))
		}
		if e, ok := errors.AsType[*core.Error](err); !ok || e.Op != "Search" || e.Attempts != 0 || !isRefusal(e.Outcome, "bulkhead_full") {
			t.Errorf("Await = %#v, want the error of an operation without an attempt", e)
		}
		if events := recorder.Events(core.EventReject); len(events) != 1 || events[0].Op != search || events[0].Err == nil {
			t.Errorf("events %+v, want one refusal", events)
		}
		// Do is not concerned.
		if _, err := core.Do(t.Context(), client, search, fail()); err != nil {
			t.Errorf("Do = %v", err)
		}
		close(release)
		for range 100 { // whoever has awaited one may begin another at once
			if _, err := futures[0].Await(t.Context()); err != nil {
				t.Fatal(err)
			}
			if _, err := futures[1].Await(t.Context()); err != nil {
				t.Fatal(err)
			}
			futures[0] = core.Go(t.Context(), client, search, fail())
			futures[1] = core.Go(t.Context(), client, search, fail())
		}
	})
}

func TestThePlaceOfAnOperationThatDoesNotReturnIsFreeAgain(t *testing.T) {
	client := newClient(t, core.ClientConfig[string]{Source: &coretest.Source[string]{}, MaxAsync: 1})
	for _, fn := range []work{panicking, exiting, fail(errUnavailable)} {
		<-core.Go(t.Context(), client, search, fn).Done()
		if _, err := core.Go(t.Context(), client, search, fail()).Await(t.Context()); err != nil {
			t.Errorf("Await = %v, want a free place", err)
		}
	}
}

func TestTheLimitOfGoHasADefaultAndCanBeLifted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, row := range []struct{ limit, tried, want int }{
			{0, 10_001, 10_000}, {7, 8, 7}, {core.Unlimited, 10_001, 10_001},
		} {
			client := newClient(t, core.ClientConfig[string]{Source: &coretest.Source[string]{}, MaxAsync: row.limit})
			release := make(chan struct{})
			running := 0
			for range row.tried {
				f := core.Go(t.Context(), client, search, until(release))
				select {
				case <-f.Done():
				default:
					running++
				}
			}
			if running != row.want {
				t.Errorf("MaxAsync %d: %d run, want %d", row.limit, running, row.want)
			}
			close(release)
			if err := client.Close(t.Context()); err != nil {
				t.Errorf("Close = %v", err)
			}
		}
	})
	_, err := core.NewClient(core.ClientConfig[string]{MaxAsync: -2, OperationTimeout: -1})
	for _, want := range []string{"MaxAsync is -2, want 0", "core.Unlimited", "Timeout is -", "Source is nil"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("NewClient = %v, want %q in it", err, want)
		}
	}
}

func TestCloseRefusesTheNewAndWaitsForTheRunningBeforeItClosesAnything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var closed []string
		client := pooled(t, &part{name: "pool", closed: &closed})
		running := core.Go(t.Context(), client, search, func(context.Context, string) (string, error) {
			time.Sleep(time.Minute)
			if len(closed) > 0 {
				t.Error("the pool is closed already")
			}
			return "result", nil
		})
		begin := time.Now()
		done := make(chan error)
		go func() { done <- client.Close(t.Context()) }()
		synctest.Wait()
		_, err := core.Go(t.Context(), client, search, fail()).Await(t.Context())
		if !errors.Is(err, core.ErrClientClosed) || !errors.Is(err, core.ErrRejected) || !errors.Is(err, core.ErrConnection) || core.ErrorType(err) != "pool_closed" {
			t.Errorf("Await = %v (%s), want ErrClientClosed", err, core.ErrorType(err))
		}
		if e, ok := errors.AsType[*core.Error](err); !ok || !isRefusal(e.Outcome, "pool_closed") {
			t.Errorf("Await = %#v, want the outcome of a refusal", e)
		}
		if err := <-done; err != nil || time.Since(begin) != time.Minute {
			t.Errorf("Close = %v after %v, want nil after 1m", err, time.Since(begin))
		}
		select {
		case <-running.Done():
		default:
			t.Error("an operation is under way after Close")
		}
		if got, err := running.Await(t.Context()); got != "result" || err != nil {
			t.Errorf("Await = %q, %v, want the result", got, err)
		}
		if !slices.Equal(closed, []string{"pool"}) {
			t.Errorf("closed %q, want the pool", closed)
		}
	})
}

func TestCloseCancelsWhatDoesNotEndInHalfOfItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var closed []string
		client := pooled(t, &part{name: "pool", closed: &closed})
		future := core.Go(t.Context(), client, search, hang)
		begin := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		err := client.Close(ctx)
		if err == nil || !strings.Contains(err.Error(), "canceled asynchronous operations: 1") || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Close = %v, want that one operation was canceled, in time", err)
		}
		if time.Since(begin) != 5*time.Second || len(closed) != 1 {
			t.Errorf("closed %q after %v, want the pool after 5s", closed, time.Since(begin))
		}
		_, err = future.Await(t.Context())
		if !errors.Is(err, core.ErrClientClosed) || !errors.Is(err, context.Canceled) || errors.Is(err, core.ErrRejected) {
			t.Errorf("Await = %v, want ErrClientClosed and the cancel", err)
		}
		if e, ok := errors.AsType[*core.Error](err); !ok || e.Outcome.Class != byCaller || !e.Outcome.Reached {
			t.Errorf("Await = %#v, want the outcome of a cancel", e)
		}
	})
}

func TestCloseDoesNotWaitForWorkThatIgnoresItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var closed []string
		client := pooled(t, &part{name: "pool", closed: &closed})
		release := make(chan struct{})
		deaf := core.Go(t.Context(), client, search, until(release))
		_ = core.Go(t.Context(), client, search, hang)
		begin := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		err := client.Close(ctx)
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "operations: 2, of which have not ended: 1") {
			t.Errorf("Close = %v, want the deadline and what is left", err)
		}
		if took := time.Since(begin); took < 10*time.Second || took > 11*time.Second || len(closed) != 1 {
			t.Errorf("closed %q after %v, want the pool after about 10s", closed, took)
		}
		close(release)
		if got, err := deaf.Await(t.Context()); got != "result" || err != nil {
			t.Errorf("Await = %q, %v, want the result all the same", got, err)
		}
	})
}

func TestCloseWithAnEndedContextStillEndsWhatHeedsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := newClient(t, core.ClientConfig[string]{Source: &coretest.Source[string]{}})
		future := core.Go(t.Context(), client, search, hang)
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := client.Close(ctx); !errors.Is(err, context.Canceled) || strings.Contains(err.Error(), "not ended") {
			t.Errorf("Close = %v, want the cancel and nothing left", err)
		}
		select {
		case <-future.Done():
		default:
			t.Error("an operation is under way after Close")
		}
	})
}

// The end of the bubble is the check that no goroutine is left.
func TestNothingIsLeftAfterCloseWhateverRaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := new(coretest.Source[string])
		client := newClient(t, core.ClientConfig[string]{Source: source, MaxAsync: 50})
		var started, refused, over atomic.Int64
		var wg sync.WaitGroup
		works := []work{hang, fail(), panicking, exiting, func(context.Context, string) (string, error) {
			time.Sleep(time.Second)
			return "result", nil
		}}
		for i := range 20 {
			wg.Go(func() {
				for j := range 100 {
					f := core.Go(t.Context(), client, search, works[(i+j)%len(works)])
					func() {
						defer func() { _ = recover(); over.Add(1) }()
						started.Add(1)
						ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
						defer cancel()
						if _, err := f.Await(ctx); errors.Is(err, core.ErrRejected) {
							refused.Add(1)
						}
					}()
				}
			})
		}
		time.Sleep(30 * time.Millisecond)
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		if err := client.Close(ctx); err == nil {
			t.Error("Close = nil, though operations hang")
		}
		if source.Out() != 0 {
			t.Errorf("%d leases are out after Close, want none", source.Out())
		}
		wg.Wait()
		if started.Load() != 2000 || over.Load() != 2000 || refused.Load() == 0 {
			t.Errorf("%d began, %d are over, %d refused", started.Load(), over.Load(), refused.Load())
		}
	})
}
