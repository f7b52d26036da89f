// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"errors"
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/internal/contract"
	"github.com/penstock-go/penstock/internal/contract/emitted"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/middleware/retry"
	"github.com/penstock-go/penstock/middleware/timeout"
	"github.com/penstock-go/penstock/otelx/otelxtest"
	"github.com/penstock-go/penstock/pool"
	"github.com/penstock-go/penstock/pool/milvus"
)

// TestListedValuesComeFromTheStages leads a client into each state whose value the
// contract lists and that no other test reaches. A value that nothing emits would
// stand in the contract unnoticed.
func TestListedValuesComeFromTheStages(t *testing.T) {
	for name, lead := range map[string]func(*testing.T){
		"breaker set by hand": leadBreakerByHand,
		"probe limit":         leadProbeLimit,
		"slow attempts":       leadSlowAttempts,
		"operation timeout":   leadOperationTimeout,
		"closed in a backoff": leadClosedInBackoff,
		"hint is too long":    leadHint,
		"too many waiters":    leadTooManyWaiters,
		"acquire timeout":     leadAcquireTimeout,
		"work is cut short":   leadUnclean,
		"idle timeout":        leadClose(pool.CloseIdle, pool.Config{IdleTimeout: time.Minute}, nil),
		"lifetime":            leadClose(pool.CloseLifetime, pool.Config{MaxLifetime: time.Minute}, nil),
		"reset":               leadClose(pool.CloseReset, pool.Config{}, func(p *pool.Pool[int]) error { p.Reset("test"); return nil }),
		"resize":              leadClose(pool.CloseResize, pool.Config{MaxSize: 2}, func(p *pool.Pool[int]) error { return p.Resize(1) }),
	} {
		t.Run(name, func(t *testing.T) { synctest.Test(t, lead) })
	}
}

var errShed = errors.New("shed")

// expectCount fails the test unless the series of the metric with that value has
// measured something.
func (w *watched) expectCount(name string, attributes ...attribute.KeyValue) {
	w.t.Helper()
	if w.count(name, attributes...) == 0 {
		w.t.Errorf("%s has nothing with %v", name, attributes)
	}
}

func leadBreakerByHand(t *testing.T) {
	w := watch(t, penstock.Config{}, pool.Config{Name: "main"})
	if err := w.do(t.Context(), nil); err != nil { // the breaker learns who watches it
		t.Fatal(err)
	}
	w.Breaker().ForceOpen()
	if err := w.do(t.Context(), nil); !errors.Is(err, breaker.ErrOpen) {
		t.Errorf("Do = %v, want ErrOpen", err)
	}
	w.Breaker().ForceClose()
	w.Breaker().Disable()
	w.Breaker().Reset()
	synctest.Wait()
	for _, state := range []string{"forced_open", "forced_closed", "disabled"} {
		w.expectCount("penstock.circuit_breaker.transitions", attribute.String("penstock.circuit_breaker.to", state))
		w.expectCount("penstock.circuit_breaker.transitions", attribute.String("penstock.circuit_breaker.from", state))
	}
	w.close()
}

func leadProbeLimit(t *testing.T) {
	w := watch(t, penstock.Config{Chain: middleware.Config{
		Breaker: breaker.Config{FailureThreshold: 1, RecoveryTimeout: time.Second, MaxHalfOpenRequests: 1},
		Retry:   retry.Config{Disabled: true},
	}}, pool.Config{Name: "main"})
	if err := w.do(t.Context(), errDown); !errors.Is(err, errDown) {
		t.Errorf("Do = %v, want errDown", err)
	}
	time.Sleep(2 * time.Second)
	_, err := core.Do(t.Context(), w.Client, lookUp, func(context.Context, int) (int, error) {
		return 0, w.do(t.Context(), nil) // beside the probe, and no part of it
	})
	if !errors.Is(err, core.ErrRejected) {
		t.Errorf("Do = %v, want a rejection", err)
	}
	w.close()
}

func leadSlowAttempts(t *testing.T) {
	w := watch(t, penstock.Config{Chain: middleware.Config{
		Breaker: breaker.Config{SlowCallRate: 1, SlowCallThreshold: time.Second, SlowCallWindow: 1},
	}}, pool.Config{Name: "main"})
	if _, err := core.Do(t.Context(), w.Client, lookUp, func(context.Context, int) (int, error) {
		time.Sleep(2 * time.Second)
		return 0, nil
	}); err != nil {
		t.Error(err)
	}
	if err := w.do(t.Context(), nil); !errors.Is(err, breaker.ErrOpen) {
		t.Errorf("Do = %v, want ErrOpen", err)
	}
	otelxtest.AssertSpan(t, w.spans.Ended(), otelxtest.Span{Name: "Get docs", Failed: true, Attributes: []attribute.KeyValue{
		attribute.String("error.type", "circuit_open"), attribute.String("penstock.cause.type", "slow_attempts"),
	}})
	w.close()
}

// TestReasonsOfTheTransportAreThoseOfTheContract needs no connection: the counters have
// each reason from the start.
func TestReasonsOfTheTransportAreThoseOfTheContract(t *testing.T) {
	r, err := contract.Penstock()
	if err != nil {
		t.Fatal(err)
	}
	f, err := milvus.NewFactory(milvus.Config{Address: "127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	want := slices.Sorted(slices.Values(r.Attributes["penstock.disconnect.reason"].Values))
	s := f.TransportStats()
	for what, reasons := range map[string]map[string]uint64{"Failed": s.Failed, "Disconnects": s.Disconnects} {
		if got := slices.Sorted(maps.Keys(reasons)); !slices.Equal(got, want) {
			t.Errorf("%s has %q, docs/registry has %q", what, got, want)
		}
	}
}

func leadOperationTimeout(t *testing.T) {
	w := watch(t, penstock.Config{Chain: middleware.Config{OperationTimeout: time.Second, Timeout: timeout.Config{Disabled: true}}}, pool.Config{Name: "main"})
	_, err := core.Do(t.Context(), w.Client, lookUp, func(ctx context.Context, _ int) (int, error) {
		<-ctx.Done()
		return 0, ctx.Err()
	})
	if !errors.Is(err, core.ErrTimeout) {
		t.Errorf("Do = %v, want ErrTimeout", err)
	}
	w.expectCount("penstock.timeouts", attribute.String("penstock.timeout.scope", "operation"))
	w.close()
}

func leadClosedInBackoff(t *testing.T) {
	w := watch(t, penstock.Config{Chain: middleware.Config{Retry: retry.Config{Interval: time.Minute, MaxInterval: time.Minute}}}, pool.Config{Name: "main"})
	done := make(chan error)
	go func() { done <- w.do(t.Context(), errDown, nil) }()
	synctest.Wait()
	w.close()
	if err := <-done; err == nil {
		t.Error("Do = nil, want an error: the client was closed in the backoff")
	}
	w.expectCount("penstock.retry.outcomes", attribute.String("penstock.retry.outcome", retry.OutcomeClosed))
}

// led returns a client of the backend, watched.
func led(t *testing.T, b penstock.Backend[int]) *watched {
	t.Helper()
	w := &watched{t: t, spans: emitted.Spans(t), reader: emitted.Reader(t)}
	client, err := penstock.Open(t.Context(), b, penstock.Config{
		TracerProvider: sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(w.spans)),
		MeterProvider:  sdkmetric.NewMeterProvider(sdkmetric.WithReader(w.reader)),
	})
	if err != nil {
		t.Fatal(err)
	}
	w.Client = client
	return w
}

func leadHint(t *testing.T) {
	w := led(t, penstock.Backend[int]{
		Factory:    &coretest.Factory[int]{},
		Classifier: func(error) core.Class { return core.Busy("busy", time.Hour) },
	})
	if err := w.do(t.Context(), errShed); !errors.Is(err, errShed) {
		t.Errorf("Do = %v, want errShed", err)
	}
	w.expectCount("penstock.retry.outcomes", attribute.String("penstock.retry.outcome", retry.OutcomeHint))
	w.close()
}

func leadTooManyWaiters(t *testing.T) {
	w := watch(t, penstock.Config{Chain: middleware.Config{Retry: retry.Config{Disabled: true}}}, pool.Config{Name: "main", MaxSize: 1, MaxWaiters: 1})
	block, done := make(chan struct{}), make(chan error)
	for range 2 {
		go func() {
			_, err := core.Do(t.Context(), w.Client, lookUp, func(context.Context, int) (int, error) {
				<-block
				return 0, nil
			})
			done <- err
		}()
		synctest.Wait()
	}
	if err := w.do(t.Context(), nil); !errors.Is(err, pool.ErrTooManyWaiters) {
		t.Errorf("Do = %v, want ErrTooManyWaiters", err)
	}
	close(block)
	for range 2 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	w.close()
}

// leadClose returns a test in which a pool closes a connection for that reason, which
// is none that work leads to.
func leadClose(reason pool.CloseReason, cfg pool.Config, act func(*pool.Pool[int]) error) func(*testing.T) {
	return func(t *testing.T) {
		w := led(t, penstock.Backend[int]{Factory: &coretest.Factory[int]{}, Pool: cfg})
		lendTwo(t, w.Pool())
		if act != nil {
			if err := act(w.Pool()); err != nil {
				t.Error(err)
			}
		}
		time.Sleep(time.Hour)
		w.expectCount("penstock.pool.connections.closed", attribute.String("penstock.close.reason", string(reason)))
		w.close()
	}
}

func leadUnclean(t *testing.T) {
	w := led(t, penstock.Backend[int]{Factory: &coretest.Factory[int]{}})
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := core.Do(ctx, w.Client, lookUp, func(ctx context.Context, _ int) (int, error) {
		cancel()
		return 0, ctx.Err()
	}); !errors.Is(err, context.Canceled) {
		t.Errorf("Do = %v, want Canceled", err)
	}
	w.expectCount("penstock.pool.connections.closed", attribute.String("penstock.close.reason", string(pool.CloseUnclean)))
	w.close()
}

// lendTwo has the pool make two connections.
func lendTwo(t *testing.T, p *pool.Pool[int]) {
	t.Helper()
	var leases []core.Lease[int]
	for range 2 {
		lease, err := p.Acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		leases = append(leases, lease)
	}
	for _, lease := range leases {
		lease.Release()
	}
}

func leadAcquireTimeout(t *testing.T) {
	w := led(t, penstock.Backend[int]{Factory: &coretest.Factory[int]{}, Pool: pool.Config{MaxSize: 1, AcquireTimeout: time.Second}})
	lease, err := w.Pool().Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := w.do(t.Context(), nil); !errors.Is(err, pool.ErrExhausted) {
		t.Errorf("Do = %v, want ErrExhausted", err)
	}
	lease.Release()
	w.expectCount("db.client.connection.timeouts")
	w.close()
}
