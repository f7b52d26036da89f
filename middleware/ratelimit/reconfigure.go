// SPDX-License-Identifier: Apache-2.0

package ratelimit

import (
	"time"

	"golang.org/x/time/rate"

	"github.com/penstock-go/penstock/internal/fault"
)

// Reconfigure puts cfg in force. The limiter keeps its tokens, up to the new Burst. With a
// higher Rate, operations that wait are served by it at once. With a lower Rate, they are
// served by the Rate under which they came, because they would not have waited otherwise;
// the lower Rate holds from the first operation that came later. They also keep their
// places, and the MaxWait under which they came.
//
// The Name cannot change. An error names everything that is wrong with cfg, and then
// nothing changes. Reconfigure is safe for concurrent use.
func (l *Limiter) Reconfigure(cfg Config) error {
	cfg, err := cfg.Effective()
	if err != nil {
		return err
	}
	var faults fault.List
	fault.Fixed(&faults, "Name", l.name, cfg.Name)
	if err := faults.Err("ratelimit"); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	l.serveAt(now) // the time so far counts by the old settings
	l.cfg = &cfg
	for w := l.waiters.First(); w != nil; w = w.place.Next() {
		if cfg.Rate >= w.under.Rate {
			w.under = l.cfg
		}
	}
	l.follow(now)
	l.serveAt(now)
	if l.waiters.Len() > 0 {
		l.wakeIn(l.untilToken(now, 1, l.served))
	}
	return nil
}

// follow makes the tokens come as the first waiter expects, or by the settings in force if
// nobody waits. It is called when the first waiter may be another one. The caller holds
// mu.
func (l *Limiter) follow(now time.Time) {
	want := l.cfg
	if w := l.waiters.First(); w != nil {
		want = w.under
	}
	if want != l.served {
		l.served = want
		l.tokens.SetLimitAt(now, rate.Limit(want.Rate))
		l.tokens.SetBurstAt(now, want.Burst)
	}
}
