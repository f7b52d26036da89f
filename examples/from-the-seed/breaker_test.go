// SPDX-License-Identifier: Apache-2.0

package seed_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http/httptest"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/middleware/health"
	"github.com/penstock-go/penstock/middleware/retry"
	"github.com/penstock-go/penstock/pool/milvus"
	"github.com/penstock-go/penstock/pool/milvus/milvustest"
)

// CircuitBreakerConfig(failure_threshold, recovery_timeout,
// half_open_success_threshold, max_half_open_requests), here with the defaults.
func Example_circuitBreakerConfig() {
	b, err := breaker.New(breaker.Config{
		FailureThreshold:    5,
		RecoveryTimeout:     30 * time.Second,
		HalfOpenSuccesses:   3,
		MaxHalfOpenRequests: 2,
	})
	if err != nil {
		log.Fatal(err)
	}
	byDefault, err := breaker.New(breaker.Config{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(b.Snapshot().Configuration == byDefault.Snapshot().Configuration)

	_, err = breaker.New(breaker.Config{FailureThreshold: -1})
	fmt.Println(err)
	// Output:
	// true
	// breaker: bad configuration: FailureThreshold is -1, want 0 (the default, 5) or more
}

// is_circuit_breaker_open(), get_circuit_breaker_metrics() and
// reset_circuit_breaker()
func Example_circuitBreakerMetrics() {
	srv := startMilvus(milvustest.Config{})
	defer srv.Close()
	client := open(srv, middleware.Config{
		Breaker: breaker.Config{FailureThreshold: 3},
		Retry:   retry.Config{Disabled: true},
	})
	defer client.Close(ctx)
	srv.Inject(unavailable())

	for range 4 { // three fail, the fourth is refused
		_, _ = core.Do(ctx, client, version, getVersion)
	}
	b := client.Breaker()
	fmt.Println("open:", b.State() == breaker.Open)

	text, err := json.Marshal(b.Snapshot().Counters)
	if err != nil {
		log.Fatal(err)
	}
	var counters map[string]int
	if err := json.Unmarshal(text, &counters); err != nil {
		log.Fatal(err)
	}
	for _, name := range []string{"failure_count", "success_count", "total_requests", "total_failures", "total_fast_failures", "state_change_count"} {
		fmt.Println(name, counters[name])
	}
	fmt.Println(b.Snapshot().Current.SuccessRatePercent, "% successful")

	b.Reset()
	fmt.Println("after the reset:", b.State())
	// Output:
	// open: true
	// failure_count 0
	// success_count 0
	// total_requests 4
	// total_failures 3
	// total_fast_failures 1
	// state_change_count 1
	// 0 % successful
	// after the reset: closed
}

// check_server_status(), and the answer for an orchestrator that asks by HTTP.
func Example_checkServerStatus() {
	srv := startMilvus(milvustest.Config{})
	defer srv.Close()
	client := open(srv, middleware.Config{})
	defer client.Close(ctx)

	monitor := client.Monitor()
	fmt.Println("alive:", monitor.Check(ctx) == nil)

	ready := health.Readiness(monitor.Ready()) // milvus.ReadyCheck asks all parts of the server
	answer := httptest.NewRecorder()
	ready.ServeHTTP(answer, httptest.NewRequest("GET", "/ready", nil))
	fmt.Println("ready:", answer.Code)

	srv.Stop()
	err := monitor.Check(ctx)
	fmt.Println("alive:", err == nil, is(err, core.ErrUnavailable))
	// Output:
	// alive: true
	// ready: 200
	// alive: false [true]
}

// retry_count, retry_interval, exponential backoff with jitter
func Example_retry() {
	srv := startMilvus(milvustest.Config{})
	defer srv.Close()
	client := open(srv, middleware.Config{Retry: retry.Config{
		MaxRetries:  3,
		Interval:    time.Millisecond, // the longest first wait; doubled each time
		MaxInterval: 20 * time.Millisecond,
		Jitter:      retry.FullJitter,
	}})
	defer client.Close(ctx)

	fault := unavailable()
	fault.Times = 2
	srv.Inject(fault)
	fmt.Println(core.Do(ctx, client, version, getVersion))
	// Output: v2.4.2 <nil>
}

// "Connection health checks: validates connections before use": the pool asks
// whether a connection is alive before it lends it, and the gate keeps attempts
// from a backend whose probes fail.
func Example_connectionHealthChecks() {
	srv := startMilvus(milvustest.Config{})
	defer srv.Close()
	f, err := milvus.NewFactory(milvus.Config{Address: srv.Addr()})
	if err != nil {
		log.Fatal(err)
	}
	conn, err := f.Dial(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("alive:", f.Alive(conn)) // as the pool asks, without I/O
	if err := f.Close(ctx, conn); err != nil {
		log.Fatal(err)
	}
	fmt.Println("alive:", f.Alive(conn))

	down := func(context.Context) error { return errors.New("no answer") }
	client := open(srv, middleware.Config{Health: &health.Config{Probe: down, DownThreshold: 1}})
	defer client.Close(ctx)
	_ = client.Monitor().Check(ctx)
	_, err = core.Do(ctx, client, version, getVersion)
	fmt.Println(is(err, health.ErrUnhealthy, core.ErrRejected))
	// Output:
	// alive: true
	// alive: false
	// [true true]
}
