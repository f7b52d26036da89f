// SPDX-License-Identifier: Apache-2.0

package penstock_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	leak "go.uber.org/goleak"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/contract/emitted"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/timeout"
	"github.com/penstock-go/penstock/pool"
)

var errRefused = errors.New("connection refused")

// counting is a factory that takes a while to close a connection, and knows how
// often it closed each.
type counting struct {
	wires
	mu     sync.Mutex
	closed map[int]int // guarded by mu
}

func newCounting(dial func(context.Context, int) (*wire, error)) *counting {
	f := &counting{closed: map[int]int{}}
	f.OnDial = dial
	f.OnClose = func(_ context.Context, w *wire) error {
		time.Sleep(500 * time.Millisecond)
		f.mu.Lock()
		defer f.mu.Unlock()
		f.closed[w.number]++
		return nil
	}
	return f
}

// closedOnce reports an error unless each of the connections was closed once.
func (f *counting) closedOnce(t *testing.T, numbers ...int) {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, n := range numbers {
		if f.closed[n] != 1 {
			t.Errorf("connection %d was closed %d times, want once", n, f.closed[n])
		}
	}
	if len(f.closed) != len(numbers) {
		t.Errorf("%d connections were closed, want %d", len(f.closed), len(numbers))
	}
}

func TestANewClientDialsProbesAndRegistersNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &wires{OnDial: dialWire}
		reader := emitted.Reader(t)
		c := newClient(t, backend{Factory: f, Pool: pool.Config{MinSize: 2}},
			penstock.Config{MeterProvider: sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))})
		time.Sleep(time.Hour)
		if f.Dials() != 0 || f.Pings() != 0 || len(figures(t, reader)) != 0 {
			t.Errorf("%d dials, %d pings, metrics %v, want none", f.Dials(), f.Pings(), figures(t, reader))
		}
		if n, err := number(t.Context(), c); n != 1 || err != nil {
			t.Errorf("an operation without a start = %v, %v, want 1", n, err)
		}
		closeClient(t, c)
	})
}

func TestStartRegistersProbesAndDials(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &wires{OnDial: dialWire}
		reader := emitted.Reader(t)
		c := newClient(t, backend{Factory: f, Pool: pool.Config{MinSize: 2}},
			penstock.Config{MeterProvider: sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))})
		if err := c.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if f.Dials() != 2 {
			t.Errorf("%d dials, want 2: the pool's minimum", f.Dials())
		}
		if !registered(t, reader) {
			t.Error("the pool is not in the metrics")
		}
		time.Sleep(time.Minute)
		if n := f.Pings(); n < 5 || n > 7 {
			t.Errorf("%d pings in a minute, want one each 10 s", n)
		}
		closeClient(t, c)
		n := f.Pings()
		time.Sleep(time.Minute)
		if f.Pings() != n || registered(t, reader) {
			t.Errorf("%d pings after Close, in the metrics: %t, want neither", f.Pings()-n, registered(t, reader))
		}
	})
}

func TestALazyStartWaitsForTheFirstOperation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &wires{OnDial: dialWire}
		reader := emitted.Reader(t)
		c := newClient(t, backend{Factory: f}, penstock.Config{MeterProvider: sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))})
		if err := c.StartLazily(t.Context()); err != nil {
			t.Fatal(err)
		}
		if !registered(t, reader) {
			t.Error("the pool is not in the metrics")
		}
		time.Sleep(time.Hour)
		if f.Dials() != 0 || f.Pings() != 0 {
			t.Errorf("%d dials, %d pings before the first operation, want none", f.Dials(), f.Pings())
		}
		if _, err := number(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if f.Dials() != 1 || f.Pings() < 5 {
			t.Errorf("%d dials, %d pings in the minute after it, want 1 and one each 10 s", f.Dials(), f.Pings())
		}
		closeClient(t, c)
	})
}

func TestALazyClientThatIsClosedNeverProbes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &wires{OnDial: dialWire}
		c := newClient(t, backend{Factory: f}, penstock.Config{})
		if err := c.StartLazily(t.Context()); err != nil {
			t.Fatal(err)
		}
		closeClient(t, c)
		if _, err := number(t.Context(), c); !errors.Is(err, pool.ErrClosed) {
			t.Errorf("an operation after Close = %v, want %v", err, pool.ErrClosed)
		}
		time.Sleep(time.Hour)
		if f.Dials() != 0 || f.Pings() != 0 {
			t.Errorf("%d dials, %d pings after Close, want none", f.Dials(), f.Pings())
		}
	})
}

// failing dials one connection, and then fails.
func failing(_ context.Context, n int) (*wire, error) {
	if n > 1 {
		return nil, errRefused
	}
	return &wire{n}, nil
}

func TestAFailedStartLeavesNothingToCloseTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newCounting(failing)
		c := newClient(t, backend{Factory: f, Pool: pool.Config{MinSize: 2, MaxConcurrentDials: 1}}, penstock.Config{})
		if err := c.Start(t.Context()); !errors.Is(err, pool.ErrStart) || !errors.Is(err, errRefused) {
			t.Fatalf("Start = %v, want %v because of %v", err, pool.ErrStart, errRefused)
		}
		f.closedOnce(t)
		for range 2 {
			closeClient(t, c)
			f.closedOnce(t, 1)
		}
	})
}

func TestAFailedStartCanBeRepeated(t *testing.T) {
	for _, telemetry := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			up := false
			f := &wires{OnDial: func(ctx context.Context, n int) (*wire, error) {
				if !up {
					return nil, errRefused
				}
				return dialWire(ctx, n)
			}}
			var (
				log    bytes.Buffer
				reader = emitted.Reader(t)
				cfg    = penstock.Config{
					Logger: slog.New(slog.NewTextHandler(&log, nil)),
					Chain:  middleware.Config{Timeout: timeout.Config{Disabled: true}},
				}
			)
			if provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)); telemetry {
				cfg.MeterProvider = provider
			}
			c := newClient(t, backend{Factory: f}, cfg)
			if err := c.Start(t.Context()); !errors.Is(err, errRefused) {
				t.Errorf("telemetry %t: Start = %v, want %v", telemetry, err, errRefused)
			}
			up = true
			for range 2 { // a start of a client that is started is no error either
				if err := c.Start(t.Context()); err != nil {
					t.Errorf("telemetry %t: Start again = %v", telemetry, err)
				}
			}
			if f.Dials() < 2 || registered(t, reader) != telemetry {
				t.Errorf("telemetry %t: %d dials, in the metrics: %t", telemetry, f.Dials(), registered(t, reader))
			}
			if n := strings.Count(log.String(), "level=WARN"); n != 1 {
				t.Errorf("telemetry %t: the warning of the chain was logged %d times, want once:\n%s", telemetry, n, log.String())
			}
			closeClient(t, c)
			if registered(t, reader) {
				t.Errorf("telemetry %t: the pool is in the metrics after Close", telemetry)
			}
		})
	}
}

func TestOpenLeavesNothingOfAClientThatDoesNotStart(t *testing.T) {
	hanging := func(ctx context.Context, n int) (*wire, error) {
		if n > 1 {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		return &wire{n}, nil
	}
	for _, row := range []struct {
		name   string
		dial   func(context.Context, int) (*wire, error)
		taken  bool // the name of the pool is
		closes []int
		want   error // nil is any
	}{
		{"a dial fails", failing, false, []int{1}, errRefused},
		{"the context ends", hanging, false, []int{1}, context.DeadlineExceeded},
		{"the name is taken", dialWire, true, nil, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				defer leak.VerifyNone(t, leak.IgnoreCurrent())
				reader := emitted.Reader(t)
				cfg := penstock.Config{MeterProvider: sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))}
				if row.taken {
					other := newClient(t, backend{Factory: &wires{OnDial: dialWire}}, cfg)
					defer closeClient(t, other)
					if err := other.Start(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				f := newCounting(row.dial)
				c, err := penstock.Open(ctx, backend{Factory: f, Pool: pool.Config{MinSize: 2, MaxConcurrentDials: 1}}, cfg)
				if c != nil || err == nil || !errors.Is(err, row.want) && row.want != nil {
					t.Errorf("Open = %v, %v, want nil, %v", c, err, row.want)
				}
				f.closedOnce(t, row.closes...)
				if got := registered(t, reader); got != row.taken {
					t.Errorf("a pool is in the metrics after a failed Open: %t, want %t", got, row.taken)
				}
			})
		})
	}
}

func TestTwoClientsOfOneProviderNeedTwoNames(t *testing.T) {
	ctx := t.Context()
	meters := sdkmetric.NewMeterProvider(sdkmetric.WithReader(emitted.Reader(t)))
	open := func(name string) (*penstock.Client[*wire], error) {
		return penstock.Open(ctx, backend{Factory: &wires{OnDial: dialWire}, Pool: pool.Config{Name: name}}, penstock.Config{MeterProvider: meters})
	}
	first, err := open("docs")
	if err != nil {
		t.Fatal(err)
	}
	const want = `otelx: pool "docs" is registered already with this meter provider: give each client's pool a name of its own (pool.Config.Name), or close the other client first`
	if _, err := open("docs"); err == nil || err.Error() != want {
		t.Errorf("Open = %v, want %s", err, want)
	}
	other, err := open("library")
	if err != nil {
		t.Fatalf("Open with another name = %v", err)
	}
	closeClient(t, other)
	closeClient(t, first)
	again, err := open("docs")
	if err != nil {
		t.Fatalf("Open after the other was closed = %v", err)
	}
	closeClient(t, again)
}

// flushed is a meter provider that says when it is flushed.
type flushed struct {
	*sdkmetric.MeterProvider
	flush func()
}

func (f flushed) ForceFlush(ctx context.Context) error {
	f.flush()
	return f.MeterProvider.ForceFlush(ctx)
}

// The monitor stops to probe, the pool drains and closes its connections, and then
// the pool leaves the metrics. Close exports nothing: the next collection, which may
// be that of the provider's own shutdown, has the last figures.
func TestTheOrderOfClosing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var log []string
		note := func(format string, args ...any) {
			mu.Lock()
			defer mu.Unlock()
			log = append(log, fmt.Sprintf(format, args...))
		}
		reader := emitted.Reader(t)
		meters := flushed{sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)), func() { note("flushed") }}
		f := &wires{
			OnDial: dialWire,
			OnPing: func(ctx context.Context, _ *wire) error {
				<-ctx.Done()
				note("probe ended")
				return nil
			},
			OnClose: func(_ context.Context, w *wire) error { note("connection %d closed", w.number); return nil },
		}
		c := newClient(t, backend{Factory: f, Pool: pool.Config{MinSize: 2}}, penstock.Config{MeterProvider: meters})
		if err := c.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		end := make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() {
			_, err := core.Do(t.Context(), c, getNumber, func(context.Context, *wire) (int, error) {
				<-end
				note("operation ended")
				return 0, nil
			})
			if err != nil {
				t.Errorf("Do = %v", err)
			}
		})
		pinged(t, f, 1)
		wg.Go(func() {
			closeClient(t, c)
			note("closed")
		})
		time.Sleep(time.Second)
		close(end)
		wg.Wait()
		slices.Sort(log[min(2, len(log)):min(4, len(log))]) // connections are closed at once
		want := []string{
			"probe ended", "operation ended", "connection 1 closed", "connection 2 closed", "closed",
		}
		if !slices.Equal(log, want) {
			t.Errorf("closed in the order\n%s\nwant\n%s", strings.Join(log, "\n"), strings.Join(want, "\n"))
		}
		if n := closedBy(t, reader, "shutdown"); n != 2 {
			t.Errorf("the last figures tell of %d closed connections, want 2", n)
		}
		if _, ok := figures(t, reader)["penstock.pool.connections.closed"]; ok {
			t.Error("the pool is in the metrics after its last figures")
		}
	})
}

// pinged waits for so many further pings.
func pinged(t *testing.T, f *wires, times int) {
	t.Helper()
	begin, n := time.Now(), f.Pings()
	for f.Pings() < n+times {
		if time.Sleep(time.Second); time.Since(begin) > time.Hour {
			t.Fatalf("%d pings in an hour, want %d", f.Pings()-n, times)
		}
	}
}

// registered reports whether a pool with room is in the metrics.
func registered(t *testing.T, reader *sdkmetric.ManualReader) bool {
	sum, _ := figures(t, reader)["db.client.connection.max"].(metricdata.Sum[int64])
	for _, point := range sum.DataPoints {
		if point.Value > 0 {
			return true
		}
	}
	return false
}

// closedBy returns how many connections the metrics count as closed for a reason.
func closedBy(t *testing.T, reader *sdkmetric.ManualReader, reason string) (n int64) {
	sum, _ := figures(t, reader)["penstock.pool.connections.closed"].(metricdata.Sum[int64])
	for _, point := range sum.DataPoints {
		if v, _ := point.Attributes.Value(attribute.Key("penstock.close.reason")); v.AsString() == reason {
			n += point.Value
		}
	}
	return n
}
