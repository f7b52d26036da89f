// SPDX-License-Identifier: Apache-2.0

package penstock

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/middleware/retry"
)

// spent keeps account of the operations that the spent budget kept from another attempt.
// In an outage that is every operation, so they share one record in each logInterval.
// The zero value is ready to use.
type spent struct {
	mu     sync.Mutex // guards the fields below
	logged time.Time  // time of the last record
	since  int        // operations since then
}

// take reports whether there may be a record now, and of how many operations.
func (s *spent) take(now time.Time) (operations int, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.since++
	if !s.logged.IsZero() && now.Sub(s.logged) < logInterval {
		return 0, false
	}
	operations = s.since
	s.logged, s.since = now, 0
	return operations, true
}

// budgetSpent logs that an operation was not attempted again because the budget granted
// nothing.
func (l *logged) budgetSpent(ctx context.Context, e core.Event) {
	if e.Outcome != retry.OutcomeBudget {
		return
	}
	if operations, ok := l.budget.take(time.Now()); ok {
		l.log(ctx, slog.LevelWarn, "penstock: retry budget spent", e, slog.String("operation", e.Op.Name), slog.Int("operations", operations))
	}
}
