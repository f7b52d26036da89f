// SPDX-License-Identifier: Apache-2.0

package fxmodule

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"time"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/pool"
)

// lifecycle starts and stops a client with its application.
type lifecycle[C any] struct {
	mode   StartMode
	client *penstock.Client[C]
	logger *slog.Logger
	who    string    // how an error names the client
	me     *member   // the client among those of the application
	all    []*member // all clients of the application

	connected atomic.Bool   // whether the client ever had a connection
	cancel    func()        // ends the start in the background
	started   chan struct{} // closed at the end of the start in the background
}

// start leaves a fifth of the remaining time. fx calls no stop hooks of what did start
// once the time is over.
func (l *lifecycle[C]) start(ctx context.Context) error {
	l.me.running.Store(true)
	start := l.client.StartLazily
	if l.mode == StartEager {
		start = l.client.Start
	}
	begin, cancel := share(ctx, 4, 5)
	defer cancel()
	if err := start(begin); err != nil {
		_ = l.close(ctx) // fx calls no stop hook after a failed start hook
		return &wiringError{l.startError(err)}
	}
	l.connected.Store(l.mode == StartEager)
	if l.mode == StartBackground {
		l.startInBackground(ctx)
	}
	return nil
}

func (l *lifecycle[C]) startError(err error) error {
	if errors.Is(err, pool.ErrStart) {
		return inOneLine(fmt.Errorf("fxmodule: %s could not dial, and its start mode is eager (StartBackground goes on without a connection): %w", l.who, err))
	}
	return inOneLine(fmt.Errorf("fxmodule: %s did not start: %w", l.who, err))
}

// inOneLine returns err with a text of one line.
func inOneLine(err error) error {
	return &explained{strings.ReplaceAll(err.Error(), "\n", "; "), err}
}

// startInBackground dials until a connection is there. A client that has none is not
// ready, so perhaps no operation comes that would dial.
func (l *lifecycle[C]) startInBackground(ctx context.Context) {
	if monitor := l.client.Monitor(); monitor != nil {
		monitor.Start()
	}
	background, cancel := context.WithCancel(context.WithoutCancel(ctx))
	l.cancel, l.started = cancel, make(chan struct{})
	go func() {
		defer close(l.started)
		for pause := firstPause; ; pause = min(2*pause, longestPause) {
			err := l.client.Start(background)
			if err == nil {
				l.connected.Store(true)
				return
			}
			if pause == firstPause && background.Err() == nil {
				l.logger.WarnContext(background, "penstock: the pool could not dial yet", "pool", l.client.Name(), "error", err)
			}
			select {
			// Jitter, so that replicas that started together do not dial together.
			case <-time.After(pause/2 + rand.N(pause/2)):
			case <-background.Done():
				return
			}
		}
	}()
}

// How long a start in the background waits after it failed, at first and at most.
const (
	firstPause   = time.Second
	longestPause = 30 * time.Second
)

func (l *lifecycle[C]) stop(ctx context.Context) error {
	if l.cancel != nil {
		l.cancel()
		within, cancel := l.share(ctx)
		defer cancel()
		select {
		case <-l.started:
		case <-within.Done():
		}
	}
	return l.close(ctx)
}

// close drains within the share of the client, and leaves the flush of telemetry to
// the end of all clients.
func (l *lifecycle[C]) close(ctx context.Context) error {
	within, cancel := l.share(ctx)
	defer cancel()
	l.me.running.Store(false)
	begin := time.Now()
	err := l.client.Close(within)
	if forced, ok := errors.AsType[*pool.CloseError](err); ok && forced.Forced > 0 {
		return inOneLine(fmt.Errorf("fxmodule: %s was cut off after %v, its share of the stop time: %w", l.who, time.Since(begin).Round(time.Millisecond), err))
	}
	if err != nil {
		return inOneLine(fmt.Errorf("fxmodule: %s: %w", l.who, err))
	}
	return nil
}

// share returns a context with the share of the client in the remaining time. Each client
// that still runs has an equal share, and so have the hooks after all clients together.
func (l *lifecycle[C]) share(ctx context.Context) (context.Context, context.CancelFunc) {
	still := 1 // the client itself
	for _, m := range l.all {
		if m != l.me && m.running.Load() {
			still++
		}
	}
	return share(ctx, 1, still+1)
}

// share returns a context with that part of the remaining time of ctx, or without a
// deadline if ctx has none.
func share(ctx context.Context, numerator, denominator int) (context.Context, context.CancelFunc) {
	if deadline, ok := ctx.Deadline(); ok {
		return context.WithTimeout(ctx, time.Until(deadline)/time.Duration(denominator)*time.Duration(numerator))
	}
	return context.WithCancel(ctx)
}
