// SPDX-License-Identifier: Apache-2.0

package penstock_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/retry"
	"github.com/penstock-go/penstock/middleware/timeout"
	"github.com/penstock-go/penstock/pool"
)

// inTrace returns a context within a trace that is not sampled.
func inTrace(ctx context.Context, id byte) context.Context {
	return trace.ContextWithSpanContext(ctx, trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{id}, SpanID: trace.SpanID{1}}))
}

// holder runs an operation that has a connection until release is closed.
func holder(ctx context.Context, wg *sync.WaitGroup, c core.Runner[*wire], op core.Op, release <-chan struct{}) {
	wg.Go(func() {
		_, _ = core.Do(ctx, c, op, func(context.Context, *wire) (int, error) {
			<-release
			return 0, nil
		})
	})
	synctest.Wait()
}

func loggedClient(t *testing.T, log *bytes.Buffer, cfg pool.Config, traced bool) *penstock.Client[*wire] {
	t.Helper()
	own := penstock.Config{
		Logger: slog.New(slog.NewTextHandler(log, nil)),
		Chain:  middleware.Config{Retry: retry.Config{MaxRetries: retry.None}, Timeout: timeout.Config{Attempt: time.Hour}},
	}
	if traced {
		own.TracerProvider = sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.NeverSample())))
	}
	return newClient(t, backend{Factory: pingless{&wires{OnDial: dialWire}}, Pool: cfg}, own)
}

func TestAnExhaustedPoolIsOneRecordWithItsHolders(t *testing.T) {
	for name, traced := range map[string]bool{"with telemetry": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				c := loggedClient(t, &log, pool.Config{MaxSize: 1, AcquireTimeout: time.Second}, traced)
				defer closeClient(t, c)
				var wg sync.WaitGroup
				release := make(chan struct{})
				holder(inTrace(t.Context(), 0xa1), &wg, c, core.Op{Name: "Search", Target: "docs"}, release)
				canceled, cancel := context.WithCancel(t.Context())
				time.AfterFunc(time.Millisecond, cancel)
				_ = outcome(canceled, c, getNumber, nil)
				if log.Len() > 0 {
					t.Errorf("logged %s of a wait that was canceled", &log)
				}
				for range 5 {
					if err := outcome(t.Context(), c, getNumber, nil); !errors.Is(err, pool.ErrExhausted) {
						t.Errorf("Do = %v, want ErrExhausted", err)
					}
				}
				got := records(&log)
				if len(got) != 1 || !strings.Contains(got[0], `level=WARN msg="penstock: pool exhausted" error_type=pool_timeout waited=1s in_use=1 max=1 waiting=0 holders="Search docs since 1s trace a1000000000000000000000000000000"`) {
					t.Errorf("logged %s, want one record with the holder", strings.Join(got, "\n"))
				}
				time.Sleep(10 * time.Second)
				log.Reset()
				_ = outcome(t.Context(), c, getNumber, nil)
				if got := log.String(); !strings.Contains(got, "left_out=4") {
					t.Errorf("logged %s, want one record with what was left out", got)
				}
				close(release)
				wg.Wait()
			})
		})
	}
}

func TestALeakIsARecordWithItsStack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var (
			log bytes.Buffer
			mu  sync.Mutex
			own []pool.LeakInfo // guarded by mu
		)
		c := loggedClient(t, &log, pool.Config{LeakAfter: time.Minute, OnLeak: func(leak pool.LeakInfo) {
			mu.Lock()
			defer mu.Unlock()
			own = append(own, leak)
		}}, false)
		defer closeClient(t, c)
		var wg sync.WaitGroup
		release := make(chan struct{})
		holder(inTrace(t.Context(), 0xa1), &wg, c, core.Op{Name: "Search", Target: "docs"}, release)
		time.Sleep(2 * time.Minute)
		close(release)
		wg.Wait()
		got := records(&log)
		if len(got) != 2 ||
			!strings.Contains(got[0], `level=WARN msg="penstock: connection leaked" operation=Search target=docs held=1m0s trace_id=a1000000000000000000000000000000`) ||
			!strings.Contains(got[0], "penstock_test.holder") || !strings.Contains(got[0], "pool=penstock_test.wire") ||
			!strings.Contains(got[1], `level=INFO msg="penstock: leaked connection returned"`) {
			t.Errorf("logged\n%s\nwant the leak and its end", strings.Join(got, "\n"))
		}
		mu.Lock()
		defer mu.Unlock()
		if len(own) != 2 || own[0].Operation != "Search" || own[0].Held != time.Minute || !own[1].Returned {
			t.Errorf("the pool's own OnLeak was told %v", own)
		}
	})
}

func TestAPoolClosedByForceIsARecordWithItsHolders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		c := loggedClient(t, &log, pool.Config{}, false)
		var wg sync.WaitGroup
		release := make(chan struct{})
		holder(t.Context(), &wg, c, core.Op{Name: "Search", Target: "docs"}, release)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := c.Close(ctx)
		e, ok := errors.AsType[*pool.CloseError](err)
		if !ok || e.Forced != 1 || e.Holders.String() != "Search docs since 1s" || !strings.Contains(err.Error(), "oldest holders: Search docs since 1s") {
			t.Errorf("Close = %v, want the holder", err)
		}
		if got := log.String(); !strings.Contains(got, `level=WARN msg="penstock: pool closed by force" leases=1 holders="Search docs since 1s"`) {
			t.Errorf("logged %s, want that force was used", got)
		}
		close(release)
		wg.Wait()
	})
}
