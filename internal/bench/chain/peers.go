// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	resiliency "github.com/eapache/go-resiliency/breaker"
	"github.com/eapache/go-resiliency/retrier"
	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/bulkhead"
	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/failsafe-go/failsafe-go/retrypolicy"
	"github.com/failsafe-go/failsafe-go/timeout"
	"github.com/sony/gobreaker/v2"
)

const failsafeModule = "github.com/failsafe-go/failsafe-go"

var (
	failsafeMaker   = maker{"failsafe-go", failsafeModule, openFailsafe}
	untimedMaker    = maker{"failsafe-go-untimed", failsafeModule, openUntimed}
	resiliencyMaker = maker{"go-resiliency", "github.com/eapache/go-resiliency", openResiliency}
	gobreakerMaker  = maker{"gobreaker", "github.com/sony/gobreaker/v2", openGobreaker}

	chainPeers = []maker{failsafeMaker, resiliencyMaker, gobreakerMaker}
)

// failsafePolicies returns failsafe-go's breaker and retry policy.
//
// A predicate costs time for each result, so the policies have one only where
// errors come that they must not handle.
func failsafePolicies(s setup) (circuitbreaker.CircuitBreaker[int], retrypolicy.RetryPolicy[int]) {
	b := circuitbreaker.NewBuilder[int]().
		WithFailureThreshold(failures).
		WithSuccessThreshold(successes).
		WithDelay(recovery)
	r := retrypolicy.NewBuilder[int]().
		WithMaxRetries(retries).
		WithBackoff(interval, maxInterval).
		WithJitterFactor(0.5)
	if s.fails && !s.tripped {
		handled := func(_ int, err error) bool { return err != nil && !errors.Is(err, errNotFound) }
		b.HandleIf(handled)
		r.HandleIf(handled)
	}
	return b.Build(), r.Build()
}

// openFailsafe has the policies in the order of Penstock's stages. The bulkhead
// stands for the pool: it bounds how many operations run at once, and the others
// wait. All operations get one connection.
func openFailsafe(s setup) (subject, error) {
	b, r := failsafePolicies(s)
	limit := bulkhead.NewBuilder[int](conns).WithMaxWaitTime(patient).Build()
	return runFailsafe(s, b, failsafe.With(b, r, timeout.New[int](s.limit), limit)), nil
}

// openUntimed leaves the timeout policy out: the caller's deadline does for it.
func openUntimed(s setup) (subject, error) {
	b, r := failsafePolicies(s)
	limit := bulkhead.NewBuilder[int](conns).WithMaxWaitTime(patient).Build()
	return runFailsafe(s, b, failsafe.With(b, r, limit)), nil
}

func runFailsafe(s setup, b circuitbreaker.CircuitBreaker[int], executor failsafe.Executor[int]) subject {
	if s.tripped {
		b.Open()
	}
	c := &conn{value: 1}
	do := func(e failsafe.Execution[int]) (int, error) { return s.work(e.Context(), c) }
	return subject{
		turns: func(ctx context.Context, n int) error {
			for range n {
				_, err := executor.WithContext(ctx).GetWithExecution(do)
				if (err != nil) != s.fails {
					return s.unexpected(err)
				}
			}
			return nil
		},
		close: func() {},
	}
}

// channel is a pool of connections as one writes it by hand.
type channel chan *conn

func newChannel() channel {
	c := make(channel, conns)
	for range conns {
		c <- &conn{value: 1}
	}
	return c
}

// attempt runs the work on a connection, within the limit.
func (c channel) attempt(ctx context.Context, s *setup) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, s.limit)
	defer cancel()
	select {
	case conn := <-c:
		defer func() { c <- conn }()
		return s.work(ctx, conn)
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// openResiliency is what one writes by hand around go-resiliency's breaker and
// retrier: a context with a timeout, and a channel of connections. An answer of
// the backend is kept from the breaker, which would count it as a failure.
func openResiliency(s setup) (subject, error) {
	var (
		b    = resiliency.New(failures, successes, recovery)
		r    = retrier.New(retrier.ExponentialBackoff(retries, interval), retrier.BlacklistClassifier{errNotFound})
		pool = newChannel()
	)
	r.SetJitter(0.5)
	if s.tripped {
		for range failures {
			_ = b.Run(func() error { return errDown })
		}
		if b.GetState() != resiliency.Open {
			return subject{}, fmt.Errorf("the breaker is not open after %d failures", failures)
		}
	}
	do := func(ctx context.Context) (result int, err error) {
		var answered error
		err = b.Run(func() error {
			err := r.RunCtx(ctx, func(ctx context.Context) (err error) {
				result, err = pool.attempt(ctx, &s)
				return err
			})
			if errors.Is(err, errNotFound) {
				answered, err = err, nil
			}
			return err
		})
		if err == nil {
			err = answered
		}
		return result, err
	}
	return byHandSubject(s, do), nil
}

// openGobreaker is what one writes by hand around gobreaker: a loop that makes
// the attempts, a context with a timeout, and a channel of connections.
func openGobreaker(s setup) (subject, error) {
	b := gobreaker.NewCircuitBreaker[int](gobreaker.Settings{
		MaxRequests:  successes,
		Timeout:      recovery,
		ReadyToTrip:  func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= failures },
		IsSuccessful: func(err error) bool { return err == nil || errors.Is(err, errNotFound) },
	})
	pool := newChannel()
	if s.tripped {
		for range failures {
			_, _ = b.Execute(func() (int, error) { return 0, errDown })
		}
		if b.State() != gobreaker.StateOpen {
			return subject{}, fmt.Errorf("the breaker is not open after %d failures", failures)
		}
	}
	do := func(ctx context.Context) (int, error) {
		return b.Execute(func() (int, error) {
			for wait := interval; ; wait = min(2*wait, maxInterval) {
				result, err := pool.attempt(ctx, &s)
				if err == nil || errors.Is(err, errNotFound) || wait == interval<<retries {
					return result, err
				}
				timer := time.NewTimer(wait)
				select {
				case <-timer.C:
				case <-ctx.Done():
					timer.Stop()
					return result, err
				}
			}
		})
	}
	return byHandSubject(s, do), nil
}

func byHandSubject(s setup, do func(context.Context) (int, error)) subject {
	return subject{
		turns: func(ctx context.Context, n int) error {
			for range n {
				_, err := do(ctx)
				if (err != nil) != s.fails {
					return s.unexpected(err)
				}
			}
			return nil
		},
		close: func() {},
	}
}
