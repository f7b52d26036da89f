// SPDX-License-Identifier: Apache-2.0

package pool_test

import (
	"context"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/pool"
)

// A dial that Close ends must not end a wait: Close refuses all callers first. The test
// has the mutex of the pool while Close begins, so that Close gets no further than to
// what needs the mutex.
func TestCloseEndsNoDialBeforeItHasRefusedTheCallers(t *testing.T) {
	dialing := make(chan context.Context, 1)
	f := &factory{onDial: func(ctx context.Context, _ int) error {
		dialing <- ctx
		<-ctx.Done()
		return ctx.Err()
	}}
	p := open(t, f, pool.Config{MaxSize: 1, AcquireTimeout: time.Hour})
	waiting := acquireAsync(t.Context(), p)
	ctx := <-dialing

	unlock := pool.Lock(p)
	closing, done := make(chan struct{}), make(chan error, 1)
	go func() {
		close(closing)
		done <- p.Close(context.Background())
	}()
	<-closing
	for range 10_000 {
		runtime.Gosched()
		if ctx.Err() != nil {
			t.Error("Close ended a dial while callers could still get its error")
			break
		}
	}
	unlock()
	wantErr(t, "Acquire", (<-waiting).err, pool.ErrClosed)
	if err := <-done; err != nil {
		t.Errorf("Close = %v", err)
	}
}

// Whatever a caller waits for when the pool is closed, it gets ErrClosed, also if dials
// fail at that moment.
func TestEveryCallerHearsThatThePoolIsClosed(t *testing.T) {
	hang := func(ctx context.Context, _ int) error { <-ctx.Done(); return ctx.Err() }
	for name, end := range map[string]func(*pool.Pool[*conn], context.Context) error{
		"Close": (*pool.Pool[*conn]).Close,
		"Drain": (*pool.Pool[*conn]).Drain,
	} {
		for _, mode := range []pool.Mode{pool.Exclusive, pool.Shared} {
			t.Run(name+" "+mode.String(), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					p := open(t, &factory{onDial: hang}, pool.Config{Mode: mode, MaxSize: 8, AcquireTimeout: time.Hour})
					var callers sync.WaitGroup
					for range 8 {
						callers.Go(func() { wantErr(t, "Start", p.Start(t.Context()), pool.ErrClosed) })
					}
					call := func() {
						_, err := p.Acquire(t.Context())
						wantErr(t, "Acquire", err, pool.ErrClosed)
					}
					for range 500 {
						callers.Go(call)
					}
					synctest.Wait()
					for range 500 {
						callers.Go(call) // beside Close
					}
					if err := end(p, t.Context()); err != nil {
						t.Errorf("%s = %v", name, err)
					}
					callers.Wait()
					call()
					if s := p.Stats(); s.Timeouts != 0 || s.Canceled != 0 || s.DialErrors != 0 {
						t.Errorf("Stats = %+v, want no wait that timed out and no dial that failed", s)
					}
				})
			})
		}
	}
}
