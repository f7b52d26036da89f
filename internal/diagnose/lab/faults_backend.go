// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"context"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/middleware/breaker/keyed"
	"github.com/penstock-go/penstock/middleware/retry"
	"github.com/penstock-go/penstock/pool/milvus"
	"github.com/penstock-go/penstock/pool/milvus/milvustest"
)

// backendDown: the server's process is gone. Connections break, and new ones are
// refused. A user says "Milvus is down".
func backendDown(s *Service) func(context.Context) {
	return func(context.Context) { s.backend.Stop() }
}

// serverRestarted: the server's process ends without a word, and is back after one or
// two seconds, as after a crash. A user says "we had a blip".
func serverRestarted(s *Service) func(context.Context) {
	away := time.Duration(1000+s.Random.IntN(1000)) * time.Millisecond
	return func(ctx context.Context) {
		s.backend.Stop()
		sleep(ctx, away)
		_ = s.backend.Restart() // it fails only if the run is over
	}
}

// slowBackend: the server answers everything, right and much more slowly, but within
// the limit of an attempt: its node is short of memory, say. A user says "Milvus is
// slow".
func slowBackend(s *Service) func(context.Context) {
	slow := time.Duration(110+s.Random.IntN(60)) * time.Millisecond
	return func(context.Context) {
		s.Inject(milvustest.Fault{Share: 0.5, Seed: 3, Delay: 60 * time.Millisecond})
		s.Inject(milvustest.Fault{Delay: slow})
	}
}

// hangingCall: about one operation in a hundred, always an insert, never gets an answer.
// The limit of the attempt ends it, and it is not repeated, because the insert may have
// been applied. Everything else is as fast as before. A user says "some writes time
// out".
func hangingCall(s *Service) func(context.Context) {
	s.Routes[3].Weight = s.Routes[0].Weight + s.Routes[1].Weight + s.Routes[2].Weight // half of all requests
	s.Load.Set(40, 1)
	seed := s.Random.Uint64()
	return func(context.Context) {
		s.Inject(milvustest.Fault{Method: "Insert", Share: 0.02, Seed: seed, Hang: true})
	}
}

// slowAttemptThenSuccess: some searches take longer than an attempt may, and are quick
// when they are repeated, as when one replica is busy. The callers get a result, late.
// A user says "our p95 is half a second".
func slowAttemptThenSuccess(s *Service) func(context.Context) {
	seed, share := s.Random.Uint64(), 0.08+0.04*s.Random.Float64()
	return func(context.Context) {
		s.Inject(milvustest.Fault{Method: "Search", Share: share, Seed: seed, Delay: 800 * time.Millisecond})
	}
}

// serverRateLimit: the server has a quota for one of the collections, and refuses most
// of the searches in it. A user says "Milvus throttles us".
func serverRateLimit(s *Service) func(context.Context) {
	seed, limited := s.Random.Uint64(), s.Collections[0]
	return func(context.Context) {
		s.Inject(milvustest.Fault{
			Method: "Search", Share: 0.6, Seed: seed, Delay: time.Millisecond,
			If:     func(_ context.Context, request any) bool { return milvustest.CollectionOf(request) == limited },
			Status: milvustest.RateLimited("request is rejected by grpc RateLimiter middleware, please retry later: rate limit exceeded[rate=10]"),
		})
	}
}

// broken is how a server answers that runs and cannot do its work.
func broken() milvustest.Fault {
	return milvustest.Fault{
		If: isWork, Delay: 2 * time.Millisecond,
		Status: milvustest.NewStatus(milvustest.CodeUnexpected, "fail to search on all shard leaders, err=All attempts results: worker query failed"),
	}
}

// breakerOpen: the server failed until the circuit breaker opened, and is well since. The
// recovery timeout is a minute, twice the default, so the breaker goes on refusing
// everything. The breaker is that of a tenant, the only one: the server answered the health
// monitor all the time, so the monitor does not end the open state. A user says "Milvus is
// fine, and we still refuse".
func breakerOpen(s *Service) func(context.Context) {
	const tenant = "tenant"
	s.Client.Chain.Breaker.FailureThreshold = 1000
	s.Client.Chain.KeyedBreaker = &keyed.Config{
		Key:  func(*core.Call) string { return tenant },
		Each: breaker.Config{RecoveryTimeout: time.Minute},
	}
	open := func() bool {
		b, ok := s.client.KeyedBreaker().Breaker(tenant)
		return ok && b.State() == breaker.Open
	}
	return func(ctx context.Context) {
		defer s.Inject(broken())()
		for !open() && sleep(ctx, 20*time.Millisecond) {
		}
	}
}

// halfOpenProbeFailing: the server answers pings and fails every operation. The breaker
// opens, tries an operation after each recovery timeout, and opens again. A user says
// "the breaker does not close".
func halfOpenProbeFailing(s *Service) func(context.Context) {
	s.Client.Chain.Breaker = breaker.Config{RecoveryTimeout: time.Duration(1200+s.Random.IntN(800)) * time.Millisecond}
	return func(context.Context) { s.Inject(broken()) }
}

// retryBudgetSpent: the server refuses almost half of the operations, each of which
// would succeed if it was repeated. The budget allows one repetition for ten operations
// and one a second, so many operations fail after their first attempt. A user says
// "retries do not help".
func retryBudgetSpent(s *Service) func(context.Context) {
	budget, err := core.NewBudget(0.1, 1)
	if err != nil {
		panic(err) // of constants
	}
	s.Client.Chain.Retry = retry.Config{MaxRetries: 2, Interval: 40 * time.Millisecond, MaxInterval: 400 * time.Millisecond, Budget: budget}
	s.Client.Chain.Breaker = breaker.Config{FailureRate: 0.8, RecoveryTimeout: 2 * time.Second}
	seed, share := s.Random.Uint64(), 0.4+0.1*s.Random.Float64()
	return func(context.Context) {
		s.Inject(milvustest.Fault{
			If: isWork, Share: share, Seed: seed, Delay: 2 * time.Millisecond,
			Status: milvustest.NewStatus(milvustest.CodeUnavailable, "service unavailable: querynode is overloaded"),
		})
	}
}

// oneBadConnection: behind one of the four connections is a proxy that fails every
// operation and answers pings, so that connection stays in the pool. A user says "one
// request in four is odd".
func oneBadConnection(s *Service) func(context.Context) {
	s.Milvus.Pool.MinSize = 4
	return func(context.Context) {
		var (
			once sync.Once
			bad  string
		)
		s.Inject(milvustest.Fault{
			If: func(ctx context.Context, request any) bool {
				from, ok := peer.FromContext(ctx)
				if !ok || !isWork(ctx, request) {
					return false
				}
				once.Do(func() { bad = from.Addr.String() })
				return from.Addr.String() == bad
			},
			Delay: 2 * time.Millisecond,
			Err:   status.Error(codes.Internal, "proxy 3: no upstream channel"),
		})
	}
}

// badCredentials: the password was changed on the server, and not in the service. A
// user says "unauthenticated since the rotation".
func badCredentials(s *Service) func(context.Context) {
	s.Server.Username, s.Server.Password = "app", "before"
	s.Milvus.Username, s.Milvus.Password = "app", milvus.NewSecret("before")
	return func(context.Context) { s.backend.SetCredentials("app", "after", "") }
}
