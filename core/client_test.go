// SPDX-License-Identifier: Apache-2.0

package core_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
)

func TestNewClientNamesAllFaults(t *testing.T) {
	client, err := core.NewClient(core.ClientConfig[int]{OperationTimeout: -time.Second})
	if client != nil || err == nil || !strings.Contains(err.Error(), "Source is nil") || !strings.Contains(err.Error(), "Timeout is -1s, want 0") {
		t.Errorf("NewClient = %v, %v, want both faults", client, err)
	}
}

// part is something that a client closes.
type part struct {
	name   string
	closed *[]string
	err    error
	until  chan struct{} // nil: do not wait
}

func (p *part) close(ctx context.Context) error {
	*p.closed = append(*p.closed, p.name)
	if p.until != nil {
		select {
		case <-p.until:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return p.err
}

// closing is a client that closes the parts, of which any may be nil.
func closing(t *testing.T, parts ...*part) *core.Client[int] {
	var closers []func(context.Context) error
	for _, p := range parts {
		if p == nil {
			closers = append(closers, nil)
		} else {
			closers = append(closers, p.close)
		}
	}
	return newClient(t, core.ClientConfig[int]{Source: &coretest.Source[int]{}, Closers: closers})
}

func TestCloseClosesTheLastPartFirstAndSkipsNil(t *testing.T) {
	var closed []string
	client := closing(t, &part{name: "pool", closed: &closed}, nil, &part{name: "monitor", closed: &closed}, nil)
	if err := client.Close(t.Context()); err != nil {
		t.Errorf("Close = %v, want nil", err)
	}
	if want := []string{"monitor", "pool"}; !slices.Equal(closed, want) {
		t.Errorf("closed %q, want %q", closed, want)
	}
}

func TestCloseGoesOnAfterAnErrorAndReportsAll(t *testing.T) {
	var closed []string
	first, second := errors.New("first"), errors.New("second")
	client := closing(t, &part{name: "a", closed: &closed, err: first}, &part{name: "b", closed: &closed}, &part{name: "c", closed: &closed, err: second})
	for range 2 {
		if err := client.Close(t.Context()); !errors.Is(err, first) || !errors.Is(err, second) {
			t.Errorf("Close = %v, want both errors, every time", err)
		}
	}
	if want := []string{"c", "b", "a"}; !slices.Equal(closed, want) {
		t.Errorf("closed %q, want %q once", closed, want)
	}
}

func TestAClosedClientSaysSoWhateverTheContext(t *testing.T) {
	failed := errors.New("failed")
	client := closing(t, &part{closed: new([]string), err: failed})
	_ = client.Close(t.Context())
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for range 100 {
		if err := client.Close(ended); !errors.Is(err, failed) {
			t.Fatalf("Close = %v, want %v", err, failed)
		}
	}
}

func TestConcurrentCallersOfCloseWaitForTheFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var closed []string
		failed, until := errors.New("failed"), make(chan struct{})
		client := closing(t, &part{name: "pool", closed: &closed, err: failed, until: until})
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := client.Close(t.Context()); !errors.Is(err, failed) {
				t.Errorf("Close = %v, want %v", err, failed)
			}
		})
		synctest.Wait()
		for range 5 {
			wg.Go(func() {
				if err := client.Close(t.Context()); !errors.Is(err, failed) {
					t.Errorf("Close = %v, want the first one's %v", err, failed)
				}
			})
		}
		impatient, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := client.Close(impatient); err != context.DeadlineExceeded {
			t.Errorf("Close = %v, want its own deadline", err)
		}
		close(until)
		wg.Wait()
		if len(closed) != 1 {
			t.Errorf("closed %d times, want once", len(closed))
		}
	})
}

func TestCloseIsBoundedByItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var closed []string
		client := closing(t, &part{name: "a", closed: &closed}, &part{name: "b", closed: &closed, until: make(chan struct{})})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := client.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Close = %v, want the deadline", err)
		}
		if want := []string{"b", "a"}; !slices.Equal(closed, want) {
			t.Errorf("closed %q, want %q", closed, want)
		}
	})
}

func TestAClientHasItsOwnListOfClosers(t *testing.T) {
	var closed []string
	first, second := &part{name: "first", closed: &closed}, &part{name: "second", closed: &closed}
	closers := []func(context.Context) error{first.close}
	client := newClient(t, core.ClientConfig[int]{Source: &coretest.Source[int]{}, Closers: closers})
	closers[0] = second.close
	if err := client.Close(t.Context()); err != nil || !slices.Equal(closed, []string{"first"}) {
		t.Errorf("Close = %v, closed %q, want what the client was built with", err, closed)
	}
}

func TestACallTellsItsClientsObserver(t *testing.T) {
	type key struct{}
	recorder := new(coretest.Recorder)
	stage := func(next core.Handler) core.Handler {
		return func(ctx context.Context, call *core.Call) error {
			if call.Observer() == nil || call.Caller().Value(key{}) != "caller" {
				t.Error("the call does not know its observer or its caller")
			}
			if call.Ref() != nil {
				t.Errorf("Ref = %v outside of the operation's scope, want nil", call.Ref())
			}
			scope := core.Scope{Kind: core.ScopeOperation, Op: call.Op}
			ctx = call.Observer().Begin(ctx, scope)
			call.Observe(ctx)
			if call.Ref() != 1 {
				t.Errorf("Ref = %v, want 1", call.Ref())
			}
			call.Event(core.Event{Kind: core.EventReject, Op: core.Op{Name: "other"}})
			err := next(ctx, call)
			call.Observer().End(ctx, scope, err)
			return err
		}
	}
	client := newClient(t, core.ClientConfig[string]{Source: &coretest.Source[string]{}, Middleware: stage, Observer: recorder})
	if _, err := core.Do(context.WithValue(t.Context(), key{}, "caller"), client, search, fail()); err != nil {
		t.Error(err)
	}
	if events := recorder.Events(core.EventReject); len(events) != 1 || events[0].Op != search {
		t.Errorf("events = %+v, want one of the operation", events)
	}
	if err := recorder.Check(); err != nil {
		t.Error(err)
	}
}

func TestACallWithoutAnObserverIsSilent(t *testing.T) {
	tr := newTrial(t, trialConfig{stage: func(next core.Handler) core.Handler {
		return func(ctx context.Context, call *core.Call) error {
			call.Observe(ctx)
			call.Event(core.Event{Kind: core.EventReject})
			if call.Observer() != nil || call.Ref() != nil {
				t.Errorf("Observer = %v, Ref = %v, want nil", call.Observer(), call.Ref())
			}
			return next(ctx, call)
		}
	}})
	if _, err := core.Do(t.Context(), tr.client, search, fail()); err != nil {
		t.Error(err)
	}
}

func TestWhileTheClientClosesNoCallGoesOnAfterAWait(t *testing.T) {
	var before, after error
	stage := func(next core.Handler) core.Handler {
		return func(ctx context.Context, call *core.Call) error {
			select {
			case <-call.Closing():
				after = call.AfterWait()
			default:
				before = call.AfterWait()
			}
			return next(ctx, call)
		}
	}
	client := newClient(t, core.ClientConfig[string]{Source: &coretest.Source[string]{}, Middleware: stage})
	for range 2 {
		if _, err := core.Do(t.Context(), client, search, fail()); err != nil {
			t.Errorf("Do = %v", err)
		}
		if err := client.Close(t.Context()); err != nil {
			t.Errorf("Close = %v", err)
		}
	}
	if before != nil || !errors.Is(after, core.ErrClientClosed) || !errors.Is(after, core.ErrRejected) {
		t.Errorf("AfterWait = %v before Close and %v after, want nil and ErrClientClosed", before, after)
	}
}
