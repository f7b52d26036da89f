// SPDX-License-Identifier: Apache-2.0

package breaker

import (
	"sync"
	"time"

	"github.com/penstock-go/penstock/core"
)

// ticket is a permit of one call, whose attempts count one by one or may be
// slow. It is used again for other calls.
type ticket struct {
	*permit
	refused bool // by Begin, and Ended has not been called since

	// Guarded by the mutex of the period's slowCalls. The call is there from
	// Begin to Ended.
	call       *core.Call
	start      time.Duration
	prev, next *ticket
	slow       bool
	pinned     bool // the call must not go on
}

var tickets = sync.Pool{New: func() any { return new(ticket) }}

func newTicket(p *permit) *ticket {
	t := tickets.Get().(*ticket)
	t.permit = p
	return t
}

// free gives t back. Its attempts are over.
func (t *ticket) free() {
	if slow := t.period.slow; slow != nil {
		slow.end(t, false, false) // there still only if the guard of another stage panicked
	}
	*t = ticket{}
	tickets.Put(t)
}

// Begin forbids what the permit forbids, and watches the attempt.
func (t *ticket) Begin(call *core.Call) error {
	err := t.permit.Begin(call)
	t.refused = err != nil
	if slow := t.period.slow; err == nil && slow != nil {
		slow.begin(t, call)
	}
	return err
}

// Ended counts the attempt, if attempts or slow ones count.
func (t *ticket) Ended(call *core.Call, ran time.Duration, class core.Class) {
	b := t.breaker
	verdict := b.verdict(class, ran)
	if slow := t.period.slow; slow != nil {
		late := ran >= b.cfg.SlowCallThreshold
		// Whoever gave up after that long has seen that it is slow; of one given
		// up earlier nobody knows.
		told := verdict != core.Neutral || late && class.Code == core.TypeCanceled
		if slow.end(t, told, late) {
			b.tooSlow(t.permit, call)
		}
	}
	switch {
	case !b.cfg.CountAttempts:
	case t.refused:
		t.refused = false
		b.rejected.Add(1)
	default:
		b.count(t.permit, call, verdict, attemptError(class.Code))
	}
}

// attemptError stands for the error of an attempt, of which a guard is told the
// type alone.
type attemptError string

func (e attemptError) Error() string     { return "attempt failed: " + string(e) }
func (e attemptError) ErrorType() string { return string(e) }
