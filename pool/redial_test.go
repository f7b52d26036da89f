// SPDX-License-Identifier: Apache-2.0

package pool_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/pool"
)

func TestRedialDialsOnceInTheBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var up atomic.Bool
		f := &factory{onDial: func(context.Context, int) error {
			time.Sleep(time.Millisecond)
			if up.Load() {
				return nil
			}
			return errRefused
		}}
		p := open(t, f, pool.Config{MaxSize: 8})
		p.Redial() // no dial has failed
		if n := f.dials(); n != 0 {
			t.Fatalf("%d dials of a pool that nobody has asked", n)
		}
		for range 9 { // up to a backoff of 2.5 s at least
			_, err := p.Acquire(t.Context())
			wantErr(t, "Acquire", err, pool.ErrDial)
			for n := f.dials(); f.dials() == n; time.Sleep(time.Millisecond) {
				_, _ = p.Acquire(t.Context())
			}
		}
		time.Sleep(2 * time.Millisecond)
		n := f.dials()
		p.Redial()
		p.Redial() // one is under way
		_, err := p.Acquire(t.Context())
		wantErr(t, "Acquire", err, errRefused)
		_, err = p.Acquire(t.Context())
		wantErr(t, "Acquire after the dial failed", err, errRefused)
		if got := f.dials() - n; got != 1 {
			t.Errorf("%d dials, want that of Redial", got)
		}
		up.Store(true)
		p.Redial()
		acquire(t, p).Release()
		n = f.dials()
		p.Redial() // the pool has a connection
		time.Sleep(time.Minute)
		if got := f.dials() - n; got != 0 {
			t.Errorf("%d dials of a pool that has a connection", got)
		}
	})
}
