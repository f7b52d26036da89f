// SPDX-License-Identifier: Apache-2.0

package breaker_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/middleware/breaker"
)

// outcomes runs one operation for each letter: s succeeds, f fails, n is
// neutral, and a dot is a second without any.
func (r *rig) outcomes(t *testing.T, letters string) {
	t.Helper()
	for n, letter := range letters {
		if r.State() != breaker.Closed {
			t.Fatalf("breaker %v after %q", r.State(), letters[:n])
		}
		switch letter {
		case 's':
			r.end(t, 1, nil)
		case 'f':
			r.end(t, 1, errDown)
		case 'n':
			r.end(t, 1, errLimited)
		default:
			time.Sleep(time.Second)
		}
	}
}

func TestARateOfFailuresOpensIt(t *testing.T) {
	var (
		byCount = breaker.Config{FailureRate: 0.5, FailureWindow: 6, MinimumCalls: 4}
		byTime  = breaker.Config{FailureRate: 0.5, FailureWindowTime: 10 * time.Second, MinimumCalls: 4}
		both    = breaker.Config{FailureRate: 0.5, FailureWindow: 20, FailureThreshold: 3}
		exact   = breaker.Config{FailureRate: 0.07, FailureWindow: 100, MinimumCalls: 100}
	)
	for _, row := range []struct {
		name string
		cfg  breaker.Config
		runs string
		want breaker.State
	}{
		{"too few to judge", byCount, "fff", breaker.Closed},
		{"enough", byCount, "ffff", breaker.Open},
		{"a success makes them enough", byCount, "fffs", breaker.Open},
		{"below the rate", byCount, "ssfssfssfssf", breaker.Closed},
		{"at the rate", byCount, "sssfff", breaker.Open},
		{"never in a row", byCount, "sfsf", breaker.Open},
		{"old failures leave the window", byCount, "fsssfsfsss", breaker.Closed},
		{"old successes leave the window", byCount, strings.Repeat("s", 100) + "fff", breaker.Open},
		{"neutral ones are not in it", byCount, "fffnnnnnnnnn", breaker.Closed},
		{"neutral ones push nothing out", byCount, "fffnnnnnnnnnf", breaker.Open},
		{"many in a row do not count", breaker.Config{FailureRate: 1}, strings.Repeat("f", 19), breaker.Closed},
		{"the default minimum", breaker.Config{FailureRate: 1}, strings.Repeat("f", 20), breaker.Open},
		{"many in a row do count if they should", both, "sffsfff", breaker.Open},
		{"both, and neither is reached", both, strings.Repeat("sfsf", 10)[:19], breaker.Closed},
		{"both, and the rate is reached", both, strings.Repeat("sfsf", 10)[:20], breaker.Open},
		{"a rate that has no exact float", exact, strings.Repeat("s", 93) + "f" + "ff" + "fff" + "f", breaker.Open},
		{"within the time", byTime, "ff........ff", breaker.Open},
		{"not within the time", byTime, "ff..........ff", breaker.Closed},
		{"old failures leave the time", byTime, "sff..........sssffs", breaker.Closed},
		{"a long pause forgets all", byTime, "fff" + strings.Repeat(".", 1000) + "fff", breaker.Closed},
	} {
		t.Run(row.name, func(t *testing.T) {
			for _, attempts := range []bool{false, true} {
				synctest.Test(t, func(t *testing.T) {
					row.cfg.CountAttempts = attempts
					r := newRig(t, row.cfg)
					r.outcomes(t, row.runs)
					r.is(t, row.want)
					if row.want == breaker.Open {
						if r.Snapshot().Timing.OpenedBecause == "" {
							t.Error("opened for no reason")
						}
						r.recover(t)
					}
				})
			}
		})
	}
}

func TestTheWindowBeginsAnewWhenTheBreakerCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, breaker.Config{FailureRate: 0.5, FailureWindow: 10, MinimumCalls: 4})
		r.outcomes(t, "fffs")
		transitions := r.recorder.Events(core.EventTransition)
		if len(transitions) != 1 || transitions[0].Err == nil {
			t.Errorf("observed %+v, want one transition with its reason", transitions)
		}
		r.recover(t)
		r.end(t, 3, nil)
		r.is(t, breaker.Closed)
		if c := r.Snapshot().Current; c.WindowCalls != 0 || c.WindowFailures != 0 {
			t.Errorf("the window holds %+v, want nothing", c)
		}
		r.outcomes(t, "fff")
		if c := r.Snapshot().Current; c.WindowCalls != 3 || c.WindowFailures != 3 {
			t.Errorf("the window holds %+v, want 3 of 3", c)
		}
		r.Reset()
		r.outcomes(t, "fff")
		r.is(t, breaker.Closed)
		r.outcomes(t, "f")
		r.is(t, breaker.Open)
		r.recover(t)
	})
}

func TestAFailedProbeOpensItAtAnyRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, breaker.Config{FailureRate: 0.9, FailureWindow: 4})
		r.outcomes(t, "ffff")
		r.recover(t)
		r.end(t, 2, nil)
		r.end(t, 1, errDown)
		r.is(t, breaker.Open)
		r.recover(t)
	})
}
