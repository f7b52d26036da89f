// SPDX-License-Identifier: Apache-2.0

package breaker

import (
	"sync"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/errtype"
	"github.com/penstock-go/penstock/internal/list"
)

// ticket is the guard of one call whose attempts are followed one by one: each
// of them counts, or may be slow. A ticket is used again for other calls.
type ticket struct {
	*period
	cfg     *Config    // in force when the call began
	slow    *slowCalls // watches the attempts; nil if nothing does
	probe   *probe     // the probe that the call is, nil if it is none
	refused bool       // BeforeWork forbade the work, and AfterAttempt has not been called since

	// Guarded by the mutex of the period's slowCalls, and zero between attempts.
	call   *core.Call         // its attempt is at work
	start  time.Duration      // of the work, since the breaker was made
	place  list.Elem[*ticket] // among the attempts that are not slow yet
	late   bool               // the attempt is slow
	pinned bool               // the call must not go on
}

var tickets = sync.Pool{New: func() any { return new(ticket) }}

func newTicket(p *period, cfg *Config, slow *slowCalls, pr *probe) *ticket {
	t := tickets.Get().(*ticket)
	t.period, t.cfg, t.slow, t.probe = p, cfg, slow, pr
	return t
}

// free gives t back. Its attempts are over.
func (t *ticket) free() {
	if t.slow != nil {
		t.slow.end(t, false, false) // it has not ended only if the guard of another stage panicked
	}
	*t = ticket{}
	tickets.Put(t)
}

// watcher returns what watches for slow attempts of the call; nil if nothing does.
// The probe around an inner operation takes longer than it, and is watched itself.
func (t *ticket) watcher() *slowCalls {
	if t.probe != nil && t.probe.inner {
		return nil
	}
	return t.slow
}

// BeforeWork forbids what the period forbids, and watches the attempt.
func (t *ticket) BeforeWork(call *core.Call) error {
	err := t.period.BeforeWork(call)
	t.refused = err != nil
	if slow := t.watcher(); err == nil && slow != nil {
		slow.begin(t, call)
	}
	return err
}

// AfterAttempt counts the attempt, if attempts or slow ones count.
func (t *ticket) AfterAttempt(call *core.Call, o core.Outcome) {
	b := t.breaker
	verdict := b.verdict(&o)
	if slow := t.watcher(); slow != nil {
		late := o.Ran >= t.cfg.SlowCallThreshold
		// A canceled attempt counts as slow only if it had already passed the
		// threshold.
		counts := verdict != core.Neutral || late && o.ErrorType == errtype.Canceled
		if slow.end(t, counts, late) {
			b.tell(b.open(t.period, call, errTooSlow), call, errTooSlow)
		}
	}
	switch {
	case !t.cfg.CountAttempts:
	case t.refused:
		t.refused = false
		b.rejected.Add(1)
	default:
		b.count(t.period, t.probe, call, verdict, call.AttemptError())
	}
}
