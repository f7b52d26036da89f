// SPDX-License-Identifier: Apache-2.0

package core_test

import (
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core"
)

func newBudget(t *testing.T, ratio, perSecond float64) *core.Budget {
	t.Helper()
	b, err := core.NewBudget(ratio, perSecond)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// takeAll takes until there is nothing left, and returns how often it could.
func takeAll(b *core.Budget) (n int) {
	for b.Take() {
		n++
	}
	return n
}

func TestABudgetGrantsItsRatio(t *testing.T) {
	tests := []struct {
		ratio      float64
		operations int
		want       int
	}{
		{0.1, 0, 0}, {0.1, 9, 0}, {0.1, 10, 1}, {0.1, 19, 1}, {0.1, 100, 10},
		{0.5, 3, 1}, {1, 7, 7}, {0.001, 999, 0}, {0.001, 1000, 1},
	}
	for _, test := range tests {
		b := newBudget(t, test.ratio, 0)
		for range test.operations {
			b.Deposit()
		}
		if got := takeAll(b); got != test.want {
			t.Errorf("ratio %v: %d attempts for %d operations, want %d", test.ratio, got, test.operations, test.want)
		}
	}
}

func TestABudgetGrantsItsMinimumOverTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(t, 0, 10)
		if got := takeAll(b); got != 10 {
			t.Errorf("%d attempts at the start, want one second's worth, 10", got)
		}
		for _, wait := range []time.Duration{time.Second, 100 * time.Millisecond, 2 * time.Second} {
			time.Sleep(wait)
			if got, want := takeAll(b), int(10*wait.Seconds()); got != want {
				t.Errorf("%d attempts after %v, want %d", got, wait, want)
			}
		}
	})
}

func TestAskingOftenDoesNotEatTheMinimum(t *testing.T) {
	for _, every := range []time.Duration{100 * time.Microsecond, 1090 * time.Microsecond, 1999 * time.Microsecond, 7 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			b := newBudget(t, 0, 10)
			takeAll(b)
			got := 0
			for begin := time.Now(); time.Since(begin) < 10*time.Second; {
				time.Sleep(every)
				got += takeAll(b)
			}
			if got < 99 || got > 101 {
				t.Errorf("asked every %v: %d attempts in 10s, want 100", every, got)
			}
		})
	}
}

func TestABudgetSavesUpTenSecondsWorthAndAtLeastTenAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, test := range []struct {
			ratio, perSecond float64
			want             int
		}{{0.1, 10, 100}, {0, 10, 100}, {0.1, 0.5, 10}, {0.1, 0, 10}} {
			b := newBudget(t, test.ratio, test.perSecond)
			time.Sleep(time.Hour)
			for range 10_000 {
				b.Deposit()
			}
			b.Refund()
			if balance := b.Balance(); balance != float64(test.want) {
				t.Errorf("Balance = %v with %+v, want %d", balance, test, test.want)
			}
			if got := takeAll(b); got != test.want {
				t.Errorf("%d attempts with %+v, want %d", got, test, test.want)
			}
		}
	})
}

func TestRefundPutsBackWhatWasTaken(t *testing.T) {
	b := newBudget(t, 1, 0)
	b.Deposit()
	for range 3 {
		if !b.Take() || b.Take() {
			t.Fatal("want one attempt and no other")
		}
		b.Refund()
	}
	if got := b.Balance(); got != 1 {
		t.Errorf("Balance = %v, want 1", got)
	}
}

func TestABudgetOfZeroGrantsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(t, 0, 0)
		for range 1000 {
			b.Deposit()
			b.Refund()
			time.Sleep(time.Second)
			if b.Take() {
				t.Fatal("Take = true, want never")
			}
		}
		if b.Balance() != 0 {
			t.Errorf("Balance = %v, want 0", b.Balance())
		}
	})
}

func TestNewBudgetRefusesBadValues(t *testing.T) {
	for _, ratio := range []float64{0, 1, core.Unlimited} { // -1 is a ratio, and not a rate
		if b, err := core.NewBudget(ratio, -1); b != nil || err == nil || strings.Contains(err.Error(), "ratio is") {
			t.Errorf("NewBudget(%v, -1) = %v, %v, want an error about perSecond alone", ratio, b, err)
		}
	}
	bad := []float64{-2, -1e-9, math.NaN(), math.Inf(1), math.Inf(-1), 1e7}
	for _, v := range bad {
		for _, args := range [][2]float64{{v, 1}, {1, v}, {v, v}, {core.Unlimited, v}} {
			b, err := core.NewBudget(args[0], args[1])
			if b != nil || err == nil {
				t.Errorf("NewBudget(%v) = %v, %v, want an error", args, b, err)
				continue
			}
			for i, name := range []string{"ratio", "perSecond"} {
				if named := strings.Contains(err.Error(), name+" is"); named == (args[i] == 1 || args[i] == core.Unlimited) {
					t.Errorf("NewBudget(%v) = %v: %s named: %t", args, err, name, named)
				}
			}
		}
	}
}

func TestAnOutageCostsAtMostTheRatioAndTheMinimum(t *testing.T) {
	for _, pace := range []time.Duration{0, 10 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			const ratio, perSecond, operations = 0.1, 10, 1000
			b := newBudget(t, ratio, perSecond)
			begin, extra := time.Now(), 0
			for range operations {
				b.Deposit()
				for range 3 { // retries, which fail too
					if b.Take() {
						extra++
					}
				}
				time.Sleep(pace)
			}
			minimum := perSecond * (1 + time.Since(begin).Seconds())
			most := ratio*operations + minimum
			if got := float64(extra); got > most || got < most-2 {
				t.Errorf("%d further attempts for %d operations in %v, want %v", extra, operations, time.Since(begin), most)
			}
		})
	}
}

func TestABudgetNeverGrantsMoreThanWasPaidIn(t *testing.T) {
	const workers, rounds, paid = 8, 5_000, 0.1
	b := newBudget(t, paid, 0)
	var granted, deposits atomic.Int64
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for i := range rounds {
				// Counted before, so that at no instant more is paid than counted.
				deposits.Add(1)
				b.Deposit()
				if b.Take() {
					if i%3 == 0 {
						b.Refund()
					} else if n := granted.Add(1); float64(n) > paid*float64(deposits.Load()) {
						t.Errorf("%d granted of %d deposits", n, deposits.Load())
						return
					}
				}
			}
		})
	}
	wg.Wait()
	// Nothing is lost either: the cap is far away, for everybody takes at once.
	all := float64(granted.Load()) + b.Balance()
	if want := paid * workers * rounds; math.Abs(all-want) > 1e-6 {
		t.Errorf("%d granted and %v left, want %v in all", granted.Load(), b.Balance(), want)
	}
}

func TestTheMinimumIsPaidInOnceWhoeverAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(t, 0, 100)
		takeAll(b)
		var granted atomic.Int64
		var wg sync.WaitGroup
		for range 16 {
			wg.Go(func() {
				for range 50 {
					time.Sleep(20 * time.Millisecond)
					granted.Add(int64(takeAll(b)))
				}
			})
		}
		wg.Wait()
		if got := granted.Load(); got < 99 || got > 100 {
			t.Errorf("%d attempts in 1s, want 100", got)
		}
	})
}

func TestAnUnlimitedBudgetGrantsEverything(t *testing.T) {
	b := newBudget(t, core.Unlimited, 0)
	for range 100_000 {
		if !b.Take() {
			t.Fatal("it refused")
		}
	}
	b.Deposit()
	b.Refund()
	if got := b.Balance(); !math.IsInf(got, 1) {
		t.Errorf("balance %v, want infinity", got)
	}
}

func TestABudgetSaysWhatItGrants(t *testing.T) {
	for _, test := range []struct {
		budget    *core.Budget
		text      string
		unlimited bool
	}{
		{newBudget(t, 0.1, 10), "10 % + 10/s", false},
		{newBudget(t, 0, 0), "0 % + 0/s", false},
		{newBudget(t, 0.125, 0.5), "12.5 % + 0.5/s", false},
		{newBudget(t, core.Unlimited, 0), "unlimited", true},
	} {
		if got := test.budget.String(); got != test.text || test.budget.Unlimited() != test.unlimited {
			t.Errorf("it says %q, unlimited %v, want %q, %v", got, test.budget.Unlimited(), test.text, test.unlimited)
		}
	}
}
