// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/milvus-io/milvus-sdk-go/v2/client"
	"github.com/milvus-io/milvus-sdk-go/v2/entity"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/middleware/hedge"
	"github.com/penstock-go/penstock/pool"
	"github.com/penstock-go/penstock/pool/milvus"
)

// Route is one kind of caller, such as "GET /search".
type Route struct {
	Method, Path string
	// Weight is its share of the requests, relative to that of the others.
	Weight int
	// Op is the operation that it asks for: Search, Query or Insert.
	Op string

	manners atomic.Pointer[Manners]
}

// Manners are how a caller asks. A scenario changes them while the service runs.
type Manners struct {
	// Collection is the collection that it asks, and the target of the operation.
	Collection string
	// Target, if set, makes the target of the operation of a request, in place of
	// Collection.
	Target func(random *rand.Rand) string
	// Deadline is how much time it gives each request. Zero is no limit.
	Deadline time.Duration
	// Impatient is the share of requests whose caller leaves after Patience.
	Impatient float64
	Patience  time.Duration
	// Strong makes it read with Strong consistency, and otherwise as the collection
	// was created, which is Bounded.
	Strong bool
	// Hedger hedges its reads. Nil hedges none.
	Hedger *hedge.Hedger
	// Around, if set, replaces the work of each operation. It is called once for an
	// operation, with random numbers that it must not keep.
	Around func(random *rand.Rand, work Work) Work
}

// Work is what an operation does with a connection.
type Work func(ctx context.Context, conn *milvus.Conn) error

// Change changes how the caller asks from now on.
func (r *Route) Change(change func(*Manners)) {
	now := *r.manners.Load()
	change(&now)
	r.manners.Store(&now)
}

// routes returns the callers of a service with two collections.
func routes(random *rand.Rand, of []string) []*Route {
	names := pick(random, paths, 3)
	rs := []*Route{
		{Method: "GET", Path: "/" + names[0], Weight: 4 + random.IntN(3), Op: "Search"},
		{Method: "GET", Path: "/" + names[1], Weight: 3 + random.IntN(2), Op: "Search"},
		{Method: "GET", Path: "/" + names[2] + "/{id}", Weight: 1 + random.IntN(2), Op: "Query"},
		{Method: "POST", Path: "/" + of[1], Weight: 1 + random.IntN(2), Op: "Insert"},
	}
	for i, r := range rs {
		r.manners.Store(&Manners{Collection: of[[]int{0, 1, 0, 1}[i]]})
	}
	return rs
}

// handle serves one request of the route: a trace begins here, and the head sampler
// decides. It returns how often the work was done.
func (s *Service) handle(ctx context.Context, r *Route, random *rand.Rand) (times int64, err error) {
	ctx, span := s.tracer.Start(ctx, r.Method+" "+r.Path, trace.WithNewRoot(), trace.WithSpanKind(trace.SpanKindServer),
		trace.WithAttributes(attribute.String("http.request.method", r.Method), attribute.String("http.route", r.Path)))
	defer span.End()
	m := r.manners.Load()
	if m.Deadline > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, m.Deadline)
		defer cancel()
	}
	if random.Float64() < m.Impatient {
		var leave context.CancelFunc
		ctx, leave = context.WithCancel(ctx)
		defer leave()
		defer time.AfterFunc(m.Patience, leave).Stop()
	}
	times, err = s.ask(ctx, r.Op, m, random)
	status := 200
	if err != nil {
		status = 500
		span.SetStatus(codes.Error, "")
	}
	span.SetAttributes(attribute.Int("http.response.status_code", status))
	return times, err
}

// ask runs the operation of a request. It returns how often the work was done.
func (s *Service) ask(ctx context.Context, name string, m *Manners, random *rand.Rand) (times int64, err error) {
	s.serving.RLock()
	defer s.serving.RUnlock()
	op := core.Op{Name: name, Target: m.Collection, Safety: core.ReadOnly}
	if m.Target != nil {
		op.Target = m.Target(random)
	}
	if name == "Insert" {
		op.Safety = core.Unsafe
	}
	var done atomic.Int64 // two runs of a hedge may be under way at once
	do := m.work(name, random)
	if m.Around != nil {
		do = m.Around(random, do)
	}
	counted := func(ctx context.Context, conn *milvus.Conn) (none struct{}, err error) {
		done.Add(1)
		return none, do(ctx, conn)
	}
	if m.Hedger != nil && op.Safety == core.ReadOnly {
		_, err = hedge.Do(ctx, m.Hedger, s.client, op, counted)
	} else {
		_, err = core.Do(ctx, s.client, op, counted)
	}
	return done.Load(), err
}

// work returns the work of an operation, which may be done more than once.
func (m *Manners) work(name string, random *rand.Rand) Work {
	vector := []float32{random.Float32(), random.Float32(), random.Float32(), random.Float32()}
	id := int64(random.Uint32())
	switch name {
	case "Search":
		return func(ctx context.Context, conn *milvus.Conn) error {
			flat, err := entity.NewIndexFlatSearchParam()
			if err != nil {
				return err
			}
			_, err = conn.Search(ctx, m.Collection, nil, "", nil, []entity.Vector{entity.FloatVector(vector)}, "vector", entity.L2, 3, flat, m.options()...)
			return err
		}
	case "Query":
		return func(ctx context.Context, conn *milvus.Conn) error {
			_, err := conn.Query(ctx, m.Collection, nil, fmt.Sprintf("id == %d", id%rows), []string{"id"}, m.options()...)
			return err
		}
	default:
		return func(ctx context.Context, conn *milvus.Conn) error {
			_, err := conn.Insert(ctx, m.Collection, "", entity.NewColumnInt64("id", []int64{rows + id}), entity.NewColumnFloatVector("vector", dim, [][]float32{vector}))
			return err
		}
	}
}

func (m *Manners) options() []client.SearchQueryOptionFunc {
	if !m.Strong {
		return nil
	}
	return []client.SearchQueryOptionFunc{client.WithSearchQueryConsistencyLevel(entity.ClStrong)}
}

const (
	// patience bounds what has to succeed before the service runs.
	patience = 20 * time.Second

	dim  = 4
	rows = 50 // of each collection at the start
)

// fill makes the collections of the server, ready to be searched.
func (s *Service) fill(ctx context.Context) error {
	cfg := s.Milvus
	cfg.Pool = pool.Config{AcquireTimeout: patience, DialTimeout: patience} // the machine may be busy
	p, err := milvus.NewPool(cfg)
	if err != nil {
		return err
	}
	defer p.Close(ctx)
	return p.Do(ctx, func(ctx context.Context, conn *milvus.Conn) error {
		for _, name := range s.Collections {
			if err := fill(ctx, conn, name); err != nil {
				return err
			}
		}
		return nil
	})
}

func fill(ctx context.Context, conn *milvus.Conn, name string) error {
	schema := entity.NewSchema().WithName(name).
		WithField(entity.NewField().WithName("id").WithDataType(entity.FieldTypeInt64).WithIsPrimaryKey(true)).
		WithField(entity.NewField().WithName("vector").WithDataType(entity.FieldTypeFloatVector).WithDim(dim))
	if err := conn.CreateCollection(ctx, schema, 1); err != nil {
		return err
	}
	ids, vectors := make([]int64, rows), make([][]float32, rows)
	for i := range ids {
		ids[i], vectors[i] = int64(i), []float32{float32(i), 1, 0, 0}
	}
	if _, err := conn.Insert(ctx, name, "", entity.NewColumnInt64("id", ids), entity.NewColumnFloatVector("vector", dim, vectors)); err != nil {
		return err
	}
	flat, err := entity.NewIndexFlat(entity.L2)
	if err != nil {
		return err
	}
	if err := conn.CreateIndex(ctx, name, "vector", flat, false); err != nil {
		return err
	}
	return conn.LoadCollection(ctx, name, true) // this server loads at once
}
