// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"context"
	"sync"
	"time"
)

// stalls knows when this process did not run although it could have, because the
// machine had other work. A service that is not run for a while is not healthy, and its
// fault is not the one that its scenario made.
type stalls struct {
	mu   sync.Mutex
	seen []stall // guarded by mu
}

type stall struct {
	at   time.Time // when it ended
	took time.Duration
}

const (
	stallTick  = 10 * time.Millisecond
	stallLeast = 50 * time.Millisecond // shorter ones are not noted
)

// watch notes stalls until ctx ends.
func (s *stalls) watch(ctx context.Context) {
	for {
		began := time.Now()
		if !sleep(ctx, stallTick) {
			return
		}
		now := time.Now()
		if late := now.Sub(began) - stallTick; late >= stallLeast {
			s.mu.Lock()
			s.seen = append(s.seen, stall{now, late})
			s.mu.Unlock()
		}
	}
}

// longest returns the longest stall that ended between begin and end.
func (s *stalls) longest(begin, end time.Time) (longest time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, one := range s.seen {
		if !one.at.Before(begin) && !one.at.After(end) {
			longest = max(longest, one.took)
		}
	}
	return longest
}
