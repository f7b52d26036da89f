// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"go.opentelemetry.io/otel/trace"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/middleware/bulkhead"
	"github.com/penstock-go/penstock/middleware/health"
	"github.com/penstock-go/penstock/middleware/ratelimit"
	"github.com/penstock-go/penstock/middleware/retry"
	"github.com/penstock-go/penstock/middleware/timeout"
	"github.com/penstock-go/penstock/pool"
	"github.com/penstock-go/penstock/pool/milvus"
	"github.com/penstock-go/penstock/pool/milvus/milvustest"
)

// A Scenario prepares a service that has not started yet: it changes the fields of s as
// it needs them. It returns what breaks the service once it runs; nil breaks nothing.
// ctx ends with the run.
type Scenario func(s *Service) (breaks func(ctx context.Context))

// Service is one program with a client of Penstock, its Milvus server and its load.
// A scenario may change the exported fields, and what they point at, before the start.
type Service struct {
	// Random decides everything that differs between seeds. It is for the scenario
	// alone, and not for what it returns.
	Random *rand.Rand
	// Server is what the Milvus server accepts, Milvus how the client reaches the
	// server, and Client how it uses it. The service fills in addresses and providers.
	Server milvustest.Config
	Milvus milvus.Config
	Client penstock.Config
	// Backend, if set, changes what Milvus makes before the client is opened. It may be
	// called more than once.
	Backend func(*penstock.Backend[*milvus.Conn])
	// Wired puts a wire between client and server, which a scenario can cut.
	Wired bool
	// Latency is how long the server works for a search, a query or an insert: half of
	// it, once or twice.
	Latency time.Duration
	// Load is what the callers ask for, Routes by whom.
	Load   *Load
	Routes []*Route
	// Collections are those of the server.
	Collections []string

	backend *milvustest.Server
	wire    *wire        // nil unless Wired
	serving sync.RWMutex // guards client while there are requests; each holds it for reading
	client  *penstock.Client[*milvus.Conn]
	tracer  trace.Tracer
	crowded milvustest.Latency // of each search, beside Latency; nil for a server that has room
}

// newService returns a service with the settings of a team that takes care: short
// limits, a few retries, more connections than it needs, and in some services limits of
// its own with much room.
func newService(random *rand.Rand) *Service {
	s := &Service{
		Random:      random,
		Latency:     time.Duration(3+random.IntN(6)) * time.Millisecond,
		Load:        newLoad(24 + 10*random.Float64()),
		Collections: pick(random, collections, 2),
	}
	s.Routes = routes(random, s.Collections)
	s.Milvus.Pool = pool.Config{
		MinSize: 2 + random.IntN(3), MaxSize: 4, MaxSharing: 16,
		AcquireTimeout: 500 * time.Millisecond, DialTimeout: 2 * time.Second,
	}
	s.Client.Chain = middleware.Config{
		OperationTimeout: 3 * time.Second,
		Timeout:          timeout.Config{Attempt: 500 * time.Millisecond},
		Retry:            retry.Config{MaxRetries: 2, Interval: 40 * time.Millisecond, MaxInterval: 400 * time.Millisecond},
		Breaker:          breaker.Config{RecoveryTimeout: 2 * time.Second},
		Health:           &health.Config{Interval: time.Second, Timeout: 500 * time.Millisecond, DownThreshold: 3},
	}
	if random.IntN(2) == 0 {
		s.Client.Chain.Bulkhead = &bulkhead.Config{MaxConcurrent: 40, MaxWaiting: 40, MaxWait: 100 * time.Millisecond}
	}
	if random.IntN(2) == 0 {
		s.Client.Chain.RateLimit = &ratelimit.Config{Rate: 300}
	}
	return s
}

// start starts the server, and then the client with the telemetry t.
func (s *Service) start(ctx context.Context, t *telemetry) error {
	var err error
	if s.backend, err = milvustest.New(s.Server); err != nil {
		return err
	}
	s.Milvus.Address = s.backend.Addr()
	if err := s.fill(ctx); err != nil {
		return fmt.Errorf("fill the server: %w", err)
	}
	if s.Wired {
		if s.wire, err = newWire(s.backend.Addr()); err != nil {
			return err
		}
		s.Milvus.Address = s.wire.addr
	}
	s.Inject(milvustest.Fault{If: isWork, Seed: 1, Latency: uneven(s.Latency)})
	if s.crowded != nil {
		s.Inject(milvustest.Fault{Method: "Search", Latency: s.crowded})
	}
	s.Client.TracerProvider, s.Client.MeterProvider = t.tracers, t.meters
	s.tracer = t.tracers.Tracer("app")
	return s.open(ctx)
}

// open opens the client. It tries for a while, because the machine may be busy and the
// client's limits are short.
func (s *Service) open(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		b, err := s.Milvus.Backend()
		if err != nil {
			return fmt.Errorf("configure the client: %w", err)
		}
		if s.Backend != nil {
			s.Backend(&b)
		}
		client, err := penstock.Open(ctx, b, s.Client)
		if err == nil {
			s.client = client
			return nil
		}
		if !sleep(ctx, 100*time.Millisecond) {
			return fmt.Errorf("start the client: %w", err)
		}
	}
}

// close closes what start made. A service may have been broken so that its client
// cannot drain, so the error of the client is of no interest.
func (s *Service) close(ctx context.Context) error {
	if s.client != nil {
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		_ = s.client.Close(ctx)
	}
	if s.wire != nil {
		s.wire.close()
	}
	if s.backend == nil {
		return nil
	}
	return s.backend.Close()
}

// Inject makes the server fail as f says. Its delay adds to Latency.
func (s *Service) Inject(f milvustest.Fault) (remove func()) { return s.backend.Inject(f) }

// uneven is d for most calls, half of d for three in ten, and twice d for one in seven.
func uneven(d time.Duration) milvustest.Latency {
	return func(random *rand.Rand) time.Duration {
		switch n := random.IntN(100); {
		case n < 30:
			return d / 2
		case n < 44:
			return 2 * d
		default:
			return d
		}
	}
}

// isWork reports whether a request is one of the callers' own, and no probe.
func isWork(_ context.Context, request any) bool {
	switch request.(type) {
	case *milvuspb.SearchRequest, *milvuspb.QueryRequest, *milvuspb.InsertRequest:
		return true
	}
	return false
}
