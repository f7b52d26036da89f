// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/bench/internal/report"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/middleware/retry"
	"github.com/penstock-go/penstock/middleware/timeout"
	"github.com/penstock-go/penstock/middleware/trace"
	"github.com/penstock-go/penstock/pool"
)

// Every subject has these settings, as far as it has them at all. They are
// Penstock's defaults, except for recovery: an open breaker must stay open.
const (
	conns       = 10
	failures    = 5
	successes   = 3
	recovery    = time.Hour
	retries     = 3
	interval    = time.Second
	maxInterval = 20 * time.Second
	patient     = time.Hour // for a connection
)

// conn is the connection that the operation runs on.
type conn struct{ value int }

var (
	// errNotFound is an answer of the backend. It is not attempted again and opens
	// no breaker.
	errNotFound = errors.New("not found")
	// errDown is a failure of the backend.
	errDown = errors.New("down")
)

// work is the operation's function.
type work func(context.Context, *conn) (int, error)

func answer(_ context.Context, c *conn) (int, error)   { return c.value, nil }
func notFound(_ context.Context, c *conn) (int, error) { return 0, errNotFound }
func down(_ context.Context, c *conn) (int, error)     { return 0, errDown }

// setup says what the subjects of a case do.
type setup struct {
	work    work
	limit   time.Duration // of an attempt
	fails   bool          // each operation returns an error
	tripped bool          // the breaker is open
	// telemetry makes the providers for one subject. Nil is no telemetry.
	telemetry func() providers
}

// unexpected is the error of turns for an operation that did not end as it
// should.
func (s setup) unexpected(err error) error {
	if err == nil {
		return errors.New("the operation succeeded, and should not")
	}
	return fmt.Errorf("the operation failed, and should not: %w", err)
}

// subject is a client that is ready.
type subject struct {
	// turns runs the operation n times. The loop is the subject's own, so that no
	// call of a function value is measured besides its own.
	turns func(ctx context.Context, n int) error
	close func()
}

// maker makes a subject. A new one is made for each measurement, because where
// its parts lie in memory matters too.
type maker struct {
	name   string
	module string // whose version it has; empty for our own code
	open   func(setup) (subject, error)
}

func (m maker) version() string { return report.Version(m.module) }

var (
	penstockMaker  = maker{"penstock", "", openPenstock}
	stagelessMaker = maker{"penstock", "", openStageless}
)

var (
	search = core.Op{Name: "search", Target: "docs", Safety: core.ReadOnly}
	upset  = core.Op{Name: "upset", Target: "docs"}
)

// factory makes connections to a backend without a probe.
type factory struct{}

func (factory) Dial(context.Context) (*conn, error) { return &conn{value: 1}, nil }
func (factory) Close(context.Context, *conn) error  { return nil }

// pinging is a factory with a probe, by which the client gets the health stage.
type pinging struct{ factory }

func (pinging) Ping(context.Context, *conn) error { return nil }

func classify(err error) core.Class {
	switch {
	case errors.Is(err, errNotFound):
		return core.Answered("not_found")
	default:
		return core.Class{Verdict: core.Failure, Retry: core.RetryNever, Conn: core.Keep, ErrorType: "down"}
	}
}

func backend(f pool.Factory[*conn]) penstock.Backend[*conn] {
	return penstock.Backend[*conn]{
		Factory:    f,
		Classifier: classify,
		Pool:       pool.Config{Name: "docs", MaxSize: conns, MinSize: conns, AcquireTimeout: patient},
		System:     "bench",
		Address:    "backend.example",
	}
}

// openPenstock makes a client with five stages: trace, breaker, retry, timeout
// and health.
func openPenstock(s setup) (subject, error) {
	cfg := penstock.Config{Chain: middleware.Config{
		Breaker: breaker.Config{FailureThreshold: failures, HalfOpenSuccesses: successes, RecoveryTimeout: recovery},
		Retry:   retry.Config{MaxRetries: retries, Interval: interval, MaxInterval: maxInterval},
		Timeout: timeout.Config{Attempt: s.limit},
	}}
	if s.telemetry != nil {
		p := s.telemetry()
		cfg.TracerProvider, cfg.MeterProvider = p.tracers, p.meters
	}
	client, err := penstock.Open(context.Background(), backend(pinging{}), cfg)
	if err != nil {
		return subject{}, err
	}
	if s.tripped {
		if err := trip(client); err != nil {
			return subject{}, err
		}
	}
	return run(client, s), nil
}

// openStageless makes a client without a chain.
func openStageless(s setup) (subject, error) {
	client, err := penstock.Open(context.Background(), backend(factory{}), penstock.Config{Chain: middleware.Config{
		Trace:   trace.Config{Disabled: true},
		Breaker: breaker.Config{Disabled: true},
		Retry:   retry.Config{Disabled: true},
		Timeout: timeout.Config{Disabled: true},
	}})
	if err != nil {
		return subject{}, err
	}
	return run(client, s), nil
}

func run(client *penstock.Client[*conn], s setup) subject {
	return subject{
		turns: func(ctx context.Context, n int) error {
			for range n {
				_, err := core.Do(ctx, client, search, s.work)
				if (err != nil) != s.fails {
					return s.unexpected(err)
				}
			}
			return nil
		},
		close: func() { _ = client.Close(context.Background()) },
	}
}

// trip opens the breaker of a client by failures.
func trip(client *penstock.Client[*conn]) error {
	for range failures {
		if _, err := core.Do(context.Background(), client, upset, down); !errors.Is(err, errDown) {
			return fmt.Errorf("a failure = %w, want %w", err, errDown)
		}
	}
	if _, err := core.Do(context.Background(), client, search, answer); !errors.Is(err, breaker.ErrOpen) {
		return fmt.Errorf("the breaker is not open after %d failures: %w", failures, err)
	}
	return nil
}
