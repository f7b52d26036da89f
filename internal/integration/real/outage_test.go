// SPDX-License-Identifier: Apache-2.0

package real

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/milvus-io/milvus-sdk-go/v2/client"
	"github.com/milvus-io/milvus-sdk-go/v2/entity"
	"go.uber.org/goleak"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/servers"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/middleware/retry"
	"github.com/penstock-go/penstock/middleware/timeout"
	"github.com/penstock-go/penstock/pool"
	"github.com/penstock-go/penstock/pool/milvus"
)

const (
	collection = "outage"
	deadline   = 2 * time.Second  // of each operation
	slack      = time.Second      // on top of the deadline, for a slow machine
	recovery   = 90 * time.Second // limit of the time until the server searches again
)

var (
	opCreate = core.Op{Name: "CreateCollection", Target: collection}
	opSearch = core.Op{Name: "Search", Target: collection, Safety: core.ReadOnly}
)

// documented are the errors that an operation may end with during an outage. The
// first one that matches names the error.
var documented = []struct {
	name string
	err  error
}{
	{"circuit breaker open", breaker.ErrOpen},
	{"pool exhausted", pool.ErrExhausted},
	{"dial failed", pool.ErrDial},
	{"attempt timed out", timeout.ErrExceeded},
	{"caller's deadline", context.DeadlineExceeded},
	{"retries exhausted", retry.ErrExhausted},
	{"backend unavailable", core.ErrUnavailable},
}

// account counts the outcomes of operations.
type account struct {
	mu        sync.Mutex
	succeeded int
	lastGood  time.Time
	failed    map[string]int
	faults    map[string]int
}

func (a *account) add(begin time.Time, err error) {
	took := time.Since(begin)
	a.mu.Lock()
	defer a.mu.Unlock()
	if took > deadline+slack {
		a.faults[fmt.Sprintf("an operation took %v of its %v", took.Round(time.Second), deadline)]++
	}
	if err == nil {
		a.succeeded++
		a.lastGood = begin
		return
	}
	name := describe(err)
	if name == "" {
		a.faults["undocumented: "+err.Error()]++
	}
	a.failed[name]++
}

// describe returns the name of the documented error that err matches; "" if err
// matches none.
func describe(err error) string {
	if _, ok := errors.AsType[*core.Error](err); !ok {
		return ""
	}
	for _, d := range documented {
		if errors.Is(err, d.err) {
			return d.name
		}
	}
	if e, ok := errors.AsType[*milvus.Error](err); ok {
		return "milvus error " + e.ResponseStatusCode()
	}
	return ""
}

func (a *account) goodSince(t time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.lastGood.After(t)
}

func TestAKilledMilvusIsSurvivedWithoutRestartingTheApp(t *testing.T) {
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { // runs after the cleanup of the server, which has goroutines too
		goleak.VerifyNone(t, before)
	})
	m := servers.StartMilvus(t)
	ctx := t.Context()

	c, err := milvus.Open(ctx, milvus.Config{Address: m.Addr()}, penstock.Config{Chain: middleware.Config{
		Breaker: breaker.Config{RecoveryTimeout: time.Second},
		Retry:   retry.Config{Interval: 50 * time.Millisecond},
	}})
	if err != nil {
		t.Fatal(err)
	}
	prepare(ctx, t, c)
	control, err := client.NewClient(ctx, client.Config{Address: m.Addr()})
	if err != nil {
		t.Fatal(err)
	}

	ours := account{failed: map[string]int{}, faults: map[string]int{}}
	var theirs account
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for range 8 {
		askAgain(ctx, &wg, stop, func(ctx context.Context) error { return search(ctx, c) }, ours.add)
	}
	askAgain(ctx, &wg, stop, func(ctx context.Context) error { return nearest(ctx, control) }, func(begin time.Time, err error) {
		if err == nil {
			theirs.mu.Lock()
			defer theirs.mu.Unlock()
			theirs.lastGood = begin
		}
	})
	await(t, 10*time.Second, "searches before the outage", func() bool {
		ours.mu.Lock()
		defer ours.mu.Unlock()
		return ours.succeeded > 200
	})

	m.Kill()
	await(t, 10*time.Second, "the breaker to open", func() bool { return c.Breaker().Snapshot().Counters.TotalFastFailures > 0 })
	m.Restart()
	up := time.Now()
	var oursAfter, theirsAfter time.Duration
	await(t, recovery, "both to search again", func() bool {
		if oursAfter == 0 && ours.goodSince(up) {
			oursAfter = time.Since(up)
		}
		if theirsAfter == 0 && theirs.goodSince(up) {
			theirsAfter = time.Since(up)
		}
		return oursAfter > 0 && theirsAfter > 0
	})
	close(stop)
	wg.Wait()
	t.Logf("searches succeed again %v after the server answers; with the bare SDK %v",
		oursAfter.Round(10*time.Millisecond), theirsAfter.Round(10*time.Millisecond))
	t.Logf("succeeded: %d; failed: %v", ours.succeeded, ours.failed)
	for fault, n := range ours.faults {
		t.Errorf("%d times: %s", n, fault)
	}

	closing, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if err := c.Close(closing); err != nil {
		t.Errorf("Close = %v", err)
	}
	if err := control.Close(); err != nil {
		t.Errorf("closing the bare client: %v", err)
	}
}

// prepare makes a loaded collection of a few vectors.
func prepare(ctx context.Context, t *testing.T, c *penstock.Client[*milvus.Conn]) {
	t.Helper()
	schema := entity.NewSchema().WithName(collection).
		WithField(entity.NewField().WithName("id").WithDataType(entity.FieldTypeInt64).WithIsPrimaryKey(true)).
		WithField(entity.NewField().WithName("v").WithDataType(entity.FieldTypeFloatVector).WithDim(2))
	_, err := core.Do(ctx, c, opCreate, func(ctx context.Context, conn *milvus.Conn) (struct{}, error) {
		flat, err := entity.NewIndexFlat(entity.L2)
		if err != nil {
			return struct{}{}, err
		}
		if err := conn.CreateCollection(ctx, schema, 1); err != nil {
			return struct{}{}, err
		}
		_, err = conn.Insert(ctx, collection, "",
			entity.NewColumnInt64("id", []int64{1, 2, 3}),
			entity.NewColumnFloatVector("v", 2, [][]float32{{0, 0}, {1, 0}, {0, 1}}))
		if err != nil {
			return struct{}{}, err
		}
		// Flushed rows survive the kill.
		if err := conn.Flush(ctx, collection, false); err != nil {
			return struct{}{}, err
		}
		if err := conn.CreateIndex(ctx, collection, "v", flat, false); err != nil {
			return struct{}{}, err
		}
		return struct{}{}, conn.LoadCollection(ctx, collection, false)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func search(ctx context.Context, c *penstock.Client[*milvus.Conn]) error {
	_, err := core.Do(ctx, c, opSearch, func(ctx context.Context, conn *milvus.Conn) (struct{}, error) {
		return struct{}{}, nearest(ctx, conn)
	})
	return err
}

func nearest(ctx context.Context, c client.Client) error {
	flat, err := entity.NewIndexFlatSearchParam()
	if err != nil {
		return err
	}
	_, err = c.Search(ctx, collection, nil, "", nil, []entity.Vector{entity.FloatVector{0, 0}}, "v", entity.L2, 1, flat)
	return err
}

// await polls until cond holds; it fails the test after limit.
func await(t *testing.T, limit time.Duration, what string, cond func() bool) {
	t.Helper()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	over := time.After(limit)
	for !cond() {
		select {
		case <-ticker.C:
		case <-over:
			t.Fatalf("waited %v for %s", limit, what)
		case <-t.Context().Done():
			t.Fatal(context.Cause(t.Context()))
		}
	}
}

// askAgain searches every 20 ms until stop is closed. It tells add when a search began, and
// its error.
func askAgain(ctx context.Context, load *sync.WaitGroup, stop <-chan struct{}, search func(context.Context) error, add func(time.Time, error)) {
	load.Go(func() {
		ticker := time.NewTicker(20 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
			case <-stop:
				return
			}
			ctx, cancel := context.WithTimeout(ctx, deadline)
			begin := time.Now()
			add(begin, search(ctx))
			cancel()
		}
	})
}
