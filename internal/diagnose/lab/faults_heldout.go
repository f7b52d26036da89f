// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"time"

	"github.com/milvus-io/milvus-sdk-go/v2/entity"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/pool/milvus"
	"github.com/penstock-go/penstock/pool/milvus/milvustest"
)

// wrongDimension: a release of the importer embeds with another model, whose vectors
// have twice as many numbers as the collection was made for. The SDK refuses every
// insert before it is sent. The other callers have no errors, and the server sees
// nothing. A user says "the import fails since we changed the model".
func wrongDimension(s *Service) func(context.Context) {
	importer, collection := s.Routes[3], s.Collections[1]
	importer.Weight = (s.Routes[0].Weight + s.Routes[1].Weight + s.Routes[2].Weight) / 2 // a third of all requests
	embed := func(random *rand.Rand, _ Work) Work {
		id, vector := rows+int64(random.Uint32()), make([]float32, 2*dim)
		for i := range vector {
			vector[i] = random.Float32()
		}
		return func(ctx context.Context, conn *milvus.Conn) error {
			_, err := conn.Insert(ctx, collection, "",
				entity.NewColumnInt64("id", []int64{id}), entity.NewColumnFloatVector("vector", len(vector), [][]float32{vector}))
			return err
		}
	}
	return func(context.Context) {
		importer.Change(func(m *Manners) { m.Around = embed })
	}
}

// attemptLimitTooShort: a release limits each attempt to three quarters of the median of
// the answers, which somebody took for their longest. The server is as fast as before:
// three of ten answers come in time, and the client gives up the others. A user says
// "timeouts since we tuned the timeouts".
func attemptLimitTooShort(s *Service) func(context.Context) {
	s.Latency = time.Duration(36+s.Random.IntN(9)) * time.Millisecond
	// The budget of retries has enough for one retry of each request, and the breaker
	// stays closed.
	s.Load.Set(10+2*s.Random.Float64(), 1)
	s.Client.Chain.Retry.MaxRetries = 1
	s.Client.Chain.Breaker = breaker.Config{FailureRate: 0.9, RecoveryTimeout: 2 * time.Second}
	limit := s.Latency * 3 / 4
	return func(ctx context.Context) {
		s.release(ctx, func(c *penstock.Config) { c.Chain.Timeout.Attempt = limit })
	}
}

// release replaces the client by one with other settings. A request that comes meanwhile
// waits, as if another instance of the service were not ready yet.
func (s *Service) release(ctx context.Context, change func(*penstock.Config)) {
	s.serving.Lock()
	defer s.serving.Unlock()
	_ = s.client.Close(ctx) // nothing is under way
	change(&s.Client)
	_ = s.open(ctx) // it fails only if the run is over
}

// closedPool: a job of the service is done, and closes the pool, which it takes for its
// own. The service goes on with the closed pool, and every operation is refused. The
// server and the network are well. A user says "pool closed, until we restart".
func closedPool(s *Service) func(context.Context) {
	after := time.Duration(s.Random.IntN(500)) * time.Millisecond
	return func(ctx context.Context) {
		sleep(ctx, after)
		_ = s.client.Pool().Close(ctx) // an error says that connections were in use
	}
}

// resettingFirewall: the table of a firewall between service and server is too small
// since a change of it, and four or five times a second the firewall forgets and resets
// the connections. New connections are made at once, and the server is well. A quarter
// to a third of the attempts lose their connection; a read is repeated, and an insert
// fails. A user says "connection reset by peer, at random".
func resettingFirewall(s *Service) func(context.Context) {
	s.Wired = true
	s.Latency = time.Duration(56+s.Random.IntN(9)) * time.Millisecond
	every := time.Duration(190+s.Random.IntN(50)) * time.Millisecond
	return func(ctx context.Context) {
		for sleep(ctx, every) {
			s.wire.reset()
		}
	}
}

// reset resets the connections of the client that are open: the client gets a RST for
// each.
func (w *wire) reset() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := range w.open {
		if near, ok := c.(*net.TCPConn); ok && near.LocalAddr().String() == w.addr {
			_ = near.SetLinger(0) // a close is a RST from now on; it fails if the connection is closed
			near.Close()
		}
	}
}

// reloadingCollection: a node of the server was lost, and another node loads the node's
// part of one collection, which takes longer than the run. Until then the server answers
// each search and each query in that collection with "not fully loaded". Pings, inserts
// and the other collection are well. A user says "half of our searches fail since
// Kubernetes moved a node".
func reloadingCollection(s *Service) func(context.Context) {
	lost, percent := s.Collections[0], 20+s.Random.IntN(60)
	// The budget of retries has enough for one retry of each read.
	s.Load.Set(15+2*s.Random.Float64(), 1)
	s.Client.Chain.Retry.MaxRetries = 1
	return func(context.Context) {
		s.Inject(milvustest.Fault{
			Delay: 2 * time.Millisecond,
			If: func(ctx context.Context, request any) bool {
				return isWork(ctx, request) && milvustest.CollectionOf(request) == lost
			},
			Status: milvustest.NewStatus(milvustest.CodeCollectionNotFullyLoaded, fmt.Sprintf("collection not fully loaded[collection=%s][progress=%d%%]", lost, percent)),
		})
	}
}
