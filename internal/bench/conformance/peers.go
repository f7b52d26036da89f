// SPDX-License-Identifier: Apache-2.0

// Package conformance asks the circuit breakers of several libraries how they
// take faults in half-open state. "make conformance" prints the answers.
package conformance

import (
	"context"
	"errors"
	"fmt"

	resiliency "github.com/eapache/go-resiliency/breaker"
	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/failsafe-go/failsafe-go/timeout"
	"github.com/sony/gobreaker/v2"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/middleware/breaker"
)

// library is a breaker to ask. Each is configured as its own documentation says
// for what coretest.BreakerConfig asks for, and called by its main function;
// what it does not do by itself is not done for it.
type library struct {
	name string
	new  func(coretest.BreakerConfig) coretest.BreakerFunc
}

const ours = "penstock"

var libraries = []library{
	{ours, penstock},
	{"failsafe-go", failsafeGo},
	{"gobreaker", goBreaker},
	{"go-resiliency", goResiliency},
}

// penstock has the excluded error and a cancel as core and the classifier of
// the backend say: neutral.
func penstock(cfg coretest.BreakerConfig) coretest.BreakerFunc {
	b, err := breaker.New(breaker.Config{
		FailureThreshold:    cfg.Failures,
		RecoveryTimeout:     cfg.Recovery,
		HalfOpenSuccesses:   cfg.Successes,
		MaxHalfOpenRequests: cfg.Probes,
	})
	must(err)
	client, err := core.NewClient(core.ClientConfig[struct{}]{
		Source:     &coretest.Source[struct{}]{},
		Middleware: b.Middleware,
		Classifier: func(err error) core.Class {
			if errors.Is(err, cfg.Excluded) {
				return core.Class{Verdict: core.Neutral, Retry: core.RetryNever, Conn: core.Keep}
			}
			return core.Class{}
		},
	})
	must(err)
	op := core.Op{Name: "op"}
	return func(ctx context.Context, work func(context.Context) error) error {
		_, err := core.Do(ctx, client, op, func(ctx context.Context, _ struct{}) (struct{}, error) {
			return struct{}{}, work(ctx)
		})
		return err
	}
}

// failsafeGo: WithSuccessThreshold is both how many successes close it and how
// many probes it permits. There is no third verdict besides success and
// failure; HandleIf keeps the excluded error and a cancel from being failures,
// since with the default of handling every error it would open for the first of
// them. The Timeout policy inside of it ends the context of what hangs.
func failsafeGo(cfg coretest.BreakerConfig) coretest.BreakerFunc {
	b := circuitbreaker.NewBuilder[any]().
		WithFailureThreshold(uint(cfg.Failures)).
		WithSuccessThreshold(uint(cfg.Successes)).
		WithDelay(cfg.Recovery).
		HandleIf(func(_ any, err error) bool { return counts(cfg, err) }).
		Build()
	executor := failsafe.With[any](b, timeout.New[any](cfg.Recovery/2))
	return func(ctx context.Context, work func(context.Context) error) error {
		return executor.WithContext(ctx).RunWithExecution(func(e failsafe.Execution[any]) error {
			return work(e.Context())
		})
	}
}

// goBreaker: MaxRequests is both how many probes may pass in a half-open time
// and how many successes close it. IsExcluded is its own way to have an error
// be neither success nor failure.
func goBreaker(cfg coretest.BreakerConfig) coretest.BreakerFunc {
	b := gobreaker.NewCircuitBreaker[struct{}](gobreaker.Settings{
		MaxRequests: uint32(cfg.Probes),
		Timeout:     cfg.Recovery,
		ReadyToTrip: func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= uint32(cfg.Failures) },
		IsExcluded:  func(err error) bool { return err != nil && !counts(cfg, err) },
	})
	return func(ctx context.Context, work func(context.Context) error) error {
		_, err := b.Execute(func() (struct{}, error) { return struct{}{}, work(ctx) })
		return err
	}
}

// goResiliency has no limit of probes and does not look at errors. What is no
// failure is kept from it by returning it beside Run, which makes it a success.
func goResiliency(cfg coretest.BreakerConfig) coretest.BreakerFunc {
	b := resiliency.New(cfg.Failures, cfg.Successes, cfg.Recovery)
	return func(ctx context.Context, work func(context.Context) error) error {
		var beside error
		err := b.Run(func() error {
			err := work(ctx)
			if err != nil && !counts(cfg, err) {
				beside = err
				return nil
			}
			return err
		})
		if err == nil {
			return beside
		}
		return err
	}
}

// counts reports whether err should count as a failure of the backend.
func counts(cfg coretest.BreakerConfig, err error) bool {
	return err != nil && !errors.Is(err, cfg.Excluded) && !errors.Is(err, context.Canceled)
}

func must(err error) {
	if err != nil {
		panic(fmt.Sprintf("conformance: %v", err))
	}
}
