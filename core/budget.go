// SPDX-License-Identifier: Apache-2.0

package core

import (
	"errors"
	"fmt"
	"math"
	"sync/atomic"
	"time"
)

// Budget bounds the extra attempts that one backend gets: each operation pays
// a share of an attempt in, each further attempt takes a whole one out, and a
// minimum flows in with time, so that rare operations may be repeated too. At
// 100 % failure the backend gets at most 1+ratio attempts an operation, plus
// the minimum. One Budget serves everything that talks to one backend; it is
// safe for concurrent use.
//
// The scheme is Finagle's RetryBudget, see
// https://finagle.github.io/blog/2016/02/08/retry-budgets/.
type Budget struct {
	terms   atomic.Pointer[terms]
	made    *terms       // with which the budget was made
	balance atomic.Int64 // thousandths of an attempt
	filled  atomic.Int64 // until when the minimum has been paid in, see now
}

const budgetUnit = 1000

// terms are what a budget grants. They do not change.
type terms struct {
	ratio     int64 // paid in by an operation, in thousandths of an attempt
	perSecond float64
	max       int64 // the most that is saved, in thousandths of an attempt
	unlimited bool  // grants everything
}

// NewBudget returns a budget that grants ratio further attempts for each
// operation (0.1 is 10 %) and perSecond a second on top. It begins with one
// second's worth of the minimum and saves up ten. Zero for both grants nothing.
// [Unlimited] as the ratio grants everything, for a client that has another bound
// on its attempts: without one, retries make an outage worse. Other values that
// are negative, infinite or not numbers are refused.
func NewBudget(ratio, perSecond float64) (*Budget, error) {
	unlimited := ratio == Unlimited
	if unlimited {
		ratio = 0
	}
	var faults []error
	for _, f := range []struct {
		name  string
		value float64
	}{{"ratio", ratio}, {"perSecond", perSecond}} {
		if f.value < 0 || math.IsNaN(f.value) || f.value > 1e6 {
			faults = append(faults, fmt.Errorf("%s is %v, want 0 to 1e6", f.name, f.value))
		}
	}
	if len(faults) > 0 {
		return nil, fmt.Errorf("core: bad budget: %w", errors.Join(faults...))
	}
	if unlimited {
		return newBudget(&terms{unlimited: true}), nil
	}
	t := &terms{ratio: int64(math.Round(ratio * budgetUnit)), perSecond: perSecond}
	t.max = max(int64(10*perSecond*budgetUnit), 10*budgetUnit)
	if ratio == 0 && perSecond == 0 {
		t.max = 0
	}
	b := newBudget(t)
	b.balance.Store(int64(perSecond * budgetUnit))
	b.filled.Store(int64(now()))
	return b, nil
}

func newBudget(t *terms) *Budget {
	b := &Budget{made: t}
	b.terms.Store(t)
	return b
}

// Unlimited reports whether the budget grants everything.
func (b *Budget) Unlimited() bool { return b.terms.Load().unlimited }

// String describes what the budget grants, such as "10 % + 10/s".
func (b *Budget) String() string {
	t := b.terms.Load()
	if t.unlimited {
		return "unlimited"
	}
	return fmt.Sprintf("%g %% + %g/s", float64(t.ratio)*100/budgetUnit, t.perSecond)
}

// Deposit pays in the share of one operation.
func (b *Budget) Deposit() {
	// A full budget, the normal case, is not written to.
	if t := b.terms.Load(); b.balance.Load() < t.max {
		b.add(t.ratio)
	}
}

// Take takes one attempt out, if there is one.
func (b *Budget) Take() bool {
	if b.Unlimited() {
		return true
	}
	b.refill()
	for {
		have := b.balance.Load()
		if have < budgetUnit {
			return false
		}
		if b.balance.CompareAndSwap(have, have-budgetUnit) {
			return true
		}
	}
}

// Refund puts one attempt back that was taken and not made.
func (b *Budget) Refund() { b.add(budgetUnit) }

// Balance returns how many further attempts the budget would grant now,
// infinitely many if it is unlimited.
func (b *Budget) Balance() float64 {
	if b.Unlimited() {
		return math.Inf(1)
	}
	b.refill()
	return float64(b.balance.Load()) / budgetUnit
}

func (b *Budget) refill() {
	perSecond := b.terms.Load().perSecond
	if perSecond == 0 {
		return
	}
	last, t := b.filled.Load(), int64(now())
	grown := int64(float64(t-last) / float64(time.Second) * perSecond * budgetUnit)
	// Small steps add up before they are paid in, and so do remainders.
	paid := math.Ceil(float64(grown) / (perSecond * budgetUnit) * float64(time.Second))
	if grown >= budgetUnit/100 && b.filled.CompareAndSwap(last, last+int64(paid)) {
		b.add(grown)
	}
}

func (b *Budget) add(n int64) {
	most := b.terms.Load().max
	for {
		have := b.balance.Load()
		sum := min(have+n, most)
		if sum <= have || b.balance.CompareAndSwap(have, sum) {
			return
		}
	}
}
