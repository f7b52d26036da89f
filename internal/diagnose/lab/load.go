// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// Load says how many requests there are. A scenario changes it while the service runs.
type Load struct {
	mu    sync.Mutex
	rate  float64 // requests in a second; guarded by mu
	burst int     // requests that come at once; guarded by mu
}

func newLoad(rate float64) *Load { return &Load{rate: rate, burst: 1} }

// Rate returns the number of requests in a second.
func (l *Load) Rate() float64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.rate
}

// Set makes rate requests in a second from now on, of which burst come at once.
func (l *Load) Set(rate float64, burst int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rate, l.burst = rate, burst
}

func (l *Load) now() (rate float64, burst int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.rate, l.burst
}

// longestPause bounds the wait for the next request, so that a change of the load is
// seen.
const longestPause = 500 * time.Millisecond

// Tally counts the requests of a service as its callers see them.
type Tally struct {
	Requests, Failed int64
	// Repeated is how often their work was done more than once.
	Repeated int64
}

// well reports whether every request was answered at once.
func (t Tally) well() bool { return t.Failed == 0 && t.Repeated == 0 }

// drive sends requests until ctx ends, and waits for the last of them. The requests do
// not wait for each other: a service that is slow gets as many as before.
func (s *Service) drive(ctx context.Context, random *rand.Rand, tally func() *counts) {
	var (
		running sync.WaitGroup
		total   int
	)
	for _, r := range s.Routes {
		total += r.Weight
	}
	// A request is not ended by the end of the load.
	serving := context.WithoutCancel(ctx)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		rate, burst := s.Load.now()
		pause := random.ExpFloat64() * float64(burst) / rate * float64(time.Second)
		timer.Reset(time.Duration(min(pause, float64(longestPause))))
		select {
		case <-ctx.Done():
			running.Wait()
			return
		case <-timer.C:
		}
		if pause > float64(longestPause) {
			continue // the time to the next request does not depend on how long there was none
		}
		for range burst {
			route := s.choose(random.IntN(total))
			own := rand.New(rand.NewPCG(random.Uint64(), 0))
			c := tally()
			running.Go(func() {
				c.requests.Add(1)
				times, err := s.handle(serving, route, own)
				c.repeated.Add(max(times-1, 0))
				if err != nil {
					c.failed.Add(1)
				}
			})
		}
	}
}

type counts struct{ requests, failed, repeated atomic.Int64 }

func (c *counts) tally() Tally { return Tally{c.requests.Load(), c.failed.Load(), c.repeated.Load()} }

// choose returns the route of a number below the sum of the weights.
func (s *Service) choose(n int) *Route {
	for _, r := range s.Routes {
		if n -= r.Weight; n < 0 {
			return r
		}
	}
	return s.Routes[0]
}
