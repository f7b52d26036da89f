// SPDX-License-Identifier: Apache-2.0

package fxmodule

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"go.opentelemetry.io/otel/metric"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/health"
	"github.com/penstock-go/penstock/otelx"
	"github.com/penstock-go/penstock/pool"
)

// lifecycle starts and stops a client with its application.
type lifecycle[C any] struct {
	mode   StartMode
	pool   *pool.Pool[C]
	client *core.Client[C]

	observer *otelx.Observer
	meter    metric.MeterProvider
	logger   *slog.Logger

	cancel  context.CancelFunc // of the start in the background
	started chan struct{}      // closed when that is over
}

func (l *lifecycle[C]) start(ctx context.Context) error {
	chain, _ := core.Part[*middleware.Chain](l.client)
	l.logger.DebugContext(ctx, "penstock: client starts", "pool", l.pool.Name(), "chain", chain.String())
	for _, w := range chain.Warnings {
		l.logger.WarnContext(ctx, "penstock: settings of the chain work against each other", "pool", l.pool.Name(), "warning", w)
	}
	switch l.mode {
	case StartEager:
		if err := l.pool.Start(ctx); err != nil {
			// fx does not call the stop hook of a start hook that failed.
			_ = l.close(ctx)
			return err
		}
	case StartBackground:
		background, cancel := context.WithCancel(context.WithoutCancel(ctx))
		l.cancel, l.started = cancel, make(chan struct{})
		go func() {
			defer close(l.started)
			if err := l.pool.Start(background); err != nil && background.Err() == nil {
				l.logger.WarnContext(background, "penstock: the pool could not dial yet", "pool", l.pool.Name(), "error", err)
			}
		}()
	}
	if monitor, ok := core.Part[*health.Monitor](l.client); ok {
		monitor.Start()
	}
	return nil
}

func (l *lifecycle[C]) stop(ctx context.Context) error {
	if l.cancel != nil {
		l.cancel()
		select {
		case <-l.started:
		case <-ctx.Done():
		}
	}
	return l.close(ctx)
}

// close drains within half of the time that is left, so that those who stop
// later, telemetry above all, have time too.
func (l *lifecycle[C]) close(ctx context.Context) error {
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(deadline)/2)
		defer cancel()
	}
	err := l.client.Close(ctx)
	if meter, ok := l.meter.(interface{ ForceFlush(context.Context) error }); ok {
		// The last figures of the pool, which the observer takes with it. Those who
		// collect report their own errors.
		_ = meter.ForceFlush(ctx)
	}
	return errors.Join(err, l.observer.Close(ctx))
}
