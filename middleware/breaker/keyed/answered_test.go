// SPDX-License-Identifier: Apache-2.0

package keyed_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/middleware/breaker/keyed"
)

func TestAnAnswerMakesTheOpenBreakersOfAllKeysHalfOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, keyed.Config{Max: 2})
		opened := 0
		r.Watch(func() { opened++ })
		awaits := func(wait time.Duration, ok bool) {
			t.Helper()
			if w, o := r.Awaits(); w != wait || o != ok {
				t.Errorf("Awaits = %v, %v, want %v, %v", w, o, wait, ok)
			}
		}
		awaits(0, false)
		if r.Answered(false) {
			t.Error("Answered = true without an open breaker")
		}
		for _, key := range []string{"a", "b", "overflow"} {
			r.end(t, key, 5, errDown)
		}
		synctest.Wait()
		awaits(0, true)
		if opened != 3 || !r.Answered(false) {
			t.Errorf("%d breakers told that they opened, want 3; Answered of one", opened)
		}
		_, states := r.States()
		if states[breaker.HalfOpen] != 3 {
			t.Errorf("the states are %v, want 3 half-open", states)
		}
		r.end(t, "a", 3, nil)
		r.end(t, "b", 1, errDown)
		awaits(1875*time.Millisecond, true) // for b, which an answer did not help
		r.end(t, "a", 5, errDown)
		time.Sleep(time.Second)
		awaits(0, true) // for a, if the backend was away
		if opened != 5 || r.Answered(false) || !r.Answered(true) {
			t.Errorf("%d breakers told that they opened, want 5; Answered = true of a backend that was not away, or false of one that was", opened)
		}
	})
}
