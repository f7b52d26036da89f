// SPDX-License-Identifier: Apache-2.0

package coretest_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
)

func TestTheBackendBehavesAsItsPhasesSay(t *testing.T) {
	errBad, errRefused := errors.New("bad"), errors.New("refused")
	synctest.Test(t, func(t *testing.T) {
		s := coretest.NewScenario(
			coretest.Phase{For: time.Minute, Latency: time.Second},
			coretest.Phase{For: time.Minute, Latency: 2 * time.Second, Err: errBad},
			coretest.Phase{For: time.Minute, Hang: true},
			coretest.Phase{For: time.Minute, Refuse: errRefused},
			coretest.Phase{},
		)
		for _, phase := range []struct {
			answer error
			after  time.Duration
			dial   error
		}{
			{nil, time.Second, nil},
			{errBad, 2 * time.Second, nil},
			{context.DeadlineExceeded, 10 * time.Second, context.DeadlineExceeded},
			{errRefused, 0, errRefused},
			{nil, 0, nil},
		} {
			began := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			if err := s.Request(ctx); err != phase.answer || time.Since(began) != phase.after {
				t.Errorf("Request = %v after %v, want %v after %v", err, time.Since(began), phase.answer, phase.after)
			}
			if err := s.Dial(ctx); err != phase.dial {
				t.Errorf("Dial = %v, want %v", err, phase.dial)
			}
			cancel()
			time.Sleep(time.Minute - time.Since(began))
		}
		if n := s.Requests(); n != 5 {
			t.Errorf("Requests = %d, want 5", n)
		}
	})
}

func TestRequestsBeyondTheCapacityWaitAlsoForThoseThatHaveGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := coretest.NewScenario(
			coretest.Phase{For: 5*time.Second + 500*time.Millisecond, Latency: time.Second, Capacity: 1},
			coretest.Phase{Latency: time.Second, Capacity: 2},
		)
		impatient, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer cancel()
		ends := make(chan string, 10)
		for n := range 10 {
			ctx := t.Context()
			if n == 1 || n == 2 {
				ctx = impatient
			}
			go func() {
				began := time.Now()
				err := s.Request(ctx)
				ends <- fmt.Sprintf("%d: %v after %v", n, err, time.Since(began))
			}()
			synctest.Wait() // in this order
		}
		for _, want := range []string{
			"0: <nil> after 1s", "1: context deadline exceeded after 1.5s", "2: context deadline exceeded after 1.5s",
			"3: <nil> after 4s", "4: <nil> after 5s", "5: <nil> after 6s",
			"6: <nil> after 6.5s", "7: <nil> after 7s", "8: <nil> after 7.5s", "9: <nil> after 8s",
		} {
			synctest.Wait()
			if got := <-ends; got != want {
				// The two impatient ones end at the same instant.
				if other := <-ends; other != want {
					t.Errorf("%s, want %s", got, want)
				}
				ends <- got
			}
		}
		if wasted := s.Steps()[2].Wasted + s.Steps()[3].Wasted; wasted != 2 {
			t.Errorf("%d requests were done for a caller that had gone, want 2\n%s", wasted, s.Transcript())
		}
	})
}

func TestTheLoadDoesNotWaitForAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := coretest.NewScenario(coretest.Phase{Name: "slow", Latency: 2 * time.Second})
		s.Run(100*time.Millisecond, 2*time.Second, s.Request)
		for n, want := range []coretest.Step{
			{Phase: "slow", Started: 10, Requests: 10},
			{Phase: "slow", Started: 10, Requests: 10},
			{Phase: "slow", Succeeded: 10},
			{Phase: "slow", Succeeded: 10},
		} {
			if got := s.Steps()[n]; got != want {
				t.Errorf("second %d: %+v, want %+v", n, got, want)
			}
		}
	})
}

func TestATranscriptIsTheSameInEveryRun(t *testing.T) {
	const want = `      time  phase  started succeeded  failed  rejected  requests  wasted
        0s  well        10         9       0         0        10       0
        1s  hung        10         1       0         0        10       0
    1.500s  half of it
        2s  again       10         3      10         3         7       0
        3s  again        0         4       0         0         0       0
`
	for range 100 {
		synctest.Test(t, func(t *testing.T) {
			s := coretest.NewScenario(
				coretest.Phase{Name: "well", For: time.Second, Latency: 100 * time.Millisecond},
				coretest.Phase{Name: "hung", For: time.Second, Hang: true},
				coretest.Phase{Name: "again", Latency: 700 * time.Millisecond},
			)
			time.AfterFunc(1500*time.Millisecond, func() { s.Note("half of %s", "it") })
			var n atomic.Int64
			s.Run(100*time.Millisecond, 3*time.Second, func(ctx context.Context) error {
				if n.Add(1) > 27 {
					return core.ErrRejected
				}
				ctx, cancel := context.WithTimeout(ctx, time.Second)
				defer cancel()
				return s.Request(ctx)
			})
			if got := s.Transcript(); got != want {
				t.Fatalf("Transcript =\n%s\nwant\n%s", got, want)
			}
		})
	}
}
