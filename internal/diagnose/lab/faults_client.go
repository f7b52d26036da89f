// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/middleware/bulkhead"
	"github.com/penstock-go/penstock/middleware/hedge"
	"github.com/penstock-go/penstock/middleware/ratelimit"
	"github.com/penstock-go/penstock/pool/milvus/milvustest"
)

// connectionRefused: new connections are refused, by a rule of a firewall, say, and the
// open ones go on. The pool wants to replace its connections every few seconds, and
// cannot. The operations succeed. A user says "dial tcp: connection refused, but it
// works".
func connectionRefused(s *Service) func(context.Context) {
	s.Wired = true
	s.Milvus.Pool.MaxLifetime = time.Duration(3000+s.Random.IntN(1500)) * time.Millisecond
	return func(context.Context) { s.wire.refuse() }
}

// blackHole: the network swallows everything. No connection breaks, and nothing is
// answered. A user says "everything times out".
func blackHole(s *Service) func(context.Context) {
	s.Wired = true
	return func(context.Context) { s.wire.swallow() }
}

// strongConsistency: a release asks for Strong consistency, and every read waits for the
// server's next time tick, up to 200 ms. Inserts are as fast as before. A user says
// "search got slow with the release".
func strongConsistency(s *Service) func(context.Context) {
	s.Server.TimeTick = 200 * time.Millisecond
	return func(context.Context) {
		for _, r := range s.Routes {
			r.Change(func(m *Manners) { m.Strong = true })
		}
	}
}

// ownRateLimit: there are three times as many requests, and the rate limiter of the
// service lets pass what it was made for. A user says "we throttle ourselves".
func ownRateLimit(s *Service) func(context.Context) {
	rate := s.Load.Rate()
	s.Client.Chain.RateLimit = &ratelimit.Config{Rate: 1.3 * rate, Burst: int(1.3 * rate)}
	return func(context.Context) { s.Load.Set(3*rate, 1) }
}

// bulkheadFull: the requests come in bursts, from a job, and there are more in a burst
// than the bulkhead has slots and seats for waiting. A user says "the job gets errors".
func bulkheadFull(s *Service) func(context.Context) {
	s.Latency = 20 * time.Millisecond
	s.Client.Chain.Bulkhead = &bulkhead.Config{MaxConcurrent: 6, MaxWaiting: 6, MaxWait: 50 * time.Millisecond}
	rate, burst := s.Load.Rate(), 24+s.Random.IntN(12)
	return func(context.Context) { s.Load.Set(1.2*rate, burst) }
}

// wrongCollection: a release of one caller asks for a collection that does not exist.
// The server answers so, and everything else works. A user says "collection not found".
func wrongCollection(s *Service) func(context.Context) {
	wrong := s.Collections[1] + "_v2"
	return func(context.Context) {
		s.Routes[1].Change(func(m *Manners) { m.Collection = wrong })
	}
}

// poolTooSmall: there are five times as many requests, which is not much, and the pool
// has seats for two. A user says "pool timeout".
func poolTooSmall(s *Service) func(context.Context) {
	s.Latency = 35 * time.Millisecond
	s.Milvus.Pool.MinSize, s.Milvus.Pool.MaxSize, s.Milvus.Pool.MaxSharing = 1, 1, 2
	s.Milvus.Pool.AcquireTimeout = 150 * time.Millisecond
	s.Load.Set(9+3*s.Random.Float64(), 1)
	rate := s.Load.Rate()
	return func(context.Context) { s.Load.Set(6*rate, 1) }
}

// leakedConnections: a release takes connections from the pool for a report, and does
// not give them back when the report is empty. After some seconds the pool has none
// left. A user says "it works after a restart, for a while".
func leakedConnections(s *Service) func(context.Context) {
	s.Milvus.Pool.MinSize, s.Milvus.Pool.MaxSize, s.Milvus.Pool.MaxSharing = 2, 2, 4
	s.Milvus.Pool.LeakAfter = 3 * time.Second
	s.Milvus.Pool.AcquireTimeout = 250 * time.Millisecond
	every := time.Duration(400+s.Random.IntN(200)) * time.Millisecond
	return func(ctx context.Context) {
		for sleep(ctx, every) {
			_, _ = s.client.Pool().Acquire(ctx) // neither released nor discarded: the fault
		}
	}
}

// healthGateShut: the server answers the pings of the health stage with "not ready", and
// does its work all the same. A single failed probe shuts the gate: with a higher
// threshold, the operations that succeed between two probes would keep it open. The gate
// lets an attempt pass about once an interval, opens, and is shut by the next probe. A
// user says "Milvus answers, and we say unhealthy".
func healthGateShut(s *Service) func(context.Context) {
	s.Client.Chain.Health.DownThreshold = 1
	s.Client.Chain.Health.Interval = time.Duration(1800+s.Random.IntN(800)) * time.Millisecond
	return func(context.Context) {
		s.Inject(milvustest.Fault{Method: "GetVersion", Status: milvustest.NotReady("service not ready: datacoord is recovering")})
	}
}

// deadlineTooShort: a release of one caller gives each request less time than the server
// needs for most of them, which is as much as before. A user says "deadline exceeded on
// one page".
func deadlineTooShort(s *Service) func(context.Context) {
	s.Latency = time.Duration(12+s.Random.IntN(6)) * time.Millisecond
	deadline := s.Latency * 8 / 10
	return func(context.Context) {
		s.Routes[1].Change(func(m *Manners) { m.Deadline = deadline })
	}
}

// callerCancelled: the users of one page leave before it is there, after a change of the
// page. A user says "context canceled".
func callerCancelled(s *Service) func(context.Context) {
	s.Latency = time.Duration(14+s.Random.IntN(6)) * time.Millisecond
	patience := s.Latency / 2
	return func(context.Context) {
		s.Routes[0].Change(func(m *Manners) { m.Impatient, m.Patience = 0.6, patience })
	}
}

// hedgingOverload: a release hedges every search after 2 ms and without a budget. The
// server gets twice the searches, which is more than it can do, and becomes twenty times
// slower. A user says "Milvus cannot keep up since the release".
func hedgingOverload(s *Service) func(context.Context) {
	s.Load.Set(58+4*s.Random.Float64(), 1)
	s.Routes[2].Weight, s.Routes[3].Weight = 1, 1
	unlimited, err := core.NewBudget(core.Unlimited, 0)
	if err != nil {
		panic(err) // of constants
	}
	before, after := newHedger(hedge.Config{Delay: 400 * time.Millisecond}), newHedger(hedge.Config{Delay: 2 * time.Millisecond, Budget: unlimited})
	s.use(before)
	// The server does 71 searches in a second: each takes 14 ms for every one under way,
	// of which it counts at most 24. Without hedges it has to do some 50.
	const each = 14 * time.Millisecond
	s.Latency = each
	s.crowded = func(*rand.Rand) time.Duration {
		return each * time.Duration(min(s.backend.InFlight("Search"), 24)-1)
	}
	return func(context.Context) { s.use(after) }
}

// metricsOverflow: a release names the tenant in the target of its operations, and there
// are thousands of tenants. The operations succeed. A user says "the dashboard shows
// _OTHER".
func metricsOverflow(s *Service) func(context.Context) {
	name := s.Collections[0]
	s.Load.Set(45, 1)
	return func(context.Context) {
		s.Routes[0].Change(func(m *Manners) {
			m.Target = func(random *rand.Rand) string { return fmt.Sprintf("%s_%05d", name, random.IntN(20_000)) }
		})
	}
}

func newHedger(cfg hedge.Config) *hedge.Hedger {
	h, err := hedge.New(cfg)
	if err != nil {
		panic(err) // of constants
	}
	return h
}

// use makes every caller hedge its reads with h.
func (s *Service) use(h *hedge.Hedger) {
	for _, r := range s.Routes {
		r.Change(func(m *Manners) { m.Hedger = h })
	}
}
