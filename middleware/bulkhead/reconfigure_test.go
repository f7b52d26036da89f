// SPDX-License-Identifier: Apache-2.0

package bulkhead_test

import (
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/middleware/bulkhead"
)

func (r *rig) reconfigure(t *testing.T, cfg bulkhead.Config) {
	t.Helper()
	if err := r.bulkhead.Reconfigure(cfg); err != nil {
		t.Fatal(err)
	}
	r.limit = cfg.MaxConcurrent
}

func TestSlotsComeAndGoWhileOperationsRunAndWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, bulkhead.Config{MaxConcurrent: 2, MaxWaiting: 10})
		var wg sync.WaitGroup
		errs := make([]error, 8)
		for i := range errs {
			wg.Go(func() { errs[i] = r.do(t.Context(), sleep(time.Second)) })
		}
		synctest.Wait()
		r.check(t, bulkhead.Stats{Running: 2, Waiting: 6, Admitted: 2})
		r.reconfigure(t, bulkhead.Config{MaxConcurrent: 4, MaxWaiting: 10})
		r.check(t, bulkhead.Stats{Running: 4, Waiting: 4, Admitted: 4})
		r.reconfigure(t, bulkhead.Config{MaxConcurrent: 1}) // those that wait keep their places
		r.check(t, bulkhead.Stats{Running: 4, Waiting: 4, Admitted: 4})
		if err := r.do(t.Context(), nothing); !errors.Is(err, bulkhead.ErrFull) {
			t.Errorf("Do = %v, want ErrFull: the new settings let nobody wait", err)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		r.check(t, bulkhead.Stats{Running: 1, Waiting: 3, Admitted: 5, Rejected: 1})
		wg.Wait()
		r.check(t, bulkhead.Stats{Admitted: 8, Rejected: 1})
		if err := errors.Join(errs...); err != nil {
			t.Errorf("operations failed because of the change: %v", err)
		}
	})
}

func TestAWaiterKeepsTheMaxWaitUnderWhichItCame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, bulkhead.Config{MaxConcurrent: 1, MaxWaiting: 2, MaxWait: time.Minute})
		var wg sync.WaitGroup
		wg.Go(func() { _ = r.do(t.Context(), sleep(30*time.Second)) })
		synctest.Wait()
		wg.Go(func() {
			if err := r.do(t.Context(), nothing); err != nil {
				t.Errorf("Do = %v, want the slot after 30s", err)
			}
		})
		synctest.Wait()
		r.reconfigure(t, bulkhead.Config{MaxConcurrent: 1, MaxWaiting: 2, MaxWait: time.Second})
		began := time.Now()
		if err := r.do(t.Context(), nothing); !errors.Is(err, bulkhead.ErrFull) || time.Since(began) != time.Second {
			t.Errorf("Do = %v after %v, want ErrFull after the new MaxWait", err, time.Since(began))
		}
		wg.Wait()
	})
}

func TestSettingsOfABulkheadThatAreRefused(t *testing.T) {
	r := newRig(t, bulkhead.Config{Name: "one", MaxConcurrent: 3})
	for _, bad := range []bulkhead.Config{{Name: "one"}, {Name: "two", MaxConcurrent: 5}} {
		if err := r.bulkhead.Reconfigure(bad); err == nil {
			t.Errorf("Reconfigure accepts %+v", bad)
		}
	}
	r.check(t, bulkhead.Stats{})
}
