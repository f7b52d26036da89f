// SPDX-License-Identifier: Apache-2.0

package keyed_test

import (
	"context"
	"runtime"
	"sync"
	"testing"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/middleware/breaker/keyed"
)

func TestAKeyFunctionThatDoesNotReturnHoldsNothing(t *testing.T) {
	for name, row := range map[string]struct {
		end  func()
		runs bool // the operation runs all the same
	}{"panic": {func() { panic("key") }, true}, "Goexit": {runtime.Goexit, false}} {
		t.Run(name, func(t *testing.T) {
			ends := true
			outer, err := breaker.New(breaker.Config{FailureThreshold: 1})
			if err != nil {
				t.Fatal(err)
			}
			r := newRig(t, keyed.Config{Max: 1, Key: func(call *core.Call) string {
				if ends {
					row.end()
				}
				return call.Op.Target
			}}, outer.Middleware)
			ran := false
			var wg sync.WaitGroup
			wg.Go(func() {
				if err := r.do(t.Context(), "a", func(context.Context) error { ran = true; return nil }); err != nil {
					t.Errorf("Do = %v", err)
				}
			})
			wg.Wait()
			if ran != row.runs {
				t.Errorf("the operation ran %v, want %v", ran, row.runs)
			}
			if events := r.recorder.Events(core.EventPanic); len(events) != 1 || events[0].Name != "Key" || core.ErrorType(events[0].Err) != "panic" {
				t.Errorf("observed %+v, want one panic of Key", events)
			}
			if row.runs && outer.State() != breaker.Closed {
				t.Errorf("the breaker of the backend is %v, want closed", outer.State())
			}
			outer.Reset()
			ends = false
			for _, key := range []string{"a", "b", "c"} {
				r.end(t, key, 1, nil)
			}
			s := r.Snapshot()
			want := uint64(3)
			if row.runs {
				want++
			}
			if s.Counters.TotalRequests != want || s.Overflowed != want-3 || s.Forgotten != 2 {
				t.Errorf("%d requests, %d overflowed, %d forgotten; want %d, %d, 2", s.Counters.TotalRequests, s.Overflowed, s.Forgotten, want, want-3)
			}
		})
	}
}
