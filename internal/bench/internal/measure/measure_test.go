// SPDX-License-Identifier: Apache-2.0

package measure_test

import (
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/penstock-go/penstock/internal/bench/internal/measure"
)

func TestMedianIsTheMiddleOrTheMeanOfTheMiddleTwo(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   float64
	}{{nil, 0}, {[]float64{3, 1, 2}, 2}, {[]float64{4, 1, 3, 2}, 2.5}} {
		if got := measure.Median(c.values); got != c.want {
			t.Errorf("Median(%v) = %v, want %v", c.values, got, c.want)
		}
	}
}

func TestTheRatioIsTheMedianOfTheRoundsAndNotTheRatioOfTheMedians(t *testing.T) {
	self, peer := []float64{1, 2, 10}, []float64{3, 4, 5} // 3, 2 and 0.5 times; the medians are 2 and 4
	same := func(v float64) float64 { return v }
	if got := measure.RatioOf(peer, self, same); got != 2 {
		t.Errorf("RatioOf = %v, want 2", got)
	}
	peer[1] = 8
	if got := measure.RatioOf(peer, self, same); got != 3 { // of the medians: 2.5
		t.Errorf("RatioOf = %v, want 3", got)
	}
}

func TestEachRoundBeginsWithAnotherSubject(t *testing.T) {
	var order []int
	found, err := measure.Rounds(3, 2, func(subject int) (int, error) {
		order = append(order, subject)
		return len(order), nil
	})
	if want := []int{0, 1, 1, 0, 0, 1}; err != nil || !slices.Equal(order, want) {
		t.Errorf("order = %v, error %v, want %v", order, err, want)
	}
	if want := []int{1, 4, 5}; !slices.Equal(found[0], want) {
		t.Errorf("samples of the first subject = %v, want %v", found[0], want)
	}
}

func TestRoundsEndWithTheFirstError(t *testing.T) {
	failure := errors.New("failure")
	calls := 0
	_, err := measure.Rounds(3, 2, func(int) (int, error) { calls++; return 0, failure })
	if err != failure || calls != 1 {
		t.Errorf("Rounds = %v after %d calls, want %v after 1", err, calls, failure)
	}
}

var sink atomic.Pointer[[512]byte]

func TestALoadCountsForEachRepetition(t *testing.T) {
	load := measure.Load{Callers: 2, Length: 20 * time.Millisecond, Batch: 100}
	var turns atomic.Int64
	s, err := load.Run(func(_, n int) error {
		for range n {
			turns.Add(1)
			sink.Store(new([512]byte))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if s.Allocs < 0.99 || s.Allocs > 1.1 || s.Bytes < 511 || s.Bytes > 600 {
		t.Errorf("%.3f allocations of %.0f bytes in all, want 1 of 512", s.Allocs, s.Bytes)
	}
	// Each caller is at work for at least Length.
	if total := s.NS * float64(turns.Load()); total < float64(load.Length) {
		t.Errorf("%d repetitions took %v, want at least %v", turns.Load(), time.Duration(total), load.Length)
	}
}

func TestALoadEndsWithAnError(t *testing.T) {
	failure := errors.New("failure")
	load := measure.Load{Callers: 2, Length: time.Hour, Batch: 1}
	if _, err := load.Run(func(int, int) error { return failure }); err != failure {
		t.Errorf("Run = %v, want %v", err, failure)
	}
}

func TestPatienceIsUsedUp(t *testing.T) {
	p := measure.Patience(time.Second)
	if p.Again(1, time.Second) || p.Again(0, time.Second) {
		t.Error("Again repeats an undisturbed measurement, or one of an unknown share")
	}
	if !p.Again(0.5, time.Second) || p.Again(0.5, time.Second) {
		t.Error("Again does not repeat a disturbed measurement, or repeats without patience")
	}
	p.Await() // returns at once, whatever the machine does
}
