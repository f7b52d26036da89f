// SPDX-License-Identifier: Apache-2.0

package breaker_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/penstock-go/penstock/middleware/breaker"
)

func TestARingRemembersTheLastOnes(t *testing.T) {
	bad := func(outcomes []bool) (n int) {
		for _, b := range outcomes {
			if b {
				n++
			}
		}
		return n
	}
	random := rand.New(rand.NewPCG(1, 2))
	for _, size := range []int{1, 2, 20, 63, 64, 65, 100, 128} {
		ring := breaker.NewRing(size)
		var all []bool
		for range 5 * size {
			all = append(all, random.IntN(3) == 0)
			ring.Add(all[len(all)-1])
			last := all[max(len(all)-size, 0):]
			if n, got := ring.Sums(); n != len(last) || got != bad(last) {
				t.Fatalf("size %d after %d: %d of %d are bad, want %d of %d", size, len(all), got, n, bad(last), len(last))
			}
			for n := range size + 2 {
				if got, want := ring.Without(n), bad(last[min(n, len(last)):]); got != want {
					t.Fatalf("size %d after %d: without the %d oldest %d are bad, want %d", size, len(all), n, got, want)
				}
			}
		}
	}
}

func TestSlicesRememberTheLastTenSteps(t *testing.T) {
	type outcome struct {
		at  time.Duration
		bad bool
	}
	random := rand.New(rand.NewPCG(3, 4))
	for _, longest := range []int{1, 3, 30, 300} { // pauses between outcomes
		const step = 10
		var (
			slices = breaker.NewSlices(step)
			seen   []outcome
			now    time.Duration
		)
		for range 2000 {
			before := now
			now += time.Duration(random.IntN(longest + 1))
			late := now - time.Duration(random.IntN(2)) // the clock may have been read a little earlier
			o := outcome{max(late, 0), random.IntN(3) == 0}
			slices.Add(o.at, o.bad)
			o.at = max(o.at, before) // it counts in the step that is the newest by then
			seen = append(seen, o)
			all, bad := 0, 0
			for _, o := range seen {
				if o.at/step > now/step-10 {
					all++
					if o.bad {
						bad++
					}
				}
			}
			if n, got := slices.Sums(now); n != all || got != bad {
				t.Fatalf("pauses up to %d, at %d: %d of %d are bad, want %d of %d", longest, now, got, n, bad, all)
			}
		}
	}
}
