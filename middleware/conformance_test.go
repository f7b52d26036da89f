// SPDX-License-Identifier: Apache-2.0

package middleware_test

import (
	"context"
	"testing"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/middleware/bulkhead"
	"github.com/penstock-go/penstock/middleware/health"
	"github.com/penstock-go/penstock/middleware/ratelimit"
	"github.com/penstock-go/penstock/middleware/retry"
	"github.com/penstock-go/penstock/middleware/timeout"
	"github.com/penstock-go/penstock/middleware/trace"
)

func ready(context.Context) error { return nil }

// TestEveryStageKeepsTheContract asks each stage alone, and the default chain.
func TestEveryStageKeepsTheContract(t *testing.T) {
	must := func(m core.Middleware, err error) core.Middleware {
		if err != nil {
			panic(err)
		}
		return m
	}
	for _, stage := range []struct {
		name string
		new  func() core.Middleware
	}{
		{trace.Name, trace.New},
		{breaker.Name, func() core.Middleware {
			b, err := breaker.New(breaker.Config{})
			return must(b.Middleware, err)
		}},
		{"breaker that counts attempts and slow ones", func() core.Middleware {
			b, err := breaker.New(breaker.Config{CountAttempts: true, SlowCallRate: 0.5})
			return must(b.Middleware, err)
		}},
		{retry.Name, func() core.Middleware { return must(retry.New(retry.Config{})) }},
		{timeout.Name, func() core.Middleware { return must(timeout.New(timeout.Config{Attempt: time.Minute})) }},
		{health.Name, func() core.Middleware {
			m, err := health.NewMonitor(health.Config{Probe: ready})
			return must(m.Middleware, err)
		}},
		{bulkhead.Name, func() core.Middleware {
			b, err := bulkhead.New(bulkhead.Config{MaxConcurrent: 4})
			return must(b.Middleware, err)
		}},
		{"bulkhead that lets wait", func() core.Middleware {
			b, err := bulkhead.New(bulkhead.Config{MaxConcurrent: 4, MaxWaiting: 4, MaxWait: time.Second})
			return must(b.Middleware, err)
		}},
		{ratelimit.Name, func() core.Middleware {
			l, err := ratelimit.New(ratelimit.Config{Rate: 100})
			return must(l.Middleware, err)
		}},
		{"the default chain", func() core.Middleware {
			chain, err := middleware.Build(middleware.Config{Health: &health.Config{Probe: ready}})
			if err != nil {
				panic(err)
			}
			return chain.Middleware
		}},
	} {
		t.Run(stage.name, func(t *testing.T) { coretest.TestMiddleware(t, stage.new) })
	}
}
