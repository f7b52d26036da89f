// SPDX-License-Identifier: Apache-2.0

package fxmodule

import (
	"context"
	"log/slog"
	"time"

	"github.com/penstock-go/penstock"
)

// lifecycle starts and stops a client with its application.
type lifecycle[C any] struct {
	mode   StartMode
	client *penstock.Client[C]
	logger *slog.Logger

	cancel  context.CancelFunc // ends the start in the background
	started chan struct{}      // closed at the end of the start in the background
}

func (l *lifecycle[C]) start(ctx context.Context) error {
	start := l.client.StartLazily
	if l.mode == StartEager {
		start = l.client.Start
	}
	if err := start(ctx); err != nil {
		_ = l.close(ctx) // fx calls no stop hook after a failed start hook
		return err
	}
	if l.mode != StartBackground {
		return nil
	}
	if monitor := l.client.Monitor(); monitor != nil {
		monitor.Start()
	}
	background, cancel := context.WithCancel(context.WithoutCancel(ctx))
	l.cancel, l.started = cancel, make(chan struct{})
	go func() {
		defer close(l.started)
		if err := l.client.Start(background); err != nil && background.Err() == nil {
			l.logger.WarnContext(background, "penstock: the pool could not dial yet", "pool", l.client.Name(), "error", err)
		}
	}()
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

// close drains within half of the remaining time, and leaves the flush of telemetry to
// the end of all clients.
func (l *lifecycle[C]) close(ctx context.Context) error {
	ctx, cancel := half(ctx)
	defer cancel()
	return l.client.Close(ctx)
}

// half returns a context with half of the remaining time of ctx. The other half is for
// the hooks that run later.
func half(ctx context.Context) (context.Context, context.CancelFunc) {
	if deadline, ok := ctx.Deadline(); ok {
		return context.WithTimeout(ctx, time.Until(deadline)/2)
	}
	return context.WithCancel(ctx)
}
