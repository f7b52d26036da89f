// SPDX-License-Identifier: Apache-2.0

package pool_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/pool"
)

// contexts keeps the contexts that the pool gives it, against its contract.
type contexts struct {
	factory
	dial, ping context.Context
}

func (f *contexts) Dial(ctx context.Context) (*conn, error) {
	f.dial = ctx
	return f.factory.Dial(ctx)
}

func (f *contexts) Ping(ctx context.Context, _ *conn) error {
	f.ping = ctx
	return nil
}

// The comments of Factory and Pinger say so.
func TestTheContextOfACallOfTheFactoryEndsWithTheCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &contexts{}
		f.onDial = func(ctx context.Context, _ int) error {
			time.Sleep(time.Second)
			if deadline, ok := ctx.Deadline(); ctx.Err() != nil || !ok || time.Until(deadline) != 2*time.Second {
				t.Errorf("within Dial the context has %v, and ends %v from now, want no error, and 2s", ctx.Err(), time.Until(deadline))
			}
			return nil
		}
		p, err := pool.New(f, pool.Config{DialTimeout: 3 * time.Second, CheckEvery: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if !errors.Is(f.dial.Err(), context.Canceled) {
			t.Errorf("after Dial its context has %v, want %v", f.dial.Err(), context.Canceled)
		}
		time.Sleep(150 * time.Second)
		synctest.Wait()
		if f.ping == nil || !errors.Is(f.ping.Err(), context.Canceled) {
			t.Errorf("after Ping its context is %v, want an ended one", f.ping)
		}
		if err := p.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
