// SPDX-License-Identifier: Apache-2.0

package breaker_test

import (
	"context"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/middleware/breaker"
)

// awaits checks what Awaits returns.
func (r *rig) awaits(t testing.TB, wait time.Duration, ok bool) {
	t.Helper()
	if w, o := r.Awaits(); w != wait || o != ok {
		t.Errorf("Awaits = %v, %v, want %v, %v", w, o, wait, ok)
	}
}

func TestAnAnswerMakesAnOpenBreakerHalfOpen(t *testing.T) {
	everyPolicy(t, func(t *testing.T, newRig rigMaker) {
		r := newRig(t, breaker.Config{})
		r.awaits(t, 0, false)
		r.open(t)
		r.awaits(t, 0, true)
		time.Sleep(time.Second)
		if !r.Answered(false) {
			t.Fatal("Answered = false of an open breaker")
		}
		r.is(t, breaker.HalfOpen)
		r.awaits(t, 0, false)
		if r.Answered(false) {
			t.Error("Answered = true of a half-open breaker")
		}
		r.end(t, 3, nil)
		r.is(t, breaker.Closed)
		events := r.recorder.Events(core.EventTransition)
		if e := events[1]; e.To != "half_open" || e.Outcome != "health_probe" {
			t.Errorf("observed %+v, want half_open because of health_probe", e)
		}
	})
}

func TestAHalfOpenStateAfterAnAnswerHasTheUsualRules(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, breaker.Config{})
		r.open(t)
		r.answered()
		r.end(t, 1, nil)
		r.end(t, 1, errDown)
		r.is(t, breaker.Open)
		if s := r.Snapshot(); s.Timing.RetryAfter != 30 {
			t.Errorf("the breaker is open for %v s, want 30", s.Timing.RetryAfter)
		}
		r.recover(t)
		r.end(t, 3, nil)
		r.is(t, breaker.Closed)
		var reasons []string
		for _, e := range r.recorder.Events(core.EventTransition) {
			reasons = append(reasons, e.Outcome)
		}
		if want := []string{"", "health_probe", "", "recovery_timeout", ""}; !slices.Equal(reasons, want) {
			t.Errorf("transitions because of %q, want %q", reasons, want)
		}
	})
}

func TestAnAnswerChangesNoOtherState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, breaker.Config{})
		for _, row := range []struct {
			set  func()
			want breaker.State
		}{
			{r.Reset, breaker.Closed},
			{r.ForceOpen, breaker.ForcedOpen},
			{r.ForceClose, breaker.ForcedClosed},
			{r.Disable, breaker.Disabled},
		} {
			row.set()
			r.awaits(t, 0, false)
			if r.Answered(false) {
				t.Errorf("Answered = true of a breaker that is %v", row.want)
			}
			r.is(t, row.want)
		}
	})
}

// answered tells the breaker of an answer some time after it opened, as its machine takes a
// moment to turn half-open.
func (r *rig) answered() bool {
	synctest.Wait()
	return r.Answered(false)
}

// hasten answers every 100 ms for the time, and calls tried after each answer that the
// breaker heeds. It returns the times between those answers.
func (r *rig) hasten(d time.Duration, tried func()) (gaps []time.Duration) {
	var last time.Time
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if !r.answered() {
			continue
		}
		if !last.IsZero() {
			gaps = append(gaps, time.Since(last))
		}
		last = time.Now()
		tried()
	}
	return gaps
}

// The backend answers probes and fails operations, or does so after each recovery.
func TestAnswersOfABackendThatDoesNoWorkAreIgnoredLongerEachTime(t *testing.T) {
	for name, works := range map[string]int{"probes fail": 0, "it opens again at once": 3} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, breaker.Config{RecoveryTimeout: 32 * time.Second})
				r.open(t)
				gaps := r.hasten(10*time.Minute, func() {
					r.end(t, works, nil)
					r.open(t)
				})
				// Answers at the end of RecoveryTimeout come too late to be heeded.
				if want := []time.Duration{2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second}; !slices.Equal(gaps, want) {
					t.Errorf("answers were heeded %v after each other, want %v", gaps, want)
				}
				r.awaits(t, 0, false)
			})
		})
	}
}

// The backend goes away again and again, and does its work whenever it is back.
func TestABackendThatComesBackIsHeededEachTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, breaker.Config{})
		for range 10 {
			r.open(t)
			r.awaits(t, 0, true)
			time.Sleep(time.Second)
			if !r.Answered(true) {
				t.Error("Answered = false of a backend that was away")
			}
			r.end(t, 3, nil)
			r.is(t, breaker.Closed)
		}
		r.open(t)
		r.awaits(t, 0, true)
		time.Sleep(time.Second)
		if !r.Answered(false) {
			t.Error("Answered = false, although each recovery was right")
		}
		r.end(t, 3, nil)
		r.open(t)
		time.Sleep(time.Second)
		if r.awaits(t, 0, true); r.Answered(false) || !r.Answered(true) {
			t.Error("Answered = true of a backend that was not away, or false of one that was")
		}
		r.open(t) // its first operation fails
		time.Sleep(time.Second)
		r.awaits(t, 2750*time.Millisecond, true)
		if r.Answered(true) {
			t.Error("Answered = true after an answer that was wrong")
		}
	})
}

func TestARecoveryThatLastsEndsThePauses(t *testing.T) {
	for name, end := range map[string]func(*rig){
		"closed for long": func(*rig) { time.Sleep(30 * time.Second) },
		"reset by hand":   func(r *rig) { r.Reset() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, breaker.Config{})
				r.open(t)
				r.answered()
				r.open(t)
				r.awaits(t, 1875*time.Millisecond, true)
				if r.Answered(false) {
					t.Error("Answered = true in the pause")
				}
				time.Sleep(1875 * time.Millisecond)
				if !r.Answered(false) {
					t.Error("Answered = false after the pause")
				}
				r.end(t, 3, nil)
				end(r)
				r.open(t)
				r.awaits(t, 0, true)
			})
		})
	}
}

func TestARecoveryByTheTimeoutMakesNoPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, breaker.Config{})
		for range 5 {
			r.halfOpen(t)
			r.open(t)
			r.awaits(t, 0, true)
		}
	})
}

func TestABreakerTellsItsWatcherWhenItOpens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, breaker.Config{})
		told := 0
		r.Watch(func() {
			told++
			r.awaits(t, 0, true) // no lock is held
		})
		r.ForceOpen()
		r.Reset()
		if told != 0 {
			t.Errorf("told %d times of what was set by hand", told)
		}
		r.open(t)
		if told != 1 {
			t.Errorf("told %d times, want once", told)
		}
		r.answered()
		r.Watch(func() { told += 10 })
		r.open(t)
		if told != 11 {
			t.Errorf("told %d, want 11: the first watcher once, and the one that replaced it once", told)
		}
		sibling := r.Sibling("other")
		client, err := core.NewClient(core.ClientConfig[int]{Source: &coretest.Source[int]{}, Middleware: sibling.Middleware})
		if err != nil {
			t.Fatal(err)
		}
		(&rig{Breaker: sibling, client: client}).open(t)
		if told != 21 {
			t.Errorf("told %d, want 21: a sibling opened", told)
		}
	})
}

// Answers race with operations and with each other.
func TestAnswersRaceWithOperations(t *testing.T) {
	r := newRig(t, breaker.Config{RecoveryTimeout: time.Hour})
	r.Watch(func() { r.Awaits() })
	done := make(chan struct{})
	for range 2 {
		go func() {
			defer func() { done <- struct{}{} }()
			for range 2000 {
				r.Awaits()
				r.Answered(false)
			}
		}()
	}
	for n := range 2000 {
		_ = r.do(t.Context(), func(context.Context) error { return []error{nil, errDown}[n/10%2] })
		if n%100 == 0 {
			r.Reset()
		}
	}
	<-done
	<-done
}

func TestAWatcherThatPanicsIsContained(t *testing.T) {
	for name, end := range map[string]func(){"panic": func() { panic("no") }, "Goexit": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, breaker.Config{})
			r.Watch(end)
			r.open(t) // each operation ends with its own error
			events := r.recorder.Events(core.EventPanic)
			if len(events) != 1 || events[0].Name != "Watch" {
				t.Errorf("told %v, want one panic in Watch", events)
			}
		})
	}
}
